// A run after a change, of the nodes that it can have to do with (docs/design/0012-change-path.md): which nodes are to
// be decided anew, which tables have to be read and planned for that, and whether what was planned fits to the rest of
// the graph, of which only what cache/graph_index.hpp keeps is known.
//
// Thread rule: one thread, but for `Surroundings`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/graph_index.hpp"
#include "cache/snapshot.hpp"
#include "cache/source_tree.hpp"
#include "engine/graph.hpp"
#include "engine/run.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// The nodes that asked for a look, of one graph; ascending, each once. Everybody is the last of them.
[[nodiscard]] std::vector<std::uint32_t> nodes_of(std::span<const std::uint32_t> askers);

// All of a node that others have to do with besides their dependencies on each other: what it makes, what it selects,
// what it knows that must not be shown.
[[nodiscard]] FastDigest shape_of(const Node& node);

// What is kept of a graph; `wanted` says which nodes the run was about. Pieces are those of files that have tables.
[[nodiscard]] GraphIndex index_of_graph(const PlannedPipeline& planned, const SourceMap& sources,
                                        const std::vector<bool>& wanted);

class Change final : public TableChoice, public Surroundings {
 public:
  // `differing` are looks of `snapshot`; `graph` belongs to it. Both outlive the result. None when only planning
  // everything can tell what is to be done. Changed files of the pipeline are read through `tree`.
  [[nodiscard]] static std::unique_ptr<Change> of(const SnapshotView& snapshot, const GraphView& graph,
                                                  std::span<const std::uint32_t> differing, SourceTree& tree);

  // The same of nodes that are to be decided anew, whatever changed.
  [[nodiscard]] static std::unique_ptr<Change> of(const SnapshotView& snapshot, const GraphView& graph,
                                                  std::span<const NodeId> nodes);

  // What is read in the course of it that earlier runs may have known: as the source tree has them.
  [[nodiscard]] const std::vector<std::string>& paths_to_remember() const { return paths_; }

  // A file that is no longer as it was found to be is an error.
  Result<ChosenText> read(const std::string& path, PipelineWorld& world) const override;
  bool links(std::string_view title) const override;

  // Whether a pipeline that was loaded with this choice has the nodes that it should have, and none of them would make
  // a difference to a node that was not loaded.
  [[nodiscard]] bool fits(const Graph& graph);
  // After `fits`: for the run over that graph. `recorded` are the results of its nodes; none when one that is not
  // decided has none.
  [[nodiscard]] std::optional<RunScope> scope(const Graph& graph, std::vector<StoredResult> recorded) const;

  void add_foreign_outputs(NodeId id, std::vector<std::string>& outputs) const override;

  // The node of all that a node of the loaded graph is.
  [[nodiscard]] std::uint32_t whole_id(NodeId id) const { return whole_ids_[index_of(id)]; }
  [[nodiscard]] bool is_decided(std::uint32_t node) const { return decided_[node]; }
  // The graph as it is kept from now on, without rows. `open` are those of the decided nodes, as the loaded graph names
  // them, that every run decides.
  [[nodiscard]] GraphIndex index(std::span<const NodeId> open) const;
  // The same, written over the graph of before, rows and all; `this` is of no use after that.
  void revise(GraphRevision& graph, std::span<const NodeId> open) const;
  // Whether every run will decide some node.
  [[nodiscard]] bool leaves_open(std::span<const NodeId> open) const;
  // Whether a look of everybody's is at a file of the pipeline, which may have changed.
  [[nodiscard]] bool is_pipeline_file(std::string_view directory, std::string_view name) const;
  [[nodiscard]] const GraphView& graph() const { return graph_; }
  [[nodiscard]] const SnapshotView& snapshot() const { return snapshot_; }

 private:
  struct File {
    std::vector<GraphPiece> pieces;  // as they are now
    std::uint32_t bytes = 0;
  };

  Change(const SnapshotView& snapshot, const GraphView& graph);
  bool find_changed(std::span<const std::uint32_t> differing, SourceTree& tree);
  bool add_askers(const SnapshotLook& look, bool of_pipeline);
  bool read_pieces(std::size_t file, SourceTree& tree);
  bool add_dependents();
  bool choose_tables();
  void collect_paths();
  [[nodiscard]] bool complete();
  [[nodiscard]] std::optional<std::size_t> file_of(std::string_view directory, std::string_view name) const;

  SnapshotView snapshot_;
  GraphView graph_;
  std::vector<File> files_;
  std::vector<bool> decided_;                                            // by node
  std::vector<bool> read_;                                               // by table
  std::vector<bool> linked_;                                             // by table
  std::vector<std::string> paths_;                                       // to remember
  std::unordered_map<std::string_view, std::uint32_t> tables_by_title_;  // that are read
  std::vector<std::uint32_t> whole_ids_;                                 // by node of the loaded graph
};

}  // namespace trilock
