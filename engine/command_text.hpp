// Texts of actions for people: argument lists, markers and control characters on one line. Thread rule: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace trilock {

// A command line as it would be typed into a shell. Two lists of arguments never give the same line. Markers of paths
// (schemas/action.hpp) count as letters.
[[nodiscard]] std::string command_line(std::span<const std::string_view> arguments);
[[nodiscard]] std::string command_line(std::span<const std::string> arguments);

// Markers as words: "<workspace>".
[[nodiscard]] std::string printable(std::string_view value);

// Control characters as escapes of C.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace trilock
