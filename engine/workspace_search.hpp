// Where a workspace is, what its state's files are called, and where this program is. Linked into the front as well
// (engine/cli/front.cpp), which holds nothing else of the engine.
#pragma once

#include <string>

namespace trilock {

// The nearest folder at or above `start` that has a `trilock.toml`; "" when there is none.
[[nodiscard]] std::string find_workspace(const std::string& start);

// Files of the directory for disposable state (engine/state_place.hpp).
//
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
