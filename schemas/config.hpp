// TOML values with their places, keys in the order of the file. What toml++ reads ends up here; nothing else in
// trilock sees a TOML library.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schemas/diagnostic.hpp"
#include "schemas/loop.hpp"
#include "schemas/text.hpp"

namespace trilock {

struct ConfigEntry;
struct Config;

struct ConfigTable {
  std::vector<ConfigEntry> entries;
  [[nodiscard]] const Config* find(std::string_view key) const;  // null when absent
  [[nodiscard]] const ConfigEntry* entry(std::string_view key) const;
};
using ConfigArray = std::vector<Config>;

enum class ConfigType : std::uint8_t { boolean, integer, floating, string, datetime, array, table };

// A string holds a Text: right after reading all of it is literal; after expansion only references to other nodes
// remain. A date or time keeps the form in which it was written.
struct Datetime {
  std::string written;
};

struct Config {
  std::variant<bool, std::int64_t, double, Text, Datetime, ConfigArray, ConfigTable> data;
  Place place;  // of the value

  [[nodiscard]] ConfigType type() const;
  [[nodiscard]] const Text* text() const { return std::get_if<Text>(&data); }
  [[nodiscard]] const ConfigTable* table() const { return std::get_if<ConfigTable>(&data); }
  [[nodiscard]] const ConfigArray* array() const { return std::get_if<ConfigArray>(&data); }
};

struct ConfigEntry {
  std::string key;
  Place place;  // of the key
  Config value;
};

// "a string", "an integer", "an array": for messages.
[[nodiscard]] std::string_view describe(ConfigType type);

// How a long document is read: in parts of about so many bytes, in turns of `loop`.
struct TomlReading {
  Loop loop = one_after_another;
  std::size_t part_bytes = 64 << 10;
};

// Parses one TOML 1.0 document. On a syntax error reports one diagnostic at its place and returns what is empty.
// The document must be UTF-8; `source` must already be in `sources`. What comes out does not depend on `reading`.
[[nodiscard]] ConfigTable read_toml(SourceId source, const SourceMap& sources, Diagnostics& diagnostics,
                                    const TomlReading& reading = {});

// --- a document in parts ---

// From the start of the document, or from a line that is a header `[a.b]`, to the next such line or to the end.
struct TomlStretch {
  std::size_t begin = 0;  // bytes
  std::size_t end = 0;
  std::uint32_t lines_before = 0;
};

struct TomlPiece {
  TomlStretch where;
  // "a.b" when all of the piece is that table, with what stands below it.
  std::string_view title;
};

// The whole document, cut wherever it can be; empty when it has a fault. Reads no values.
[[nodiscard]] std::vector<TomlPiece> toml_pieces(std::string_view text);

// Some of these, in their order: what `read_toml` gives without the tables of the others. Empty when one of them has an
// error, or may mean something else together with the others than it does by itself.
[[nodiscard]] std::optional<ConfigTable> read_toml_parts(std::span<const TomlStretch> parts, SourceId source,
                                                         const SourceMap& sources, const Loop& loop);

}  // namespace trilock
