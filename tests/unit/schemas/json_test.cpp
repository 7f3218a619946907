#include "schemas/json.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace trilock;

namespace {

constexpr auto jsonc = JsonDialect::with_comments;

// The value in one line, or the error.
std::string reread(std::string_view text, JsonDialect dialect = JsonDialect::strict) {
  const auto value = parse_json(text, dialect);
  return value ? write_json(*value) : value.error().message;
}

}  // namespace

TEST_CASE("documents of RFC 8259") {
  CHECK(reread(" null ") == "null");
  CHECK(reread("\t[\r\n true ,false]") == "[true,false]");
  CHECK(reread("\"\"") == "\"\"");
  CHECK(reread("[]") == "[]");
  CHECK(reread("{}") == "{}");
  CHECK(reread("[[],{},[{}]]") == "[[],{},[{}]]");
  CHECK(reread(R"({"b":1,"a":{"z":[],"y":null}})") == R"({"b":1,"a":{"z":[],"y":null}})");
  CHECK(reread(R"(["\"\\\/\b\f\n\r\t"])") == R"(["\"\\/\b\f\n\r\t"])");
  CHECK(reread(R"(["\u0041\u00e9\u65e5\ud83d\ude00"])") == "[\"Aé日😀\"]");
  CHECK(reread(R"(["\u0000\u001F\u007f"])") == "[\"\\u0000\\u001f\x7f\"]");
  CHECK(reread(R"({"a\u0000b":1})") == R"({"a\u0000b":1})");
  CHECK(reread("[\"\xE2\x80\xA8\"]") == "[\"\xE2\x80\xA8\"]");
}

TEST_CASE("numbers keep their value") {
  CHECK(reread("0") == "0");
  CHECK(reread("-0") == "0");
  CHECK(reread("9223372036854775807") == "9223372036854775807");
  CHECK(reread("-9223372036854775808") == "-9223372036854775808");
  CHECK(reread("18446744073709551615") == "18446744073709551615");
  CHECK(reread("9007199254740993") == "9007199254740993");
  CHECK(std::holds_alternative<std::int64_t>(parse_json("9223372036854775807")->data));
  CHECK(std::holds_alternative<std::uint64_t>(parse_json("9223372036854775808")->data));
  CHECK(std::holds_alternative<double>(parse_json("18446744073709551616")->data));
  CHECK(std::holds_alternative<double>(parse_json("-9223372036854775809")->data));
  CHECK(std::get<double>(parse_json("1e2")->data) == 100.0);
  CHECK(std::get<double>(parse_json("-1.5E-3")->data) == -0.0015);
  CHECK(std::get<double>(parse_json("0.1")->data) == 0.1);
  CHECK(std::get<double>(parse_json("1.7976931348623157e308")->data) == std::numeric_limits<double>::max());
  CHECK(std::get<double>(parse_json("4.9e-324")->data) == std::numeric_limits<double>::denorm_min());
  CHECK(std::get<double>(parse_json("1e-400")->data) == 0.0);
  // Halfway between two doubles: to even.
  CHECK(std::get<double>(parse_json("9007199254740993.0")->data) == 9007199254740992.0);
  CHECK(std::get<double>(parse_json("9007199254740993.00000000000000000000000000001")->data) == 9007199254740994.0);
}

TEST_CASE("doubles are written as JSON.stringify writes them") {
  const auto written = [](double number) { return write_json(Json(number)); };
  CHECK(written(0.0) == "0");
  CHECK(written(-0.0) == "0");
  CHECK(written(1.0) == "1");
  CHECK(written(-1.5) == "-1.5");
  CHECK(written(0.1) == "0.1");
  CHECK(written(0.1 + 0.2) == "0.30000000000000004");
  CHECK(written(100) == "100");
  CHECK(written(123456789.125) == "123456789.125");
  CHECK(written(1e20) == "100000000000000000000");
  CHECK(written(1e21) == "1e+21");
  CHECK(written(-1.25e21) == "-1.25e+21");
  CHECK(written(1e-6) == "0.000001");
  CHECK(written(1.5e-6) == "0.0000015");
  CHECK(written(1e-7) == "1e-7");
  CHECK(written(1.5e-7) == "1.5e-7");
  CHECK(written(5e-324) == "5e-324");
  CHECK(written(1.7976931348623157e308) == "1.7976931348623157e+308");
  CHECK(written(std::nan("")) == "null");
  CHECK(written(-HUGE_VAL) == "null");
}

TEST_CASE("what is no JSON is an error with its place") {
  CHECK(reread("") == "line 1, column 1: the document is empty");
  CHECK(reread(" \n ") == "line 2, column 2: the document is empty");
  CHECK(reread("{\"a\":1 \"b\":2}") == "line 1, column 8: missing a comma or `}` after an object member");
  CHECK(reread("{\n\n \"é\": 1 x}") == "line 3, column 9: missing a comma or `}` after an object member");
  CHECK(reread("[1 2]") == "line 1, column 4: missing a comma or `]` after an array element");
  CHECK(reread("[1") == "line 1, column 3: missing a comma or `]` after an array element");
  CHECK(reread("{\"a\" 1}") == "line 1, column 6: missing a colon after the key of an object member");
  CHECK(reread("{a:1}") == "line 1, column 2: missing a key for an object member");
  CHECK(reread("{1:1}") == "line 1, column 2: missing a key for an object member");
  CHECK(reread("[1,]") == "line 1, column 4: expected a value");
  CHECK(reread("{\"a\":1,}") == "line 1, column 8: missing a key for an object member");
  CHECK(reread("1 2") == "line 1, column 3: more text after the end of the document");
  CHECK(reread("// c\n1") == "line 1, column 1: expected a value");
  CHECK(reread("\xEF\xBB\xBF{}") == "line 1, column 1: byte order mark in front of the document");
  CHECK(reread("\"abc") == "line 1, column 5: missing the closing quotation mark of a string");
  CHECK(reread("\"a\\qb\"") == "line 1, column 3: unknown escape sequence in a string");
  CHECK(reread("\"\\u12g4\"") == "line 1, column 2: expected four hexadecimal digits after `\\u`");
  CHECK(reread("\"\\ud800x\"") == "line 1, column 2: half of a surrogate pair in a string");
  CHECK(reread("[\"\\udc00\"]") == "line 1, column 10: half of a surrogate pair in a string");
  CHECK(reread("{\"\\udc00\":1}") == "line 1, column 10: half of a surrogate pair in a string");
  CHECK(reread("[\"a\nb\"]") == "line 1, column 4: control character in a string");
  CHECK(reread("[\"\xff\"]") == "line 1, column 3: invalid UTF-8");
  CHECK(reread("1e999") == "line 1, column 1: a number too large for a double");
  CHECK(reread("-") == "line 1, column 2: expected a value");
  CHECK(reread("1.") == "line 1, column 3: missing a digit after the decimal point of a number");
  CHECK(reread("1e+") == "line 1, column 4: missing a digit in the exponent of a number");
  CHECK(reread(std::string_view("1\0", 2)) == "line 1, column 2: more text after the end of the document");
  CHECK(reread(std::string_view("\0", 1)) == "line 1, column 1: the document is empty");
}

TEST_CASE("strict means strict") {
  for (const std::string_view text :
       {"01",        "+1",      ".5",   "0x10",  "1_000", "NaN",       "Infinity",
        "-Infinity", "nul",     "True", "'a'",   "[,]",   "[1,,2]",    "{,}",
        "{\"a\":}",  "{\"a\"}", "]",    "}",     "[1}",   "{\"a\":1]", "[\"\t\"]",
        "\"\\x41\"", "\"\\'\"", "[1]]", "/**/1", "1//",   "[1]/",      "\xC2\xA0[]",
        "--1",       "1e",      "-01",  "1.e1",  "\"\\",  "\"\\u",     "[\"a\",\n4,\n1,"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json(text));
    const auto value = parse_json(text);
    if (!value) CHECK(value.error().kind == ErrorKind::invalid);
  }
}

TEST_CASE("comments, trailing commas and a byte order mark in the other dialect") {
  CHECK(reread("\xEF\xBB\xBF// one\n{ /* two */ \"a\" /**/ : /* three\n */ [1, 2, // four\n], }// five", jsonc) ==
        R"({"a":[1,2]})");
  CHECK(reread("/* * / ** */1", jsonc) == "1");
  CHECK(reread("\"// no /* comment */\"", jsonc) == "\"// no /* comment */\"");
  CHECK(reread("\xEF\xBB\xBF x", jsonc) == "line 1, column 2: expected a value");
  for (const std::string_view text : {"[,]", "{,}", "[1,,]", "{\"a\":1,,}", "/* open", "/ 1", "# no", "'a'", "{a:1}",
                                      "", "// only", "[1 // ]", "01", "\"\xff\"", "// \xff\n1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json(text, jsonc));
  }
}

TEST_CASE("keys keep their order, and of equal ones the last wins in the first place") {
  CHECK(reread(R"({"z":1,"a":2,"m":3})") == R"({"z":1,"a":2,"m":3})");
  CHECK(reread(R"({"a":1,"b":2,"a":3,"b":4,"c":5,"a":{"x":0}})") == R"({"a":{"x":0},"b":4,"c":5})");
  CHECK(reread(R"({"a":1,"\u0061":2})") == R"({"a":2})");
  JsonObject object;
  object.set("x", 1);
  object.set("y", "two");
  object.set("x", true);
  CHECK(write_json(Json(object)) == R"({"x":true,"y":"two"})");
  CHECK(object.find("none") == nullptr);
  *object.find("y") = Json(2.5);
  CHECK(write_json(Json(object)) == R"({"x":true,"y":2.5})");
}

TEST_CASE("access") {
  const Json value = *parse_json(R"({"a":["s"]})");
  REQUIRE(value.at("a") != nullptr);
  REQUIRE(value.at("a")->array() != nullptr);
  CHECK(*value.at("a")->array()->front().string() == "s");
  CHECK(value.at("b") == nullptr);
  CHECK(value.at("a")->at("x") == nullptr);
  CHECK(value.string() == nullptr);
}

TEST_CASE("an offset is where the value ends") {
  const std::string text = "\xEF\xBB\xBF{ \"a\" : [ 12 , \"é\" ] , \"b\":null }";
  const Json value = *parse_json(text, jsonc);
  CHECK(value.offset == text.size());
  CHECK(value.at("a")->offset == text.find(']') + 1);
  CHECK((*value.at("a")->array())[0].offset == text.find("12") + 2);
  CHECK((*value.at("a")->array())[1].offset == text.find("é\"") + 3);
  CHECK(value.at("b")->offset == text.find("null") + 4);
}

TEST_CASE("indented as JSON.stringify does") {
  CHECK(write_json(*parse_json(R"({"a":[1,{"b":[]}],"c":{},"d":"x"})"), 2) ==
        "{\n"
        "  \"a\": [\n"
        "    1,\n"
        "    {\n"
        "      \"b\": []\n"
        "    }\n"
        "  ],\n"
        "  \"c\": {},\n"
        "  \"d\": \"x\"\n"
        "}");
  CHECK(write_json(Json(JsonArray{Json(1)}), 4) == "[\n    1\n]");
}

TEST_CASE("bytes that are no UTF-8 are replaced when written") {
  CHECK(write_json(Json("a\xff\xE6\x97z")) == "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST_CASE("nesting ends in an error, not in a crash") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(reread(nested(512)) == nested(512));
  CHECK(reread(nested(513)) == "line 1, column 513: nested deeper than 512 levels");
  CHECK(reread(std::string(1'000'000, '[')) == "line 1, column 513: nested deeper than 512 levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(reread(objects) == "line 1, column 2561: nested deeper than 512 levels");
}

TEST_CASE("many keys are read in linear time") {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += "\"k" + std::to_string(i % 100'000) + "\":" + std::to_string(i) + ",";
  text.back() = '}';
  const auto value = parse_json(text);
  REQUIRE(value);
  CHECK(value->object()->members.size() == 100'000);
  CHECK(write_json(value->object()->members[7].second) == "100007");
}
