// Which programs a shell script starts: the first words of its commands, less what is no program. Behind `env`, `exec`,
// `timeout`, `xargs` and the like the program that they start is meant as well, and `sh -c` leads to a script of its
// own. What only shows when the script runs (`$CC`, `eval` of what was read) is not found. Thread rule: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trilock {

// In the order in which they would first start, each once; names, and paths as they are written. Builtins, keywords and
// functions of the script are left out.
[[nodiscard]] std::vector<std::string> programs_of_script(std::string_view script);
// The same of a command that is started directly, itself among them.
[[nodiscard]] std::vector<std::string> programs_of_command(std::span<const std::string> words);

}  // namespace trilock
