// Why RapidJSON: it reads comments and trailing commas, its events come in the order of the text, and it can parse
// without recursion. nlohmann's ordered_json 3.11 does not know trailing commas.
#include "schemas/json.hpp"

#include <fmt/format.h>
#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <unordered_map>

#include "schemas/utf8.hpp"

namespace trilock {
namespace {

// Values are destroyed recursively; this keeps any document far from the end of the stack.
constexpr std::size_t max_depth = 512;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// `text` is the JSON form of a number: the reader has checked it.
std::optional<Json> to_number(std::string_view text) {
  const char* end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t number = 0;
    if (std::from_chars(text.data(), end, number).ec == std::errc()) return Json(number);
    std::uint64_t large = 0;
    if (text.front() != '-' && std::from_chars(text.data(), end, large).ec == std::errc()) return Json(large);
  }
  double number = 0;
  if (std::from_chars(text.data(), end, number).ec == std::errc::result_out_of_range) {
    // Too large, which is an error, or too small, which is nearly zero; from_chars does not tell which.
    number = std::strtod(std::string(text).c_str(), nullptr);
    if (std::isinf(number)) return std::nullopt;
  }
  return Json(number);
}

// Builds values from the events of the reader. Containers that are still open stand on a stack, each with the keys
// that its members will get.
class Builder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Builder> {
 public:
  explicit Builder(const rapidjson::MemoryStream& stream) : stream_(stream) {}

  Json take_root() { return std::move(root_); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  // NOLINTBEGIN(readability-identifier-naming): names of the library
  bool Null() { return add(Json()); }
  bool Bool(bool value) { return add(Json(value)); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    std::optional<Json> number = to_number({text, size});
    if (!number) return refuse("a number too large for a double");
    return add(std::move(*number));
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    std::string value(text, size);
    if (find_invalid_utf8(value)) return refuse(lone_surrogate);
    return add(Json(std::move(value)));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    open_.back().key.assign(text, size);
    return !find_invalid_utf8(open_.back().key) || refuse(lone_surrogate);
  }
  bool StartObject() { return open(Json(JsonObject{})); }
  bool StartArray() { return open(Json(JsonArray{})); }
  bool EndObject(rapidjson::SizeType) {
    drop_duplicates(std::get<JsonObject>(open_.back().value.data));
    return close();
  }
  bool EndArray(rapidjson::SizeType) { return close(); }
  // NOLINTEND(readability-identifier-naming)

 private:
  static constexpr std::string_view lone_surrogate = "half of a surrogate pair in a string";

  struct Open {
    Json value;
    std::string key;  // of the member that is being read
  };

  bool refuse(std::string_view problem) {
    problem_ = problem;
    return false;
  }

  bool add(Json value) {
    value.offset = static_cast<std::uint32_t>(stream_.Tell());
    return place(std::move(value));
  }

  bool place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* array = std::get_if<JsonArray>(&open_.back().value.data)) {
      array->push_back(std::move(value));
    } else {
      std::get<JsonObject>(open_.back().value.data).members.emplace_back(std::move(open_.back().key), std::move(value));
    }
    return true;
  }

  bool open(Json container) {
    if (open_.size() == max_depth) return refuse(fmt::format("nested deeper than {} levels", max_depth));
    open_.push_back({std::move(container), {}});
    return true;
  }

  bool close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    value.offset = static_cast<std::uint32_t>(stream_.Tell()) + 1;  // the closing bracket has not been taken yet
    return place(std::move(value));
  }

  // Members are appended as they come, so that reading stays linear, and made unique at the end.
  static void drop_duplicates(JsonObject& object) {
    std::unordered_map<std::string_view, std::size_t> places;
    std::vector<bool> repeated(object.members.size());
    bool any = false;
    for (std::size_t i = 0; i < object.members.size(); ++i) {
      const auto [place, fresh] = places.emplace(object.members[i].first, i);
      if (fresh) continue;
      object.members[place->second].second = std::move(object.members[i].second);
      repeated[i] = any = true;
    }
    if (!any) return;
    std::vector<JsonMember> unique;
    for (std::size_t i = 0; i < object.members.size(); ++i) {
      if (!repeated[i]) unique.push_back(std::move(object.members[i]));
    }
    object.members = std::move(unique);
  }

  const rapidjson::MemoryStream& stream_;
  std::vector<Open> open_;
  Json root_;
  std::string problem_;
};

std::string_view describe(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorNone:
      return "";
    case rapidjson::kParseErrorDocumentEmpty:
      return "the document is empty";
    case rapidjson::kParseErrorDocumentRootNotSingular:
      return "more text after the end of the document";
    case rapidjson::kParseErrorValueInvalid:
      return "expected a value";
    case rapidjson::kParseErrorObjectMissName:
      return "missing a key for an object member";
    case rapidjson::kParseErrorObjectMissColon:
      return "missing a colon after the key of an object member";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "missing a comma or `}` after an object member";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "missing a comma or `]` after an array element";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
      return "expected four hexadecimal digits after `\\u`";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return "half of a surrogate pair in a string";
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "unknown escape sequence in a string";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "missing the closing quotation mark of a string";
    case rapidjson::kParseErrorStringInvalidEncoding:
      return "control character in a string";
    case rapidjson::kParseErrorNumberTooBig:
      return "a number too large for a double";
    case rapidjson::kParseErrorNumberMissFraction:
      return "missing a digit after the decimal point of a number";
    case rapidjson::kParseErrorNumberMissExponent:
      return "missing a digit in the exponent of a number";
    case rapidjson::kParseErrorTermination:
    case rapidjson::kParseErrorUnspecificSyntaxError:
      return "invalid JSON";
  }
  return "invalid JSON";
}

std::unexpected<Error> fail_at(std::string_view text, std::size_t offset, std::string_view problem) {
  std::string_view before = text.substr(0, offset);
  if (before.starts_with(byte_order_mark)) before.remove_prefix(byte_order_mark.size());
  std::size_t line = 1;
  for (std::size_t end; (end = before.find('\n')) != std::string_view::npos; ++line) before.remove_prefix(end + 1);
  return fail(ErrorKind::invalid, fmt::format("line {}, column {}: {}", line, count_code_points(before) + 1, problem));
}

// The library reports where it stopped, which is behind the character for some codes and in front of it for others.
// Numbers come as text: exact integers and correctly rounded doubles are made from it here.
template <unsigned Flags>
Result<Json> parse(std::string_view text, std::size_t start) {
  constexpr unsigned flags = Flags | rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  while (stream.Tell() < start) stream.Take();
  Builder builder(stream);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<flags>(stream, builder);
  if (result.IsError()) {
    std::string_view problem = builder.problem();
    if (problem.empty()) problem = describe(result.Code());
    // The library knows one code for a control character and for an unknown letter behind a backslash.
    const bool escape = result.Offset() < text.size() && text[result.Offset()] == '\\';
    if (result.Code() == rapidjson::kParseErrorStringEscapeInvalid && !escape) {
      problem = describe(rapidjson::kParseErrorStringInvalidEncoding);
    }
    return fail_at(text, result.Offset(), problem);
  }
  // A NUL is the library's end of text.
  if (stream.Tell() < text.size()) return fail_at(text, stream.Tell(), "more text after the end of the document");
  return builder.take_root();
}

void write_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    if (!point.valid) {
      out += "\xEF\xBF\xBD";  // U+FFFD: the output of a process need not be UTF-8, JSON must be
    } else if (point.value == '"' || point.value == '\\') {
      out += '\\';
      out += text.front();
    } else if (point.value >= 0x20) {
      out += text.substr(0, point.size);
    } else if (const auto found = std::string_view("\b\f\n\r\t").find(text.front()); found != std::string_view::npos) {
      out += '\\';
      out += "bfnrt"[found];
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(point.value));
    }
    text.remove_prefix(point.size);
  }
  out += '"';
}

// The shortest digits that read back as the same number, laid out as in ECMA-262, Number::toString.
void write_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  if (number == 0) {
    out += '0';
    return;
  }
  char buffer[32];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(written.ptr - buffer));
  if (text.front() == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  std::string digits(text.substr(0, e));
  if (digits.size() > 1) digits.erase(1, 1);
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // the decimal point stands behind this many digits

  if (count <= point && point <= 21) {
    out += digits.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out += digits.insert(static_cast<std::size_t>(point), ".");
  } else if (-6 < point && point <= 0) {
    out += "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else {
    if (count > 1) digits.insert(1, ".");
    fmt::format_to(std::back_inserter(out), "{}e{:+}", digits, exponent);
  }
}

class Writer {
 public:
  Writer(std::string& out, unsigned indent) : out_(out), indent_(indent) {}

  void write(const Json& value) {
    std::visit([&](const auto& data) { write_data(data); }, value.data);
  }

 private:
  void write_data(std::nullptr_t) { out_ += "null"; }
  void write_data(bool value) { out_ += value ? "true" : "false"; }
  void write_data(std::int64_t value) { out_ += std::to_string(value); }
  void write_data(std::uint64_t value) { out_ += std::to_string(value); }
  void write_data(double value) { write_double(out_, value); }
  void write_data(const std::string& value) { write_string(out_, value); }

  void write_data(const JsonArray& array) {
    write_all('[', array, ']', [&](const Json& element) { write(element); });
  }

  void write_data(const JsonObject& object) {
    write_all('{', object.members, '}', [&](const JsonMember& member) {
      write_string(out_, member.first);
      out_ += indent_ > 0 ? ": " : ":";
      write(member.second);
    });
  }

  template <class List, class WriteOne>
  void write_all(char opening, const List& list, char closing, WriteOne write_one) {
    out_ += opening;
    ++level_;
    for (const auto& each : list) {
      if (&each != &list.front()) out_ += ',';
      new_line();
      write_one(each);
    }
    --level_;
    if (!list.empty()) new_line();
    out_ += closing;
  }

  void new_line() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(level_ * indent_, ' ');
  }

  std::string& out_;
  std::size_t indent_;
  std::size_t level_ = 0;
};

}  // namespace

const Json* JsonObject::find(std::string_view key) const {
  for (const JsonMember& member : members) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

Json* JsonObject::find(std::string_view key) {
  return const_cast<Json*>(static_cast<const JsonObject&>(*this).find(key));
}

void JsonObject::set(std::string key, Json value) {
  if (Json* existing = find(key)) {
    *existing = std::move(value);
  } else {
    members.emplace_back(std::move(key), std::move(value));
  }
}

const Json* Json::at(std::string_view key) const {
  const JsonObject* members = object();
  return members != nullptr ? members->find(key) : nullptr;
}

Result<Json> parse_json(std::string_view text, JsonDialect dialect) {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorKind::invalid, "a JSON document of 4 GiB or more");
  }
  if (const auto offset = find_invalid_utf8(text)) return fail_at(text, *offset, "invalid UTF-8");
  const bool marked = text.starts_with(byte_order_mark);
  if (dialect == JsonDialect::strict) {
    if (marked) return fail_at(text, 0, "byte order mark in front of the document");
    return parse<rapidjson::kParseNoFlags>(text, 0);
  }
  return parse<rapidjson::kParseCommentsFlag | rapidjson::kParseTrailingCommasFlag>(
      text, marked ? byte_order_mark.size() : 0);
}

std::string write_json(const Json& value, unsigned indent) {
  std::string out;
  Writer(out, indent).write(value);
  return out;
}

}  // namespace trilock
