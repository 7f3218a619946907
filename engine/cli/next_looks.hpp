// The looks of the snapshot after a run over a part of the graph: those of the one before, without what the nodes that
// were decided anew had asked for, and with what they asked for this time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/graph_index.hpp"
#include "cache/snapshot.hpp"
#include "cache/source_tree.hpp"
#include "engine/change.hpp"

namespace trilock::cli {

// What is written over in the snapshot of before, when the same nodes asked for the same looks.
struct RevisedLooks {
  std::vector<std::pair<std::uint32_t, std::optional<FileStat>>> stats;
  std::vector<std::pair<std::uint32_t, std::string>> own;  // looks at files that change until the very end
};

class NextLooks {
 public:
  // `own` are absolute paths; looks at them are left to the end. Both outlive it.
  NextLooks(const Change& change, std::span<const std::string> own);

  enum class Of : std::uint8_t { everything, planning };
  // Takes what `tree` kept account of, with the nodes of the loaded graph as askers; of `planning` only what was looked
  // at for that. False when a look of it cannot be trusted.
  [[nodiscard]] bool take(const SourceTree& tree, Of of);

  // Once all is taken, one of these. None when there are other looks than before, by others, or `add_to` would fail.
  [[nodiscard]] std::optional<RevisedLooks> revised() const;
  // False when something that only nodes beside the part had looked at is no longer as it was: then nobody knows what
  // they would do. Leaves nothing behind.
  [[nodiscard]] bool add_to(SnapshotBuilder& looks, GraphIndex& graph);

 private:
  struct Look {
    std::optional<FileStat> stat;
    std::vector<std::uint32_t> askers;  // nodes of the whole graph
  };
  using Name = std::pair<std::string, bool>;  // and whether it was followed
  struct ByName {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return std::pair<std::string_view, bool>(a.first, a.second) <
             std::pair<std::string_view, bool>(b.first, b.second);
    }
  };
  using Directory = std::map<Name, Look, ByName>;

  // Null when it has none of that name.
  [[nodiscard]] static const Look* look_in(const Directory& directory, std::string_view name, bool followed);
  [[nodiscard]] bool is_own(std::string_view directory, std::string_view name) const;
  // Those who asked for a look of before and are not decided anew.
  [[nodiscard]] std::vector<std::uint32_t> rest_of(const SnapshotLook& look) const;
  [[nodiscard]] bool holds(const SnapshotLook& look, std::string_view directory, std::string_view name, const Look& now,
                           std::span<const std::uint32_t> rest) const;
  // Counts the looks that were taken as well in `met`.
  [[nodiscard]] bool revise_directory(const SnapshotDirectory& directory, std::string_view path, RevisedLooks& revised,
                                      std::size_t& met) const;
  [[nodiscard]] bool add_directory(const SnapshotDirectory& directory, SnapshotBuilder& looks, GraphIndex& graph);

  const Change& change_;
  const SnapshotView& snapshot_;
  std::span<const std::string> own_;
  std::map<std::string, Directory, std::less<>> taken_;
};

}  // namespace trilock::cli
