// The engine as a program: everything that the front cannot answer itself. It lies beside the front, or in the folder
// for such programs (`libexec`). A front that was copied somewhere by itself carries one with it, as a section of its
// own file; starting that takes some milliseconds more.
#pragma once

#include <string>
#include <vector>

namespace trilock::cli {

// Where the engine of a front in `own_file` may be, in this order.
[[nodiscard]] std::vector<std::string> engine_places(const std::string& own_file);
// Becomes the engine, in the same process and with the same arguments. Comes back when there is none, with the exit
// code to end with.
[[nodiscard]] int become_engine(const std::string& own_file, char** argv);

}  // namespace trilock::cli
