// The targets of a Taskfile or a Makefile, as far as they can be read without running anything. Both languages compute;
// what is computed is left out, never guessed. Pure; any thread.
// Sources: taskfile.dev, "Schema Reference"; GNU Make manual, "Writing Rules".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trilock {

struct BuildTarget {
  std::string name;
  std::string description;
  std::vector<std::string> sources;  // what it says that it reads: `sources`, prerequisites
  std::vector<std::string> results;  // what it says that it writes: `generates`
};

// In the order of the file. Those that are internal, or whose names are computed, are left out.
[[nodiscard]] std::vector<BuildTarget> taskfile_targets(std::string_view text);
[[nodiscard]] std::vector<BuildTarget> makefile_targets(std::string_view text);

}  // namespace trilock
