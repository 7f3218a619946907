#include "engine/command_text.hpp"

#include <fmt/format.h>

#include <vector>

#include "schemas/action.hpp"

namespace trilock {

std::string command_line(std::span<const std::string_view> arguments) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_\x1f";
  std::string line;
  for (const std::string_view argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_not_of(plain) == std::string_view::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument)
      if (c == '\'')
        line += "'\\''";
      else
        line += c;
    line += '\'';
  }
  return line;
}

std::string command_line(std::span<const std::string> arguments) {
  const std::vector<std::string_view> views(arguments.begin(), arguments.end());
  return command_line(views);
}

std::string printable(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  while (!value.empty()) {
    if (value.starts_with(workspace_marker)) {
      text += "<workspace>";
      value.remove_prefix(workspace_marker.size());
    } else if (value.starts_with(scratch_marker)) {
      text += "<scratch>";
      value.remove_prefix(scratch_marker.size());
    } else if (value.starts_with(state_marker)) {
      text += "<state>";
      value.remove_prefix(state_marker.size());
    } else {
      text += value.front();
      value.remove_prefix(1);
    }
  }
  return text;
}

std::string escaped(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    if (c == '\n')
      line += "\\n";
    else if (c == '\t')
      line += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      line += c;
  }
  return line;
}

}  // namespace trilock
