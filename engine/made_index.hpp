// Which files results of this workspace made, under whatever label they had then, and whether or not they are kept. It
// is asked for the few files that are not as their node's last result left them, and reads the state database when it
// first is. Thread rule: any thread.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/source_tree.hpp"
#include "cache/state_db.hpp"
#include "schemas/action.hpp"

namespace trilock {

class MadeIndex {
 public:
  explicit MadeIndex(StateDb& db) : db_(db) {}

  // Whether what is at `path` (relative to the workspace) has the bytes, or is the symlink, that a result left there.
  // The mode does not count: nothing is lost with it.
  [[nodiscard]] bool holds(SourceTree& tree, const std::string& path);

 private:
  using ByPath = std::unordered_map<std::string, std::vector<OutputEntry>>;
  [[nodiscard]] ByPath read() const;

  StateDb& db_;
  std::mutex mutex_;
  std::optional<ByPath> entries_;  // guarded by mutex_ until it is there, then const
};

// Whether the disk has the bytes, or the symlink, of this entry; whatever its mode.
[[nodiscard]] bool is_content_of(SourceTree& tree, const OutputEntry& entry);

}  // namespace trilock
