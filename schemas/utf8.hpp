// UTF-8 one code point at a time (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trilock {

struct CodePoint {
  char32_t value = 0;     // of an invalid byte: the byte
  std::uint8_t size = 1;  // in bytes
  bool valid = true;
};

// The first code point of `text`, which must not be empty. A byte that starts none is one invalid code point.
[[nodiscard]] CodePoint decode_utf8(std::string_view text);

// Invalid bytes count as one each.
[[nodiscard]] std::size_t count_code_points(std::string_view text);

// The offset of the first byte that is not valid UTF-8.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// The byte offset at which code point number `index`, from 0, starts; the size of `text` when it has fewer.
[[nodiscard]] std::size_t code_point_offset(std::string_view text, std::size_t index);

// With every invalid byte replaced by U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// Whether a character would do something to the lines of a terminal or an editor, rather than be shown in them: C0, DEL
// and C1, the separators of lines and paragraphs, and what turns the direction of text (UTS 55, source code) or is not
// seen at all.
[[nodiscard]] bool is_control(char32_t character);
// Valid UTF-8 without such characters.
[[nodiscard]] bool is_printable(std::string_view text);

// Such characters and invalid bytes as `\xNN` or `\u{NNNN}`, so that a text can be shown on one line of a terminal.
[[nodiscard]] std::string escape_controls(std::string_view text);
// The same of each line; what follows a line end begins with `indent`.
[[nodiscard]] std::string escape_lines(std::string_view text, std::string_view indent);

}  // namespace trilock
