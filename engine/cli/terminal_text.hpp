// Text as a terminal shows it: how wide it is, what of it can be seen, what colors it may have. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace trilock::cli {

// Columns that a text takes: 2 for wide characters (Unicode's East Asian Width W and F, emoji), 0 for combining ones.
// Escape sequences take none. A sequence of joined emoji counts as its parts, which no terminal exceeds.
[[nodiscard]] std::size_t display_width(std::string_view text);

// As much of the beginning as fits into `columns`, with `…` for what was cut off.
[[nodiscard]] std::string fit(std::string_view text, std::size_t columns);

enum class Colors : std::uint8_t { strip, keep };

// What a terminal would show of a line once it has been written whole: text after a carriage return lies over what was
// there (a progress bar), a backspace goes back. Escape sequences are left out, except colors if they are kept, and
// those are ended at the end of the line; so are control characters except tabs. Invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string visible_line(std::string_view line, Colors colors);

// Follows what a process writes, to say what its last line is. Keeps at most 4 KiB.
class LastLine {
 public:
  void feed(std::string_view text);
  [[nodiscard]] std::string text() const;  // visible, without colors

 private:
  std::string complete_;
  std::string current_;
};

// Environment variables win over what standard output or error is: NO_COLOR (not empty) is no, then CLICOLOR_FORCE or
// FORCE_COLOR (not empty) is yes unless it is `0`; otherwise a terminal whose TERM is not `dumb` has colors.
[[nodiscard]] bool use_color(const std::map<std::string, std::string>& environment, bool terminal);

}  // namespace trilock::cli
