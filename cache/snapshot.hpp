// A snapshot: what a run that left nothing to do had looked at, as one flat file that is used where it lies. While all
// of it is so still, the same command would find nothing to do again (docs/design/0009-short-path.md).
//
// The form, each part where the one before ends; see cache/flat_file.hpp:
//   SnapshotHeader
//   device     u64 each                  numbers of devices, which looks name by index
//   look       SnapshotLook each         those of one directory together, by inode
//   directory  SnapshotDirectory each
//   word       u32 each                  places in the text: the command line behind `run`
//   variable   u32 each                  likewise: names of environment variables that were asked for
//   text       bytes                     strings, each with a zero at its end; the last byte is a zero
// `sum` is the XXH3-128 of all behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "cache/disk.hpp"
#include "schemas/digest.hpp"

namespace trilock {

struct SnapshotLook {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint32_t name = 0;  // in the text; in its directory, "." for the directory itself
  std::uint16_t mode = 0;
  std::uint16_t device = 0;
  FileType type = FileType::other;
  // Truths as bytes, since a damaged file may have any.
  std::uint8_t present = 0;   // otherwise there was nothing of that name, and the numbers are 0
  std::uint8_t followed = 0;  // a symlink counts as what it leads to
  std::uint8_t reserved = 0;
  std::uint32_t askers = 0;  // who asked for it: see cache/graph_index.hpp
};
static_assert(sizeof(SnapshotLook) == 48 && std::is_trivially_copyable_v<SnapshotLook>);

struct SnapshotDirectory {
  std::uint32_t path = 0;   // in the text; absolute
  std::uint32_t first = 0;  // of its looks
  std::uint32_t count = 0;
};

struct SnapshotHeader {
  std::uint64_t magic = 0;
  FastDigest sum;
  std::uint64_t bytes = 0;  // of the whole file
  FastDigest environment;   // environment_digest() of the variables
  FastDigest graph;         // GraphHeader::sum of the graph behind it
  std::uint32_t devices = 0;
  std::uint32_t looks = 0;
  std::uint32_t directories = 0;
  std::uint32_t words = 0;
  std::uint32_t variables = 0;
  std::uint32_t text_bytes = 0;
  std::uint32_t user = 0;  // effective user and group, which decide what can be looked at
  std::uint32_t group = 0;
  std::uint32_t root = 0;       // in the text: the workspace
  std::uint32_t directory = 0;  // in the text: where the command worked; "" when that decides nothing
  std::uint32_t program = 0;    // in the text: the program that planned and decided
  std::uint32_t machine = 0;    // in the text: of uname()
  // In the text: what a run says at its end, without the time that it took; "" when it has something to do even if all
  // is as recorded.
  std::uint32_t report = 0;
  std::uint32_t boot = 0;  // in the text: Boot::id; after another one no stat says that bytes are what they were
};
static_assert(sizeof(SnapshotHeader) == 120 && std::is_trivially_copyable_v<SnapshotHeader>);

// What a run is the same run by, besides what it looks at.
struct SnapshotRun {
  std::vector<std::string> words;
  std::vector<std::string> variables;
  FastDigest environment;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::string root;
  std::string directory;
  std::string program;
  std::string machine;
  std::string boot;
  std::string report;
  FastDigest graph = {};
};

// The value of a variable; none when it is not set.
using VariableLookup = std::function<std::optional<std::string_view>(std::string_view name)>;
[[nodiscard]] FastDigest environment_digest(std::span<const std::string_view> names, const VariableLookup& value);

class SnapshotBuilder {
 public:
  // `directory` is absolute. Faster when those of one directory come one after the other.
  void add(std::string_view directory, std::string_view name, bool followed, const FileStat* stat,
           std::uint32_t askers = 0);
  // The bytes of the file; none when there is more than the form has numbers for.
  [[nodiscard]] std::optional<std::string> finish(const SnapshotRun& run);

 private:
  std::uint32_t text(std::string_view text);
  std::uint32_t directory_of(std::string_view path);
  void sort_looks();

  std::vector<std::uint64_t> devices_;
  std::vector<SnapshotLook> looks_;
  std::vector<std::uint32_t> of_;  // beside looks_: its directory
  std::vector<SnapshotDirectory> directories_;
  std::unordered_map<std::string, std::uint32_t> by_path_;
  std::string text_ = std::string(1, '\0');
  bool too_large_ = false;
};

// Over bytes that outlive it, aligned to 8. Thread rule: any thread.
class SnapshotView {
 public:
  // None when the bytes are no snapshot of this version, whole. `has_sum` is what costs: it reads them all.
  [[nodiscard]] static std::optional<SnapshotView> over(std::string_view bytes);
  [[nodiscard]] bool has_sum() const;

  [[nodiscard]] const SnapshotHeader& header() const { return *header_; }
  [[nodiscard]] std::span<const SnapshotDirectory> directories() const { return directories_; }
  // Empty when the numbers of the directory lead out of the file.
  [[nodiscard]] std::span<const SnapshotLook> looks(const SnapshotDirectory& directory) const;
  [[nodiscard]] std::uint32_t look_count() const { return header_->looks; }
  [[nodiscard]] std::span<const std::uint32_t> words() const { return words_; }
  [[nodiscard]] std::span<const std::uint32_t> variables() const { return variables_; }
  [[nodiscard]] std::optional<std::uint64_t> device(std::uint16_t index) const;
  // Null when `place` leads out of the file. Ends with a zero inside of it.
  [[nodiscard]] const char* text(std::uint32_t place) const {
    return place < header_->text_bytes ? text_ + place : nullptr;
  }
  [[nodiscard]] bool is(std::uint32_t place, std::string_view expected) const;
  // Whether a snapshot of that run would differ in its looks alone.
  [[nodiscard]] bool is_of(const SnapshotRun& run) const;
  // None when there was nothing of that name.
  [[nodiscard]] std::optional<FileStat> stat_of(const SnapshotLook& look) const;

 private:
  std::string_view bytes_;
  const SnapshotHeader* header_ = nullptr;
  std::span<const std::uint64_t> devices_;
  std::span<const SnapshotLook> looks_;
  std::span<const SnapshotDirectory> directories_;
  std::span<const std::uint32_t> words_;
  std::span<const std::uint32_t> variables_;
  const char* text_ = nullptr;
};

// The snapshot after the next run, where that looked at the same: only stats are others. Works in the bytes of the one
// before, which outlive it and which nobody else reads.
class SnapshotRevision {
 public:
  // `bytes` are those of a snapshot that SnapshotView::over took.
  explicit SnapshotRevision(std::span<char> bytes);
  // False when the stat names a device that the snapshot has no place for, or there is no such look.
  [[nodiscard]] bool set(std::uint32_t look, const std::optional<FileStat>& stat);
  // With this it is a snapshot again, whose graph has that sum.
  void seal(const FastDigest& graph);

 private:
  std::span<char> bytes_;
  SnapshotHeader header_;
};

}  // namespace trilock
