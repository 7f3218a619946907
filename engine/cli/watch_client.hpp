// Asking the watcher of a workspace (`trilock watch`), where there is one, whether what a snapshot speaks of is so
// still. It takes the same time however much that is. Linked into the front alone.
#pragma once

#include <optional>
#include <string>

#include "engine/watch/message.hpp"

namespace trilock::cli {

// Whether there is anybody to ask: costs one system call.
[[nodiscard]] bool may_be_watched(const std::string& state_directory);

// None when nobody answers, in time, as this user, and about this snapshot; or when the watcher does not know.
[[nodiscard]] std::optional<WatchAnswer> ask_watcher(const std::string& state_directory,
                                                     const SnapshotIdentity& snapshot);

}  // namespace trilock::cli
