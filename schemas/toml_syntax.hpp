// What stands in front of and behind the TOML library: a look at the text before it is parsed, and what a syntax error
// of the library is called in trilock. Used by toml.cpp alone; includes no library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/diagnostic.hpp"

namespace trilock {

struct SyntaxError {
  std::string message;  // without "invalid TOML: "
  std::string help;
  std::uint32_t line = 1;
  std::uint32_t column = 1;  // in code points
  std::uint32_t length = 1;  // in code points
};

// Keys and values together may be nested this deep: tables are destroyed recursively.
inline constexpr std::size_t max_toml_depth = 100;

// A stretch of a document from a header `[a.b]` on, or from its start.
struct TomlPart {
  std::size_t begin = 0;  // bytes
  std::uint32_t lines_before = 0;
  // Of its header, "a.b", when these are bare keys and the part has no header but of what stands below it.
  std::string_view title = {};
};

struct TomlScan {
  // A byte that is not UTF-8, or NUL. Nothing was looked at behind it.
  std::optional<SyntaxError> not_text;
  // What version 3.3.0 of the library does not survive: nesting deeper than `max_toml_depth`, and a character outside
  // ASCII that is in no string and no comment. Nothing was looked at behind it.
  std::optional<SyntaxError> barrier;
  std::size_t scanned = 0;  // bytes
  // Where the innermost bracket or multi-line string starts that is still open at the end of the file.
  std::optional<SyntaxError> unclosed;
  // Where the document can be cut so that each part is a document of its own: every part is at least as long as was
  // asked for, but for the last one. One part where there is a `[[header]]`, which a later part would have to know of.
  std::vector<TomlPart> parts;
};

// One pass over the text, without a parse: it is right up to the first syntax error, and no further. A part that begins
// behind such an error means nothing, but then a part before it has the error.
[[nodiscard]] TomlScan scan_toml(std::string_view text, std::size_t part_bytes = static_cast<std::size_t>(-1));

// `reported` is what the library said and where.
[[nodiscard]] SyntaxError rewrite_toml_error(const SyntaxError& reported, const TomlScan& scan, SourceId source,
                                             const SourceMap& sources);

}  // namespace trilock
