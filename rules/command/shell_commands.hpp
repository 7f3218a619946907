// The commands of a shell script, as far as its text says them: no shell is asked, and nothing is expanded.
// POSIX.1-2024, Shell Command Language (XCU 2), and what bash adds to it. Thread rule: pure functions.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/command/shell_words.hpp"

namespace trilock {

using ShellCommand = std::vector<ShellWord>;  // a simple command, its assignments first; without redirections

struct ShellScript {
  std::vector<ShellCommand> commands;  // those of groups, functions and substitutions too, the latter before their own
  std::set<std::string, std::less<>> functions;
};

// Never fails: what is no shell at all gives some commands or none. Bodies of here-documents are passed over, and so is
// what is nested too deep to be meant.
[[nodiscard]] ShellScript read_shell_script(std::string_view text);

}  // namespace trilock
