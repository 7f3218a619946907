// Where a workspace is, where it keeps its state, and where this program is. Linked into the front as well
// (engine/cli/front.cpp), which holds nothing else of the engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trilock {

// The nearest folder at or above `start` that has a `trilock.toml`; "" when there is none.
[[nodiscard]] std::string find_workspace(const std::string& start);

// `set` is the value of TRILOCK_STATE_DIR.
[[nodiscard]] std::string state_directory(const std::string& root, std::optional<std::string_view> set);

// The snapshot that a run leaves when there is nothing left to do (cache/snapshot.hpp). A run that owns the workspace
// takes it away before it does anything else.
[[nodiscard]] std::string snapshot_file(const std::string& state_directory);
// What belongs to it (cache/graph_index.hpp).
[[nodiscard]] std::string graph_file(const std::string& state_directory);

// What a watched run that left no snapshot had looked at, for the watcher alone (engine/cli/run_looks.hpp).
[[nodiscard]] std::string run_looks_file(const std::string& state_directory);

// The file of this process; "" when it is not known.
[[nodiscard]] std::string own_file();

}  // namespace trilock
