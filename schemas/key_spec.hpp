// What keys a table of the pipeline may have, of which type. One list per rule plus the common list drives the
// checks at load, `trilock schema` and the documentation test, so the three cannot disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "schemas/config.hpp"
#include "schemas/diagnostic.hpp"

namespace trilock {

enum class KeyType : std::uint8_t {
  string,          // may hold references to nodes
  literal,         // a string without references to nodes
  strings,         // an array of strings
  literals,        // an array of strings without references to nodes
  string_or_list,  // a string, or an array of strings
  string_table,    // a table whose values are strings, integers, floats or booleans
  text_table,      // a table whose values are strings
  boolean,
  only_false,    // a boolean that has to be false: what it asks for is in no version yet
  integer,       // 0 or more
  duration,      // "90s", "10m", "1h30m", "250ms"
  choice,        // one of `choices`
  labels,        // an array of labels, as literals
  outputs,       // an array of paths, or a table of name = path
  cache_policy,  // true | "local" | false
  axes,          // a matrix: a table of arrays; Matrix::read has the rest
  byte_size,     // "20G", "500MiB"
  any_table,     // a table of any content
};

struct KeySpec {
  std::string_view name;
  KeyType type = KeyType::string;
  std::string_view description;  // one sentence, without a full stop
  std::span<const std::string_view> choices = {};
  bool required = false;
  std::string_view standard = {};  // the value that holds when the key is absent, as JSON; "" when there is none
};

// Reports unknown keys (with did-you-mean over all allowed keys), wrong types and missing required keys of `table`.
// `title` is how the table is called in messages: "image.dev". `place` is that of the table's header.
void check_keys(const ConfigTable& table, std::string_view title, Place place,
                std::span<const std::span<const KeySpec>> allowed, Diagnostics& diagnostics);

// The keys of every node, in the order of docs/pipeline.md.
[[nodiscard]] std::span<const KeySpec> common_keys();

// Milliseconds of "1h30m"; empty when it is no duration. Units: ms, s, m, h; a number may have a fraction.
[[nodiscard]] std::optional<std::uint64_t> parse_duration_ms(std::string_view text);

}  // namespace trilock
