// JSON values that keep the order of keys and the place of every value. The only user of the JSON library.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/result.hpp"

namespace trilock {

struct Json;
using JsonArray = std::vector<Json>;
using JsonMember = std::pair<std::string, Json>;

// Insertion order is kept; a later `set` of the same key replaces the value in place.
struct JsonObject {
  std::vector<JsonMember> members;
  [[nodiscard]] const Json* find(std::string_view key) const;
  [[nodiscard]] Json* find(std::string_view key);
  void set(std::string key, Json value);
};

// What a value holds. Nothing wider may convert: it would also ask whether a Result<Json> makes a Json.
template <class T>
concept JsonData = std::same_as<T, std::nullptr_t> || std::same_as<T, bool> || std::same_as<T, std::int64_t> ||
    std::same_as<T, std::uint64_t> || std::same_as<T, double> || std::same_as<T, std::string> ||
    std::same_as<T, JsonArray> || std::same_as<T, JsonObject>;

struct Json {
  // A number that is no 64-bit integer is a double; integers keep their exact value.
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, JsonArray, JsonObject> data =
      nullptr;
  std::uint32_t offset = 0;  // in bytes, where the value ends in the text it was read from

  Json() = default;
  template <JsonData T>
  Json(T value) : data(std::move(value)) {}  // NOLINT: a literal may stand where a value is wanted
  Json(const char* value) : data(std::string(value)) {}
  Json(std::string_view value) : data(std::string(value)) {}
  Json(int value) : data(std::int64_t{value}) {}
  Json(unsigned value) : data(std::uint64_t{value}) {}

  [[nodiscard]] const JsonObject* object() const { return std::get_if<JsonObject>(&data); }
  [[nodiscard]] const JsonArray* array() const { return std::get_if<JsonArray>(&data); }
  [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&data); }
  // Member of an object by key; null when this is no object or has no such key.
  [[nodiscard]] const Json* at(std::string_view key) const;
};

enum class JsonDialect : std::uint8_t {
  strict,         // RFC 8259
  with_comments,  // JSONC: // and /* */ comments, trailing commas, a byte order mark
};

// Duplicate keys: the last wins, at the place of the first. On a syntax error the message has line and column:
// "line 3, column 7: missing a comma or `}` after an object member".
[[nodiscard]] Result<Json> parse_json(std::string_view text, JsonDialect dialect = JsonDialect::strict);

// `indent` of 0 gives one line without spaces; otherwise that many spaces a level, as JSON.stringify does.
// No final newline.
[[nodiscard]] std::string write_json(const Json& value, unsigned indent = 0);

}  // namespace trilock
