// However a document is read, whole by the library or in parts and by the plain reader, the same comes out: tables,
// places, findings. Documents are put together at random from lines that agree and lines that do not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/toml_plain.hpp"
#include "schemas/toml_syntax.hpp"

using namespace trilock;

namespace {

std::string show(const Place& place) {
  return fmt::format("{}:{}+{}", place.line, place.column, place.length);
}

std::string show(const ConfigTable& table);

std::string show(const Config& config) {
  struct Show {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("i{}", value); }
    std::string operator()(double value) const { return fmt::format("f{}", value); }
    std::string operator()(const Text& value) const { return fmt::format("\"{}\"", value.literal); }
    std::string operator()(const Datetime& value) const { return fmt::format("<{}>", value.written); }
    std::string operator()(const ConfigArray& value) const {
      std::string shown = "[";
      for (const Config& element : value) shown += show(element) + ",";
      return shown + "]";
    }
    std::string operator()(const ConfigTable& value) const { return show(value); }
  };
  return std::visit(Show{}, config.data) + "@" + show(config.place);
}

std::string show(const ConfigTable& table) {
  std::string shown = "{";
  for (const ConfigEntry& entry : table.entries)
    shown += fmt::format("{}@{}={};", entry.key, show(entry.place), show(entry.value));
  return shown + "}";
}

struct Outcome {
  std::string shown;
  bool good = false;
};

Outcome read(const std::string& text, const TomlReading& reading) {
  SourceMap sources;
  Diagnostics diagnostics;
  const auto id = sources.add("t.toml", text);
  const ConfigTable table = read_toml(id, sources, diagnostics, reading);
  Outcome outcome{show(table), !diagnostics.has_errors()};
  for (const Diagnostic& found : diagnostics.all()) outcome.shown += render(found, sources);
  return outcome;
}

const TomlReading whole{.loop = one_after_another, .part_bytes = static_cast<std::size_t>(-1)};
const TomlReading cut_everywhere{.loop = one_after_another, .part_bytes = 1};

// Whether the document was plain.
bool check_same(const std::string& text) {
  const Outcome expected = read(text, whole);
  CAPTURE(text);
  CHECK(read(text, cut_everywhere).shown == expected.shown);
  const TomlScan scan = scan_toml(text);
  if (scan.not_text || scan.barrier) return false;
  const std::optional<ConfigTable> plain = read_plain_toml(text, static_cast<SourceId>(0), 0);
  if (!plain) return false;
  CHECK(expected.good);
  CHECK(show(*plain) == expected.shown);
  return true;
}

// The tables of two keys, and what stands beside them, in any order: of the tables `[a]` and `[c]` that is the order in
// which they come up, in which of the tables of nodes their places decide.
std::vector<std::string> shown_tables(const ConfigTable& table) {
  std::vector<std::string> shown;
  for (const ConfigEntry& entry : table.entries) {
    const ConfigTable* const below = entry.value.table();
    if (below == nullptr) shown.push_back(entry.key + "=" + show(entry.value));
    if (below == nullptr) continue;
    for (const ConfigEntry& child : below->entries)
      shown.push_back(fmt::format("{}.{}={}", entry.key, child.key, show(child.value)));
  }
  std::ranges::sort(shown);
  return shown;
}

// Without one of its pieces a document says the same but for the table that the piece is. How many pieces were left
// out.
std::size_t check_pieces(const std::string& text) {
  SourceMap sources;
  Diagnostics diagnostics;
  const auto id = sources.add("t.toml", text);
  const std::vector<std::string> all = shown_tables(read_toml(id, sources, diagnostics));
  if (diagnostics.has_errors()) return 0;
  const std::vector<TomlPiece> pieces = toml_pieces(text);
  std::size_t left_out = 0;
  for (const TomlPiece& without : pieces) {
    if (without.title.empty()) continue;
    std::vector<TomlStretch> parts;
    for (const TomlPiece& piece : pieces)
      if (&piece != &without) parts.push_back(piece.where);
    const auto read = read_toml_parts(parts, id, sources, one_after_another);
    if (!read) continue;
    std::vector<std::string> expected = all;
    std::erase_if(expected,
                  [&](const std::string& shown) { return shown.starts_with(std::string(without.title) + "="); });
    CAPTURE(without.title);
    CAPTURE(text);
    CHECK(shown_tables(*read) == expected);
    CHECK(expected.size() + 1 == all.size());
    ++left_out;
  }
  return left_out;
}

}  // namespace

TEST_CASE("pieces say which table they are, when they are nothing else") {
  const auto titles = [](std::string_view text) {
    std::vector<std::string> found;
    for (const TomlPiece& piece : toml_pieces(text)) found.emplace_back(piece.title);
    return found;
  };
  using Titles = std::vector<std::string>;
  CHECK(titles("[a.b]\nx = 1\n[a.c]\n") == Titles{"a.b", "a.c"});
  CHECK(titles("# first\n[a.b]\n") == Titles{"", "a.b"});
  CHECK(titles("x = 1\n[a.b]\n[a.b.c]\n[a.b.c.d]\n") == Titles{"", "a.b"});
  CHECK(titles("[a.b]\n[a.c]\n[vars]\n") == Titles{"a.b", ""});
  CHECK(titles("[a.b]\n[a.c.d]\n[a.e]\n") == Titles{"", "a.e"});
  CHECK(titles("[a.b]\n[a.bc.d]\n") == Titles{""});
  CHECK(titles("[a.\"b\"]\n[ a.c]\n[a-1._2]\n") == Titles{"", "", "a-1._2"});
  CHECK(titles("[a.b]\nx = [\n[1.0]\n]\ny = \"\"\"\n[c]\n\"\"\"\n[a.c]\n") == Titles{"a.b", "a.c"});
  CHECK(titles("\xEF\xBB\xBF[a.b]\n[a.c]\n") == Titles{"", "a.b", "a.c"});
  CHECK(titles("[a.b]\n[[c]]\n[a.c]\n").size() == 1);
  CHECK(titles("[a.b]\nx = \"\"\"").empty());
}

TEST_CASE("a document may be cut at headers of two keys alone") {
  const std::string text =
      "x = 1\n[a]\ny = \"\"\"\n[no.header]\n\"\"\"\n [b.c] # here\nz = [\n[1.0, 2]\n,\n]\n[b.c.d]\n[b.e]\n";
  std::vector<std::pair<std::size_t, std::uint32_t>> cuts;
  for (const TomlPart& part : scan_toml(text, 1).parts) cuts.emplace_back(part.begin, part.lines_before);
  CHECK(cuts ==
        std::vector<std::pair<std::size_t, std::uint32_t>>{{0, 0}, {text.find(" [b.c]"), 5}, {text.find("[b.e]"), 11}});
  CHECK(scan_toml(text).parts.size() == 1);
  CHECK(scan_toml(text + "[[f]]\n[b.g]\n", 1).parts.size() == 1);
  CHECK(scan_toml("\xEF\xBB\xBF[a.b]\n[a.c]\n", 1).parts.back().begin == 9);
}

TEST_CASE("parts are as long as was asked for") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += fmt::format("[a.b{:03}]\n", i);
  const TomlScan scan = scan_toml(text, 85);
  REQUIRE(scan.parts.size() == 10);
  for (std::size_t i = 0; i < scan.parts.size(); ++i) CHECK(scan.parts[i].begin == i * 90);
}

TEST_CASE("what is plain, and what is left to the library") {
  const auto is_plain = [](std::string_view text) {
    return read_plain_toml(text, static_cast<SourceId>(0), 0).has_value();
  };
  for (const std::string_view text :
       {"", "\n", "# x", "a = 1", "a = 'x' # y\n", "[a]\n[a.b]\nc = true\n", "a = [\n 1, # x\n [], \n]\n", "a = \"\"\n",
        "a = {}\n", "a = { b = 1, c = [ \"d\" ] }\n", "a = \"grüße \t\"", "[a.b]\n[a.c]\n[d.b]\n"}) {
    CAPTURE(text);
    CHECK(is_plain(text));
    CHECK(check_same(std::string(text)));
  }
  for (const std::string_view text : {"a = 1.0",
                                      "a = 01",
                                      "a = -1",
                                      "a = \"\\n\"",
                                      "a = \"\"\"x\"\"\"",
                                      "a.b = 1",
                                      "\"a\" = 1",
                                      "[[a]]",
                                      "[a.b.c]",
                                      "a = 1\r\n",
                                      "a = 1979-05-27",
                                      "a = 1\na = 2",
                                      "[a]\n[a]",
                                      "[a.b]\n[a.b]",
                                      "[a.b]\n[a]",
                                      "a = {b = 1,}",
                                      "a = {b = 1\n}",
                                      "a = tru",
                                      "a",
                                      "a =",
                                      "[a",
                                      "a = [1",
                                      "a = \"x",
                                      "a = 1 b = 2",
                                      "[a] b = 1",
                                      "a = {b=1}\n[a.c]",
                                      "[a]\nb = 1\n[a.b]",
                                      "a = [1 2]",
                                      "a = 1000000000000000000",
                                      "# \x01",
                                      "a = '\x7f'",
                                      "[ a ]",
                                      "= 1"}) {
    CAPTURE(text);
    CHECK(!is_plain(text));
    CHECK(!check_same(std::string(text)));
  }
}

TEST_CASE("property: documents of random lines read the same in parts and as a whole") {
  static constexpr std::string_view lines[] = {"[a.b]",
                                               "[a.c]",
                                               "[a.d]",
                                               "[a.e]",
                                               "[b.c]",
                                               "[b.d]",
                                               "[c.d]",
                                               "[c.e]",
                                               "[a]",
                                               "[b]",
                                               "[ a . b ]",
                                               "  [c.f] # x",
                                               "[a.b.x]",
                                               "[a.\"b\"]",
                                               "[[f]]",
                                               "[[a.b]]",
                                               "['a'.g]",
                                               "x = 1",
                                               "y = \"ä\"",
                                               "z = [1, \"two\", [true]]",
                                               "w = { x = 1, y = 'z' }",
                                               "b = 2",
                                               "c = 3",
                                               "a = 4",
                                               "a = { b = 1 }",
                                               "a.b = 5",
                                               "a.z = 6",
                                               "x.y = 7",
                                               "v = 1.5",
                                               "u = 1979-05-27T07:32:00Z",
                                               "t = \"\\u00e4\"",
                                               "s = \"\"\"",
                                               "\"\"\"",
                                               "r = [",
                                               "]",
                                               "1,",
                                               "# comment ä",
                                               "",
                                               "\t",
                                               "q = '''x",
                                               "'''",
                                               "p = [ # c",
                                               "  2, # d",
                                               "]",
                                               "o = {}",
                                               "n = []",
                                               "m = {",
                                               "}",
                                               "l = \"[a.b]\"",
                                               "k",
                                               "\r"};
  const char* asked = std::getenv("TRILOCK_PROPERTY_SEED");
  const char* wanted = std::getenv("TRILOCK_PROPERTY_SEEDS");
  const std::uint64_t first = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1;
  const std::uint64_t seeds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : asked != nullptr ? 1 : 10'000;
  std::size_t plain = 0;
  std::size_t good = 0;
  std::size_t left_out = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    // With few lines to choose from they contradict each other less, and most documents are good.
    const std::size_t choices = random() % 2 == 0 ? std::size(lines) : 1 + random() % std::size(lines);
    const std::size_t from = random() % std::size(lines);
    std::string text;
    for (std::size_t i = 0; i < 1 + random() % 12; ++i) {
      text += lines[(from + random() % choices) % std::size(lines)];
      text += random() % 30 == 0 ? "\r\n" : "\n";
    }
    if (check_same(text)) ++plain;
    left_out += check_pieces(text);
    if (read(text, whole).good) ++good;
  }
  MESSAGE("good: ", good, ", plain: ", plain, ", pieces left out: ", left_out);
  if (seeds >= 10'000) CHECK((good > seeds / 10 && plain > seeds / 20));
}

TEST_CASE("a long document with an error in it is reported as if it were read whole") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += fmt::format("[command.n{}]\nrun = [\"true\", \"{}\"]\n\n", i, i);
  CHECK(text.size() > 2 * TomlReading().part_bytes);
  CHECK(read(text, {}).shown == read(text, whole).shown);
  for (const std::string_view bad : {"[command.n7]\n", "x = \n", "[command]\n", "\"", "[command.n8.run]\n"}) {
    const Outcome outcome = read(text + std::string(bad), {});
    CHECK(outcome.shown == read(text + std::string(bad), whole).shown);
  }
}
