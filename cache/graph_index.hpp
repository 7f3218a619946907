// The graph behind a snapshot, as one flat file beside it: what has to be known of all nodes by a run that plans and
// decides only some of them (docs/design/0012-change-path.md). The front does not need it.
//
// The form, each part where the one before ends; see cache/flat_file.hpp:
//   GraphHeader
//   node        GraphNode each    in the order of the targets
//   piece       GraphPiece each   of the pipeline's files, those of one file together, in its order
//   file        GraphFile each
//   table       GraphTable each
//   row         GraphStretch each of `ask`: who asked for a look, by SnapshotLook::askers
//   dependency  u32 each          nodes
//   output      u32 each          places in the text
//   secret      u32 each          places in the text: names of environment variables that are secrets of some node
//   ask         u32 each          nodes, or SourceTree::everybody
//   text        bytes             strings, each with a zero at its end
// `sum` is the XXH3-128 of all behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "schemas/digest.hpp"

namespace trilock {

struct GraphStretch {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct GraphNode {
  FastDigest shape;  // of all that other nodes have to do with: see shape_of in engine/change.hpp
  std::uint32_t label = 0;
  std::uint32_t table = 0;
  GraphStretch dependencies;  // ascending
  GraphStretch outputs;       // and depfiles
  // Truths.
  std::uint32_t wanted = 0;  // the run was about it
  std::uint32_t open = 0;    // it did not come out, or is never left alone: every run decides it
};

// From one header `[rule.name]` to the next.
struct GraphPiece {
  FastDigest sum;
  std::uint32_t begin = 0;         // bytes
  std::uint32_t lines_before = 0;  // in the file
  std::uint32_t table = 0;         // `none` when there is something in it besides that table
  std::uint32_t title = 0;         // in the text: "rule.name"
  static constexpr std::uint32_t none = 0xffffffff;
};

struct GraphFile {
  std::uint32_t path = 0;  // in the text; relative to the workspace
  std::uint32_t bytes = 0;
  GraphStretch pieces;
};

struct GraphTable {
  std::uint32_t title = 0;  // in the text: "rule.name"
  GraphStretch nodes;
};

struct GraphHeader {
  std::uint64_t magic = 0;
  FastDigest sum;
  std::uint64_t bytes = 0;  // of the whole file
  std::uint32_t nodes = 0;
  std::uint32_t pieces = 0;
  std::uint32_t files = 0;
  std::uint32_t tables = 0;
  std::uint32_t rows = 0;
  std::uint32_t dependencies = 0;
  std::uint32_t outputs = 0;
  std::uint32_t secrets = 0;
  std::uint32_t asks = 0;
  std::uint32_t text_bytes = 0;
};
static_assert(sizeof(GraphNode) == 48 && sizeof(GraphPiece) == 32 && sizeof(GraphHeader) == 72);

// The parts of a file to be. The first row is of what everybody asked for.
class GraphIndex {
 public:
  GraphIndex();

  std::uint32_t text(std::string_view text);
  // The row of these askers; ascending, each once. The row of nobody is that of everybody: nothing may be known of it.
  std::uint32_t row(std::span<const std::uint32_t> askers);
  // The bytes of the file; none when there is more than the form has numbers for.
  [[nodiscard]] std::optional<std::string> finish() const;
  [[nodiscard]] static FastDigest sum_of(std::string_view file);  // as it stands in what `finish` gave

  std::vector<GraphNode> nodes;
  std::vector<GraphPiece> pieces;
  std::vector<GraphFile> files;
  std::vector<GraphTable> tables;
  std::vector<std::uint32_t> dependencies;
  std::vector<std::uint32_t> outputs;
  std::vector<std::uint32_t> secrets;

 private:
  friend class GraphView;
  std::vector<GraphStretch> rows_;
  std::vector<std::uint32_t> asks_;
  std::string text_ = std::string(1, '\0');
  bool too_large_ = false;
};

// What may be others of a graph that has the same nodes and the same askers after the next run. Works in the bytes of
// the one before, which outlive it and which nobody else reads.
class GraphRevision {
 public:
  // `bytes` are those of a graph that GraphView::over took.
  explicit GraphRevision(std::span<char> bytes);
  void set_open(std::size_t node, bool open);
  // Of a file, with as many pieces as it had.
  void set_pieces(std::size_t file, std::uint32_t bytes, std::span<const GraphPiece> pieces);
  // With this it is a graph again. Whether it is another one.
  [[nodiscard]] bool seal();
  [[nodiscard]] FastDigest sum() const;  // after that

 private:
  template <class Part>
  [[nodiscard]] Part at(std::size_t place) const;
  template <class Part>
  void put(std::size_t place, const Part& part);

  std::span<char> bytes_;
  GraphHeader header_;
  bool changed_ = false;
};

// Over bytes that outlive it, aligned to 8. Thread rule: any thread.
class GraphView {
 public:
  // None when the bytes are no file of this version, whole, with the sum that its snapshot names.
  [[nodiscard]] static std::optional<GraphView> over(std::string_view bytes, const FastDigest& sum);

  std::span<const GraphNode> nodes;
  std::span<const GraphPiece> pieces;
  std::span<const GraphFile> files;
  std::span<const GraphTable> tables;
  std::span<const std::uint32_t> secrets;

  // Each is empty when the numbers lead out of the file.
  [[nodiscard]] std::span<const std::uint32_t> dependencies(const GraphNode& node) const;
  [[nodiscard]] std::span<const std::uint32_t> outputs(const GraphNode& node) const;
  [[nodiscard]] std::span<const GraphPiece> pieces_of(const GraphFile& file) const;
  // Everybody when there is no such row.
  [[nodiscard]] std::span<const std::uint32_t> askers(std::uint32_t row) const;
  [[nodiscard]] std::string_view text(std::uint32_t place) const;

  // The same parts, but for the rows, which the looks of another snapshot name.
  [[nodiscard]] GraphIndex without_rows() const;

 private:
  std::span<const GraphStretch> rows_;
  std::span<const std::uint32_t> dependencies_;
  std::span<const std::uint32_t> outputs_;
  std::span<const std::uint32_t> asks_;
  std::string_view text_;
};

}  // namespace trilock
