// Widths are those of the C library, asked in a UTF-8 locale of this thread alone; it is opened for each text, which
// costs a few microseconds since glibc keeps it, and only texts that are no ASCII need it.
#include "engine/cli/terminal_text.hpp"

#include <fmt/format.h>
#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <utility>

#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

constexpr char escape = '\x1b';
constexpr char32_t emoji_selector = 0xfe0f;  // asks for the wide form of the character before it
constexpr std::size_t longest_kept = 4096;

class WidthLocale {
 public:
  WidthLocale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = ::uselocale(locale_);
  }
  ~WidthLocale() {
    if (locale_ == nullptr) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  WidthLocale(const WidthLocale&) = delete;
  WidthLocale& operator=(const WidthLocale&) = delete;

  // A character that the library does not know takes two columns: a line that is too short does no harm, one that is
  // too long is wrapped.
  [[nodiscard]] std::size_t of(char32_t character) const {
    if (character == emoji_selector) return 1;
    if (locale_ == nullptr) return 2;
    const int width = ::wcwidth(static_cast<wchar_t>(character));
    return width < 0 ? 2 : static_cast<std::size_t>(width);
  }

 private:
  locale_t locale_;
  locale_t before_{};
};

// The length of the escape sequence that a text begins with (ECMA-48): CSI up to its final byte, OSC and other strings
// up to BEL or ST, anything else two bytes. All of the text when it is cut off.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  if (text[1] == '[') {
    for (std::size_t i = 2; i < text.size(); ++i)
      if (text[i] >= 0x40 && text[i] <= 0x7e) return i + 1;
    return text.size();
  }
  if (std::string_view("]P^_X").contains(text[1])) {
    const std::size_t end = text.find_first_of("\a\x1b", 2);
    if (end == std::string_view::npos) return text.size();
    return std::min(text.size(), end + (text[end] == '\a' ? 1 : 2));
  }
  std::size_t length = 1;
  while (length < text.size() && text[length] >= 0x20 && text[length] <= 0x2f) ++length;  // intermediate bytes
  return std::min(text.size(), length + 1);
}

bool is_color(std::string_view sequence) {
  return sequence.starts_with("\x1b[") && sequence.ends_with('m') &&
         sequence.find_first_not_of("0123456789;:", 2) == sequence.size() - 1;
}

bool shows_something(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(text[0] == escape ? escape_length(text) : 1))
    if (text[0] != escape && static_cast<unsigned char>(text[0]) >= 0x20 && text[0] != 0x7f) return true;
  return false;
}

// What follows the last carriage return that has something to show after it.
std::string_view last_overlay(std::string_view line) {
  for (;;) {
    const std::size_t over = line.rfind('\r');
    if (over == std::string_view::npos) return line;
    if (shows_something(line.substr(over + 1))) return line.substr(over + 1);
    line = line.substr(0, over);
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Calls `character(bytes, width)` and `sequence(bytes)` until the first of them is false.
template <class OnCharacter, class OnSequence>
void for_each_cell(std::string_view text, OnCharacter character, OnSequence sequence) {
  const WidthLocale widths;
  while (!text.empty()) {
    if (text[0] == escape) {
      const std::size_t length = escape_length(text);
      sequence(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    const CodePoint point = decode_utf8(text);
    const std::size_t width = !point.valid ? 1 : is_control(point.value) ? 0 : widths.of(point.value);
    if (!character(text.substr(0, point.size), width)) return;
    text.remove_prefix(point.size);
  }
}

}  // namespace

std::size_t display_width(std::string_view text) {
  if (is_ascii(text)) return text.size();
  std::size_t width = 0;
  for_each_cell(
      text,
      [&](std::string_view, std::size_t columns) {
        width += columns;
        return true;
      },
      [](std::string_view) {});
  return width;
}

std::string fit(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string result;
  std::size_t used = 0;
  bool colored = false;
  for_each_cell(
      text,
      [&](std::string_view bytes, std::size_t width) {
        if (used + width > columns - 1) return false;
        used += width;
        result += bytes;
        return true;
      },
      [&](std::string_view bytes) {
        result += bytes;
        colored = true;
      });
  result += "…";
  if (colored) result += "\x1b[0m";
  return result;
}

std::string visible_line(std::string_view line, Colors colors) {
  line = last_overlay(line);
  std::string result;
  bool colored = false;
  while (!line.empty()) {
    if (line[0] == escape) {
      const std::size_t length = escape_length(line);
      if (colors == Colors::keep && is_color(line.substr(0, length))) {
        result += line.substr(0, length);
        colored = true;
      }
      line.remove_prefix(length);
      continue;
    }
    const CodePoint point = decode_utf8(line);
    if (!point.valid) {
      result += "\xef\xbf\xbd";
    } else if (line[0] == '\b') {
      while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xc0) == 0x80) result.pop_back();
      if (!result.empty()) result.pop_back();
    } else if (line[0] == '\t' || !is_control(point.value)) {
      result += line.substr(0, point.size);
    }
    line.remove_prefix(point.size);
  }
  if (colored) result += "\x1b[0m";
  return result;
}

void LastLine::feed(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    if (current_.size() + part.size() > longest_kept) current_.clear();
    current_ += part.substr(part.size() > longest_kept ? part.size() - longest_kept : 0);
    if (end == std::string_view::npos) return;
    if (!visible_line(current_, Colors::strip).empty()) complete_ = std::move(current_);
    current_.clear();
    text.remove_prefix(end + 1);
  }
}

std::string LastLine::text() const {
  std::string line = visible_line(current_, Colors::strip);
  if (line.empty()) line = visible_line(complete_, Colors::strip);
  std::replace(line.begin(), line.end(), '\t', ' ');
  const std::size_t start = line.find_first_not_of(' ');
  return start == std::string::npos ? std::string() : line.substr(start);
}

bool use_color(const std::map<std::string, std::string>& environment, bool terminal) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string_view() : std::string_view(found->second);
  };
  if (!value("NO_COLOR").empty()) return false;
  for (const char* name : {"CLICOLOR_FORCE", "FORCE_COLOR"})
    if (!value(name).empty()) return value(name) != "0";
  return terminal && !value("TERM").empty() && value("TERM") != "dumb";
}

}  // namespace trilock::cli
