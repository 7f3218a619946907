// What stands in front of and behind the TOML library: a look at the text before it is parsed, and what a syntax error
// of the library is called in trilock. Used by toml.cpp alone; includes no library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

struct TomlScan {
  // A byte that is not UTF-8, or NUL. Nothing was looked at behind it.
  std::optional<SyntaxError> not_text;
  // What version 3.3.0 of the library does not survive: nesting deeper than `max_toml_depth`, and a character outside
  // ASCII that is in no string and no comment. Nothing was looked at behind it.
  std::optional<SyntaxError> barrier;
  std::size_t scanned = 0;  // bytes
  // Where the innermost bracket or multi-line string starts that is still open at the end of the file.
  std::optional<SyntaxError> unclosed;
};

// One pass over the text, without a parse: it is right up to the first syntax error, and no further.
[[nodiscard]] TomlScan scan_toml(std::string_view text);

// `reported` is what the library said and where.
[[nodiscard]] SyntaxError rewrite_toml_error(const SyntaxError& reported, const TomlScan& scan, SourceId source,
                                             const SourceMap& sources);

}  // namespace trilock
