// Documents of the TOML 1.0.0 specification, and of the kinds that the toml-test suite has.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/json.hpp"
#include "schemas/toml_syntax.hpp"

using namespace trilock;

namespace {

struct Read {
  SourceMap sources;
  Diagnostics diagnostics;
  ConfigTable table;
};

Read read(std::string text) {
  Read result;
  const auto id = result.sources.add("t.toml", std::move(text));
  result.table = read_toml(id, result.sources, result.diagnostics);
  return result;
}

std::string show(const ConfigTable& table);

std::string show(const Config& config) {
  if (const auto* boolean = std::get_if<bool>(&config.data)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&config.data)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&config.data)) return "f" + write_json(Json(*number));
  if (const auto* text = config.text()) return write_json(Json(text->literal));
  if (const auto* datetime = std::get_if<Datetime>(&config.data)) return "<" + datetime->written + ">";
  if (const auto* table = config.table()) return show(*table);
  std::string shown = "[";
  for (const Config& element : *config.array()) shown += (shown.size() > 1 ? "," : "") + show(element);
  return shown + "]";
}

std::string show(const ConfigTable& table) {
  std::string shown = "{";
  for (const ConfigEntry& entry : table.entries) {
    shown += (shown.size() > 1 ? "," : "") + entry.key + "=" + show(entry.value);
  }
  return shown + "}";
}

// The document in one line, keys in order; or the error.
std::string shown(std::string text) {
  const Read result = read(std::move(text));
  return result.diagnostics.all().empty() ? show(result.table) : result.diagnostics.all()[0].message;
}

std::string error_of(std::string text) {
  const Read result = read(std::move(text));
  REQUIRE(result.diagnostics.all().size() == 1);
  CHECK(result.table.entries.empty());
  return render(result.diagnostics.all()[0], result.sources);
}

std::string span(const Place& place) {
  return std::to_string(place.line) + ":" + std::to_string(place.column) + "+" + std::to_string(place.length);
}

}  // namespace

TEST_CASE("keys") {
  CHECK(shown("") == "{}");
  CHECK(shown("# only a comment") == "{}");
  CHECK(shown("\xEF\xBB\xBFx = 1") == "{x=1}");
  CHECK(shown("b = 1\na = 2\r\nc = 3") == "{b=1,a=2,c=3}");
  CHECK(shown("bare_key = 1\nbare-key = 2\n1234 = 3") == "{bare_key=1,bare-key=2,1234=3}");
  CHECK(shown("\"127.0.0.1\" = 1\n'q \"x\"' = 2\n\"\" = 3\n\"\\u00e9\" = 4") == "{127.0.0.1=1,q \"x\"=2,=3,é=4}");
  CHECK(shown("a.b = 1\na . c = 2\n\"a\".'d' = 3\n3.14159 = 'pi'") == "{a={b=1,c=2,d=3},3={14159=\"pi\"}}");
  CHECK(shown("z.a = 1\ny = 2\nz.b = 3") == "{z={a=1,b=3},y=2}");
}

TEST_CASE("values") {
  CHECK(shown("a = [99, +99, -0, 1_000, 0xDEAD_beef, 0o755, 0b1101]") == "{a=[99,99,0,1000,3735928559,493,13]}");
  CHECK(shown("a = [9223372036854775807, -9223372036854775808]") == "{a=[9223372036854775807,-9223372036854775808]}");
  CHECK(shown("a = [+1.0, 3.1415, -0.01, 5e+22, 1e06, -2E-2, 6.626e-34, 224_617.445_991]") ==
        "{a=[f1,f3.1415,f-0.01,f5e+22,f1000000,f-0.02,f6.626e-34,f224617.445991]}");
  CHECK(shown("a = [inf, -inf, nan]") == "{a=[fnull,fnull,fnull]}");
  CHECK(shown("a = [true, false]") == "{a=[true,false]}");
  CHECK(shown(R"(a = "I'm \"q\" \\ \b\t\n\f\r \u00E9 \U0001F600")") == R"({a="I'm \"q\" \\ \b\t\n\f\r é 😀"})");
  CHECK(shown(R"(a = 'C:\Users\n')") == R"({a="C:\\Users\\n"})");
  CHECK(shown("a = \"\"\"\nRoses\r\nare\"\"\"") == R"({a="Roses\nare"})");
  CHECK(shown("a = \"\"\"x \\\n\n   y\\\"\"\"\"") == R"({a="x y\""})");
  CHECK(shown("a = \"\"\"\"two\"\" \"\"\"\"\"") == R"({a="\"two\"\" \"\""})");
  CHECK(shown("a = '''\n'one' ''two'''''") == R"({a="'one' ''two''"})");
  CHECK(shown("a = \"a\tb\"\nb = '''a\tb'''") == R"({a="a\tb",b="a\tb"})");
}

TEST_CASE("dates and times are kept as they were written") {
  CHECK(shown("a = 1979-05-27T07:32:00Z") == "{a=<1979-05-27T07:32:00Z>}");
  CHECK(shown("a = 1979-05-27T00:32:00.999999-07:00 # x") == "{a=<1979-05-27T00:32:00.999999-07:00>}");
  CHECK(shown("e = [1979-05-27 07:32:00z , 1979-05-27,07:32:00.5]\n") ==
        "{e=[<1979-05-27 07:32:00z>,<1979-05-27>,<07:32:00.5>]}");
  CHECK(shown("\"é\" = 2024-02-29") == "{é=<2024-02-29>}");
}

TEST_CASE("arrays and inline tables") {
  CHECK(shown("a = []\nb = [ [1,2], ['a', 1.5, {}], ]") == "{a=[],b=[[1,2],[\"a\",f1.5,{}]]}");
  CHECK(shown("a = [ # one\n 1, # two\n\n 2 # three\n, ]") == "{a=[1,2]}");
  CHECK(shown("p = { y = 2, x.z = 1, \"q r\" = { } }") == "{p={y=2,x={z=1},q r={}}}");
  CHECK(shown("p = [ { x = 1 }, { x = 2 } ]") == "{p=[{x=1},{x=2}]}");
}

TEST_CASE("tables") {
  CHECK(shown("[b]\nz = 1\ny = 2\n[a]\n") == "{b={z=1,y=2},a={}}");
  CHECK(shown("[a.b.c]\n[ d . \"e.f\" ]\nx=1\n[a]\nz=2") == "{a={b={c={}},z=2},d={e.f={x=1}}}");
  CHECK(shown("[fruit]\napple.color = 1\n[fruit.apple.taste]\nsweet = true") ==
        "{fruit={apple={color=1,taste={sweet=true}}}}");
  CHECK(shown("[[p]]\nn = 1\n[[p]]\n[[p]]\nn = 3\n[p.sub]\nx = 1\n[[p.list]]\n[[p.list]]\ny=2") ==
        "{p=[{n=1},{},{n=3,sub={x=1},list=[{},{y=2}]}]}");
  CHECK(shown("[image.dev]\nx = 1\n[command.lint]\n[image.base]\n") == "{image={dev={x=1},base={}},command={lint={}}}");
}

TEST_CASE("what TOML forbids is one error") {
  const char* documents[] = {"a = 1\na = 2",
                             "a = 1\n\"a\" = 2",
                             "[a]\n[a]",
                             "a = 1\n[a]",
                             "a.b = 1\na.b.c = 2",
                             "[a]\nb = 1\n[a.b]\n",
                             "[a.b]\nx = 1\n[a]\nb.y = 1",
                             "[fruit]\napple.color = 1\n[fruit.apple]",
                             "[[a]]\n[a]",
                             "[a]\n[[a]]",
                             "a = []\n[[a]]",
                             "a = [{}]\n[[a]]",
                             "a = {}\n[a.b]",
                             "a = { x = 1 }\na.y = 2",
                             "a = { x = 1, x = 2 }",
                             "[a.b]\n[a.b]",
                             "[[a.b]]\n[a.b]",
                             "[a]\nx.y = 1\n[a.x]",
                             "a",
                             "a =",
                             "a = \n1",
                             "= 1",
                             "a = 1 b = 2",
                             "a b = 1",
                             "a. = 1",
                             ".a = 1",
                             "a..b = 1",
                             "\"\"\"a\"\"\" = 1",
                             "'''a''' = 1",
                             "é = 1",
                             "[a",
                             "[]",
                             "[a.]",
                             "[.a]",
                             "[a]]",
                             "[[a]",
                             "[ [a]]",
                             "[a] x",
                             "[a]\nb = 1 [c]",
                             "a = 01",
                             "a = +01",
                             "a = 1__0",
                             "a = _1",
                             "a = 1_",
                             "a = 0x",
                             "a = 0xG",
                             "a = +0x1",
                             "a = 0b2",
                             "a = 0o8",
                             "a = 0X1",
                             "a = 9223372036854775808",
                             "a = 1.",
                             "a = .5",
                             "a = 1.e2",
                             "a = 1e",
                             "a = 03.14",
                             "a = 1._5",
                             "a = 1.2.3",
                             "a = Inf",
                             "a = NaN",
                             "a = True",
                             "a = tru",
                             "a = yes",
                             "a = \"x",
                             "a = 'x",
                             "a = \"x\ny\"",
                             "a = 'x\ny'",
                             "a = \"\"\"x",
                             "a = '''x",
                             "a = \"\\q\"",
                             "a = \"\\x41\"",
                             "a = \"\\e\"",
                             "a = \"\\u12\"",
                             "a = \"\\ud800\"",
                             "a = \"\\U00110000\"",
                             "a = \"x\"\"",
                             "a = \"\"\"x\\ y\"\"\"",
                             "a = [1 2]",
                             "a = [1,,2]",
                             "a = [,1]",
                             "a = [1",
                             "a = {",
                             "a = {x = 1",
                             "a = {x = 1,}",
                             "a = {x = 1\n}",
                             "a = {,}",
                             "a = {x}",
                             "a = 1]",
                             "a = 1979-13-01",
                             "a = 1979-02-30",
                             "a = 2023-02-29",
                             "a = 1979-5-27",
                             "a = 24:00:00",
                             "a = 07:60:00",
                             "a = 07:32",
                             "a = 1979-05-27T",
                             "a = 1979-05-27T25:00:00Z",
                             "a = 1979-05-27T07:32:00+25:00",
                             "a = 1\rb = 2",
                             "a = 1 # \x01",
                             "a = \"\x02\"",
                             "a = '\x7f'",
                             "# \x1f",
                             "\x0b",
                             "a = 1\x0c",
                             "a\xC2\xA0= 1",
                             "a = \"\xff\"",
                             "# \xC3",
                             "a = \"\xED\xA0\x80\"",
                             "a = \xE2\x80\x9Cx\xE2\x80\x9D",
                             "[=]",
                             "[[[",
                             "[",
                             "[[",
                             "a = -",
                             "a = +",
                             "\xEF\xBB\xBF\xEF\xBB\xBF"};
  for (const char* document : documents) {
    CAPTURE(document);
    const Read result = read(document);
    CHECK(result.diagnostics.all().size() == 1);
    CHECK(result.table.entries.empty());
    if (result.diagnostics.all().empty()) continue;
    const Diagnostic& found = result.diagnostics.all()[0];
    CHECK(found.message.starts_with("invalid TOML: "));
    CHECK_FALSE(found.message.ends_with('.'));
    CHECK(found.place.line > 0);
    CHECK(found.place.column > 0);
    CHECK(found.place.length > 0);
    for (const char* theirs : {"saw", "TOML_", "Error while", "end-of-file", "prohibited"}) {
      CHECK(found.message.find(theirs) == std::string::npos);
    }
  }
  const std::string nul("a = 1\n\0b = 2", 12);
  CHECK(read(nul).diagnostics.all().size() == 1);
}

TEST_CASE("places") {
  const Read result = read(
      "\"q é\" = \"né\" # c\r\n"
      "\ta.b = [1,\n"
      "  22]\n"
      "s = '''x\n"
      "y'''\n"
      "  [image.dev] # header\n"
      "d = { k = true, e.f = 1979-05-27 07:32:00 }\n"
      "[[list]]\n"
      "[[list]]\n"
      "n = 0x10");
  REQUIRE(result.diagnostics.all().empty());
  const auto places = [](const ConfigEntry& entry) { return span(entry.place) + " " + span(entry.value.place); };
  const auto& top = result.table.entries;
  REQUIRE(top.size() == 5);
  CHECK(places(top[0]) == "1:1+5 1:9+4");
  CHECK(places(top[1]) == "2:2+1 2:2+1");
  const ConfigEntry& b = top[1].value.table()->entries[0];
  CHECK(places(b) == "2:4+1 2:8+3");
  CHECK(span(b.value.array()->at(0).place) == "2:9+1");
  CHECK(span(b.value.array()->at(1).place) == "3:3+2");
  CHECK(places(top[2]) == "4:1+1 4:5+4");
  CHECK(places(top[3]) == "6:4+5 6:3+11");
  const ConfigEntry& dev = top[3].value.table()->entries[0];
  CHECK(places(dev) == "6:10+3 6:3+11");
  const ConfigEntry& d = dev.value.table()->entries[0];
  CHECK(places(d) == "7:1+1 7:5+39");
  CHECK(places(d.value.table()->entries[0]) == "7:7+1 7:11+4");
  const ConfigEntry& e = d.value.table()->entries[1];
  CHECK(places(e) == "7:17+1 7:17+1");
  CHECK(places(e.value.table()->entries[0]) == "7:19+1 7:23+19");
  CHECK(span(top[4].place) == "8:3+4");
  REQUIRE(top[4].value.array() != nullptr);
  CHECK(span(top[4].value.array()->at(0).place) == "8:1+8");
  CHECK(span(top[4].value.array()->at(1).place) == "9:1+8");
  CHECK(places(top[4].value.array()->at(1).table()->entries[0]) == "10:1+1 10:5+4");
}

TEST_CASE("columns do not count a byte order mark") {
  CHECK(error_of("\xEF\xBB\xBFx = !") ==
        "error: invalid TOML: expected a value, found `!`\n"
        "  --> t.toml:1:5\n"
        "   |\n"
        " 1 | x = !\n"
        "   |     ^\n"
        "   = help: text is written in quotes: `\"!\"`\n");
}

TEST_CASE("messages of syntax errors") {
  CHECK(error_of("[image.dev]\ndockerfile = Dockerfile\n") ==
        "error: invalid TOML: expected a value, found `Dockerfile`\n"
        "  --> t.toml:2:14\n"
        "   |\n"
        " 2 | dockerfile = Dockerfile\n"
        "   |              ^^^^^^^^^^\n"
        "   = help: text is written in quotes: `\"Dockerfile\"`\n");
  CHECK(error_of("a = 1\n \"k\".x = 2\n \"k\".x = 3") ==
        "error: invalid TOML: key `\"k\".x` is defined twice\n"
        "  --> t.toml:3:2\n"
        "   |\n"
        " 3 |  \"k\".x = 3\n"
        "   |  ^^^^^\n");
  CHECK(error_of("p = { a = \",{\", b = 1, b = 2 }") ==
        "error: invalid TOML: key `b` is defined twice\n"
        "  --> t.toml:1:24\n"
        "   |\n"
        " 1 | p = { a = \",{\", b = 1, b = 2 }\n"
        "   |                        ^\n");
  CHECK(error_of("[go.test]\n[go.test]\nkind = 'race'") ==
        "error: invalid TOML: table `go.test` is defined twice\n"
        "  --> t.toml:2:1\n"
        "   |\n"
        " 2 | [go.test]\n"
        "   | ^^^^^^^^^\n");
  CHECK(error_of("run = [\"a\",\n\n") ==
        "error: invalid TOML: array is not closed\n"
        "  --> t.toml:1:7\n"
        "   |\n"
        " 1 | run = [\"a\",\n"
        "   |       ^\n");
  CHECK(error_of("a = \"abc\nb = 1") ==
        "error: invalid TOML: string is not closed on its line\n"
        "  --> t.toml:1:9\n"
        "   |\n"
        " 1 | a = \"abc\n"
        "   |         ^\n"
        "   = help: a string of several lines is written between `\"\"\"` or `'''`\n");
  CHECK(error_of("script = '''\nset -e\n") ==
        "error: invalid TOML: string is not closed\n"
        "  --> t.toml:1:10\n"
        "   |\n"
        " 1 | script = '''\n"
        "   |          ^^^\n");
  CHECK(error_of("go = 1.22.3") ==
        "error: invalid TOML: `1.22.3` is not a valid float: expected decimal digit or exponent, found `.`\n"
        "  --> t.toml:1:6\n"
        "   |\n"
        " 1 | go = 1.22.3\n"
        "   |      ^^^^^^\n"
        "   = help: text is written in quotes: `\"1.22.3\"`\n");
  CHECK(error_of("a = 1\nx = \xE2\x80\x9Cy\xE2\x80\x9D") ==
        "error: invalid TOML: character `\xE2\x80\x9C` (U+201C) outside of quotes\n"
        "  --> t.toml:2:5\n"
        "   |\n"
        " 2 | x = \xE2\x80\x9Cy\xE2\x80\x9D\n"
        "   |     ^\n");
  CHECK(shown("a = 1\na = 2\n\xC3\x9B") == "invalid TOML: key `a` is defined twice");
  CHECK(error_of("ok = 1\nx = \"\xff\"") ==
        "error: invalid TOML: byte `0xff` is not UTF-8\n"
        "  --> t.toml:2:6\n"
        "   |\n"
        " 2 | x = \"\\xff\"\n"
        "   |      ^^^^\n");
}

TEST_CASE("characters from U+00A1 to U+0499 behind a broken number are an error like any other") {
  for (const char* text : {"G=0\"\x06\xC2\xB2[", "a = 0\"\xC2\xA1", "a = 1\"\xD2\x99\"", "a = 1\"\xC3\xA9"}) {
    CAPTURE(text);
    const Read result = read(text);
    REQUIRE(result.diagnostics.all().size() == 1);
    CHECK(result.diagnostics.all()[0].message.starts_with("invalid TOML: "));
  }
}

TEST_CASE("a table in what is no table is an error at its header") {
  for (const char* text : {"a = 1\n[a.b]", "a = 1\n[a.b]\n", "a = 1\n[a.b] # x\n[c]\n", "a = 1\n[ a . b ]\n[a.b]\n"}) {
    CAPTURE(text);
    const Read result = read(text);
    REQUIRE(result.diagnostics.all().size() == 1);
    CHECK(result.diagnostics.all()[0].message == "invalid TOML: `a.b` cannot be added to an integer");
    CHECK(result.diagnostics.all()[0].place.line == 2);
    CHECK(result.diagnostics.all()[0].place.column == 1);
  }
}

TEST_CASE("nesting ends in one error, however deep") {
  const auto dotted = [](std::size_t depth) {
    std::string key = "a";
    for (std::size_t i = 1; i < depth; ++i) key += ".a";
    return key;
  };
  const auto arrays = [](std::size_t depth) { return "a = " + std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(read(dotted(max_toml_depth) + " = 1").diagnostics.all().empty());
  CHECK(read(arrays(max_toml_depth)).diagnostics.all().empty());
  const std::string deep = "invalid TOML: nested deeper than 100 levels";
  CHECK(shown(arrays(max_toml_depth + 1)) == deep);
  CHECK(shown(dotted(100'000) + " = 1") == deep);
  CHECK(shown("[" + dotted(100'000) + "]") == deep);
  CHECK(shown("[[" + dotted(100'000) + "]]") == deep);
  CHECK(shown("a = " + std::string(1'000'000, '[')) == deep);
  std::string tables = "a = ";
  for (int i = 0; i < 100'000; ++i) tables += "{a.b.c=";
  CHECK(shown(tables) == deep);
  // Dots that nest nothing.
  std::string versions = "a = [";
  for (int i = 0; i < 1000; ++i) versions += "1.5, \"1.2.3.4\", ";
  CHECK(read(versions + "]\n# " + dotted(1000) + "\nb = '" + dotted(1000) + "'").diagnostics.all().empty());
  // An error in front of it counts more.
  CHECK(shown("a = 1\na = 2\nb = " + std::string(1000, '[')) == "invalid TOML: key `a` is defined twice");
}
