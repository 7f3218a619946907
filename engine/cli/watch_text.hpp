// What `trilock watch` says between runs. Pure functions.
#pragma once

#include <span>
#include <string>

#include "engine/watch/watcher.hpp"

namespace trilock::cli {

// "src/a.go changed", "3 files changed: a, b, c", "12 files changed: a, b, c and 9 more"; seen from `root`. What lies
// in the state directory is the work of another run.
[[nodiscard]] std::string changes_text(std::span<const Watcher::Difference> changes, const std::string& root,
                                       const std::string& state_dir);

}  // namespace trilock::cli
