#include "schemas/utf8.hpp"

#include <fmt/format.h>

#include <iterator>

namespace trilock {

CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const CodePoint invalid{first, 1, false};

  std::uint8_t size = 0;
  char32_t value = 0;
  char32_t smallest = 0;
  if ((first & 0xe0) == 0xc0) {
    size = 2, value = first & 0x1fU, smallest = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    size = 3, value = first & 0x0fU, smallest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    size = 4, value = first & 0x07U, smallest = 0x10000;
  } else {
    return invalid;
  }
  if (text.size() < size) return invalid;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return invalid;
    value = (value << 6) | (byte(i) & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < smallest || value > 0x10ffff || surrogate) return invalid;
  return {value, size, true};
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(decode_utf8(text).size);
  return count;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_utf8(text.substr(i));
    if (!point.valid) return i;
    i += point.size;
  }
  return std::nullopt;
}

std::size_t code_point_offset(std::string_view text, std::size_t index) {
  std::size_t offset = 0;
  for (; index > 0 && offset < text.size(); --index) offset += decode_utf8(text.substr(offset)).size;
  return offset;
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    result += point.valid ? text.substr(0, point.size) : std::string_view("\xef\xbf\xbd");
    text.remove_prefix(point.size);
  }
  return result;
}

bool is_control(char32_t character) {
  if (character < 0x20 || (character >= 0x7f && character < 0xa0)) return true;
  if (character < 0x061c) return character == 0x00ad;
  switch (character) {
    case 0x061c:  // Arabic letter mark
    case 0x180e:  // Mongolian vowel separator
    case 0x200b:  // zero width space; the joiners behind it are parts of words and emoji
    case 0xfeff:  // byte order mark
      return true;
    default:
      // Marks and separators; embeddings and overrides; word joiner to deprecated formats, isolates among them;
      // interlinear annotation; tags.
      return (character >= 0x200e && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
             (character >= 0x2060 && character <= 0x206f) || (character >= 0xfff9 && character <= 0xfffb) ||
             (character >= 0xe0000 && character <= 0xe007f);
  }
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid || is_control(point.value)) return false;
    text.remove_prefix(point.size);
  }
  return true;
}

std::string escape_controls(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (point.valid && point.value > 0xff && is_control(point.value)) {
      fmt::format_to(std::back_inserter(shown), "\\u{{{:x}}}", static_cast<unsigned>(point.value));
    } else if (!point.valid || is_control(point.value)) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<unsigned>(point.value));
    } else {
      shown += text.substr(0, point.size);
    }
    text.remove_prefix(point.size);
  }
  return shown;
}

std::string escape_lines(std::string_view text, std::string_view indent) {
  std::string shown;
  for (;;) {
    const std::size_t end = text.find('\n');
    shown += escape_controls(text.substr(0, end));
    if (end == text.npos) return shown;
    shown.append("\n").append(indent);
    text.remove_prefix(end + 1);
  }
}

}  // namespace trilock
