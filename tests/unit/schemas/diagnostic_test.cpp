#include "schemas/diagnostic.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "schemas/utf8.hpp"

using namespace trilock;

namespace {

// Renders one error over a single source called `f.toml`.
std::string rendered(std::string text, Place place, std::string message = "wrong", std::string help = {}) {
  SourceMap sources;
  place.source = sources.add("f.toml", std::move(text));
  Diagnostics diagnostics;
  return render(diagnostics.error(place, std::move(message), std::move(help)), sources);
}

std::string lines(std::size_t count) {
  return std::string(count, '\n');
}

}  // namespace

TEST_CASE("source map: lines of parts are counted as in the file, and others are absent") {
  SourceMap sources;
  // Of "a\nb\nc\nd\ne\nf": the second and third, and the fifth and sixth.
  const SourceId source =
      sources.add("f", "b\nc\ne\nf", {{.begin = 0, .lines_before = 1}, {.begin = 4, .lines_before = 4}});
  CHECK(sources.text(source) == "b\nc\ne\nf");
  std::string lines;
  for (std::uint32_t number = 0; number < 9; ++number) lines.append("|").append(sources.line(source, number));
  CHECK(lines == "|||b|c||e|f||");
  CHECK(sources.line(sources.add("g", "", std::vector<SourceMap::Part>()), 1).empty());
}

TEST_CASE("the example of the style guide") {
  SourceMap sources;
  const auto id = sources.add("trilock.toml", lines(13) + "dockerfiel = \"Dockerfile\"\ntarget = \"x\"\n");
  Diagnostics diagnostics;
  diagnostics.error({id, 14, 1, 10}, "unknown key `dockerfiel` in [image.dev]", "did you mean `dockerfile`?");
  CHECK(render(diagnostics.all()[0], sources) ==
        "error: unknown key `dockerfiel` in [image.dev]\n"
        "  --> trilock.toml:14:1\n"
        "   |\n"
        "14 | dockerfiel = \"Dockerfile\"\n"
        "   | ^^^^^^^^^^\n"
        "   = help: did you mean `dockerfile`?\n");
}

TEST_CASE("a diagnostic shows as much of its place as is known") {
  SourceMap sources;
  const auto id = sources.add("a/b.toml", "x = 1\n");
  Diagnostics diagnostics;
  CHECK(render(diagnostics.error({}, "no place at all", "try it"), sources) ==
        "error: no place at all\n"
        "   = help: try it\n");
  CHECK(render(diagnostics.note({id, 0, 0, 0}, "of the file"), sources) ==
        "note: of the file\n"
        "  --> a/b.toml\n");
  CHECK(diagnostics.error_count() == 1);
  CHECK(render(diagnostics.warning({id, 0, 0, 0}, "of the file"), sources) ==
        "warning: of the file\n"
        "  --> a/b.toml\n");
  const auto unread = sources.add("gone.toml", "");
  CHECK(render(diagnostics.error({unread, 3, 2, 1}, "text not kept"), sources) ==
        "error: text not kept\n"
        "  --> gone.toml:3:2\n");
}

TEST_CASE("the gutter is as wide as the longest line number of the diagnostic") {
  SourceMap sources;
  const auto id = sources.add("f", "first\n" + lines(120) + "last");
  Diagnostics diagnostics;
  Diagnostic& found = diagnostics.error({id, 1, 1, 5}, "twice", "choose one");
  found.notes.push_back({"also here", {id, 122, 2, 2}});
  found.notes.push_back({"by the command line", {}});
  CHECK(render(found, sources) ==
        "error: twice\n"
        "   --> f:1:1\n"
        "    |\n"
        "  1 | first\n"
        "    | ^^^^^\n"
        "    = help: choose one\n"
        "note: also here\n"
        "   --> f:122:2\n"
        "    |\n"
        "122 | last\n"
        "    |  ^^\n"
        "note: by the command line\n");
}

TEST_CASE("columns are code points, whatever their size") {
  CHECK(rendered("é = \"日本\" x", {.line = 1, .column = 10, .length = 1}) ==
        "error: wrong\n"
        "  --> f.toml:1:10\n"
        "   |\n"
        " 1 | é = \"日本\" x\n"
        "   |          ^\n");
}

TEST_CASE("tabs are one space, control characters are written out") {
  CHECK(rendered("\ta\x01\x1b[31mred = 1", {.line = 1, .column = 3, .length = 2}) ==
        "error: wrong\n"
        "  --> f.toml:1:3\n"
        "   |\n"
        " 1 |  a\\x01\\x1b[31mred = 1\n"
        "   |   ^^^^^^^^\n");
  CHECK(rendered("a\xff\x7f\xc2\x9b", {.line = 1, .column = 2, .length = 1}) ==
        "error: wrong\n"
        "  --> f.toml:1:2\n"
        "   |\n"
        " 1 | a\\xff\\x7f\\x9b\n"
        "   |  ^^^^\n");
}

TEST_CASE("what a message quotes cannot reach the terminal") {
  Diagnostics diagnostics;
  CHECK(render(diagnostics.error({}, "unknown key `\x1b[2J\n`", "a\tb"), {}) ==
        "error: unknown key `\\x1b[2J\\x0a`\n"
        "   = help: a\\x09b\n");
}

TEST_CASE("a place behind the end of its line, and an empty line") {
  CHECK(rendered("a =\r\n\r\n", {.line = 1, .column = 4, .length = 1}) ==
        "error: wrong\n"
        "  --> f.toml:1:4\n"
        "   |\n"
        " 1 | a =\n"
        "   |    ^\n");
  CHECK(rendered("a =\r\n\r\n", {.line = 2, .column = 1, .length = 1}) ==
        "error: wrong\n"
        "  --> f.toml:2:1\n"
        "   |\n"
        " 2 |\n"
        "   | ^\n");
  CHECK(rendered("abc", {.line = 1, .column = 2, .length = 99}) ==
        "error: wrong\n"
        "  --> f.toml:1:2\n"
        "   |\n"
        " 1 | abc\n"
        "   |  ^^\n");
}

TEST_CASE("long lines are cut around the span") {
  const std::string head(500, 'a');
  const std::string tail(500, 'b');
  SUBCASE("at the start") {
    CHECK(rendered("key = " + head, {.line = 1, .column = 1, .length = 3}) ==
          "error: wrong\n"
          "  --> f.toml:1:1\n"
          "   |\n"
          " 1 | key = " +
              std::string(152, 'a') +
              "…\n"
              "   | ^^^\n");
  }
  SUBCASE("in the middle") {
    CHECK(rendered(head + "XYZ" + tail, {.line = 1, .column = 501, .length = 3}) ==
          "error: wrong\n"
          "  --> f.toml:1:501\n"
          "   |\n"
          " 1 | …" +
              std::string(24, 'a') + "XYZ" + std::string(131, 'b') +
              "…\n"
              "   | " +
              std::string(25, ' ') + "^^^\n");
  }
  SUBCASE("at the end") {
    CHECK(rendered(head + "XYZ", {.line = 1, .column = 501, .length = 3}) ==
          "error: wrong\n"
          "  --> f.toml:1:501\n"
          "   |\n"
          " 1 | …" +
              std::string(155, 'a') +
              "XYZ\n"
              "   | " +
              std::string(156, ' ') + "^^^\n");
  }
  SUBCASE("exactly as long as is shown") {
    CHECK(rendered(std::string(160, 'x'), {.line = 1, .column = 160, .length = 1}) ==
          "error: wrong\n"
          "  --> f.toml:1:160\n"
          "   |\n"
          " 1 | " +
              std::string(160, 'x') +
              "\n"
              "   | " +
              std::string(159, ' ') + "^\n");
  }
}

TEST_CASE("lines of a source") {
  SourceMap sources;
  const auto id = sources.add("p", "\xEF\xBB\xBFone\r\ntwo\n\nfour");
  CHECK(sources.path(id) == "p");
  CHECK(sources.line(id, 0) == "");
  CHECK(sources.line(id, 1) == "one");
  CHECK(sources.line(id, 2) == "two");
  CHECK(sources.line(id, 3) == "");
  CHECK(sources.line(id, 4) == "four");
  CHECK(sources.line(id, 5) == "");
  CHECK(sources.line(SourceId::none, 1) == "");
  CHECK(sources.path(SourceId::none) == "");
  const std::string_view kept = sources.text(id);
  for (int i = 0; i < 100; ++i) sources.add("more", "text");
  CHECK(sources.text(id).data() == kept.data());
}

TEST_CASE("findings are sorted by place, and only errors count") {
  Diagnostics diagnostics;
  const auto first = static_cast<SourceId>(0);
  const auto second = static_cast<SourceId>(1);
  diagnostics.error({}, "nowhere");
  diagnostics.error({second, 1, 1, 1}, "b");
  diagnostics.warning({first, 2, 5, 1}, "a2, found first");
  diagnostics.error({first, 2, 5, 1}, "a2, found second");
  diagnostics.error({first, 2, 1, 1}, "a1");
  diagnostics.sort_by_place();
  std::vector<std::string> order;
  for (const Diagnostic& each : diagnostics.all()) order.push_back(each.message);
  CHECK(order == std::vector<std::string>{"a1", "a2, found first", "a2, found second", "b", "nowhere"});
  CHECK(diagnostics.error_count() == 4);
  CHECK(diagnostics.has_errors());
  CHECK_FALSE(Diagnostics().has_errors());
}

TEST_CASE("the nearest word") {
  const std::vector<std::string_view> keys = {"dockerfile", "context", "contexts", "target", "args", "tags"};
  CHECK(nearest("dockerfiel", keys) == "dockerfile");
  CHECK(nearest("tgas", keys) == "tags");  // a swap of neighbours is one change
  CHECK(nearest("Dockerfile", keys) == "dockerfile");
  CHECK(nearest("conetxts", keys) == "contexts");
  CHECK(nearest("contex", keys) == "context");
  CHECK(nearest("tag", keys) == "tags");
  CHECK(nearest("arg", keys) == "args");
  CHECK(nearest("target", keys) == "target");
  CHECK(nearest("dokcrfl", keys) == "");  // 4 changes are more than a third of 7
  CHECK(nearest("xy", keys) == "");
  CHECK(nearest("", keys) == "");
  CHECK(nearest("ap", {"app", "base"}) == "app");
  CHECK(nearest("a", {"b"}) == "");
  CHECK(nearest("größe", {"grösse", "größen"}) == "größen");
  CHECK(nearest(std::string(1'000'000, 'x'), keys) == "");
  CHECK(did_you_mean("contex", keys) == "did you mean `context`?");
  CHECK(did_you_mean("zzzzzz", keys) == "");
}

TEST_CASE("UTF-8 as RFC 3629 has it") {
  CHECK(count_code_points("aé日😀") == 4);
  CHECK_FALSE(find_invalid_utf8("aé日😀\xF4\x8F\xBF\xBF"));
  CHECK(find_invalid_utf8("ab\x80") == 2);
  CHECK(find_invalid_utf8("\xC0\xAF") == 0);          // overlong
  CHECK(find_invalid_utf8("\xE0\x80\xAF") == 0);      // overlong
  CHECK(find_invalid_utf8("a\xED\xA0\x80") == 1);     // a surrogate
  CHECK(find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(find_invalid_utf8("x\xE6\x97") == 1);         // cut off
  CHECK(code_point_offset("é日x", 2) == 5);
  CHECK(code_point_offset("é", 9) == 2);
}

TEST_CASE("what is quoted is reworded first, and carets stay below the span") {
  SourceMap sources;
  const auto id = sources.add("a.toml", "key = \"s3cret/x\" # s3cret\n" + std::string(300, 'x') + "s3cret = 1\n");
  Diagnostics diagnostics;
  const Reword hide = [](std::string text) {
    for (std::size_t at = 0; (at = text.find("s3cret")) != std::string::npos;) text.replace(at, 6, "***");
    return text;
  };
  Diagnostic& found = diagnostics.error({id, 1, 14, 2}, "not `s3cret`", "not `s3cret` either");
  found.notes.push_back({"s3cret is here", {id, 1, 7, 10}});
  CHECK(render(found, sources, hide) ==
        "error: not `***`\n"
        "  --> a.toml:1:14\n"
        "   |\n"
        " 1 | key = \"***/x\" # ***\n"
        "   |           ^^\n"
        "   = help: not `***` either\n"
        "note: *** is here\n"
        "  --> a.toml:1:7\n"
        "   |\n"
        " 1 | key = \"***/x\" # ***\n"
        "   |       ^^^^^^^\n");
  CHECK(render(diagnostics.error({id, 2, 303, 1}, "cut"), sources, hide).find("s3c") == std::string::npos);
}

TEST_CASE("the first hundred of a kind are kept, and all are counted") {
  Diagnostics part;
  for (int i = 0; i < 70; ++i) part.error({}, "e");
  Diagnostics all;
  for (int i = 0; i < 3; ++i) all.append(part);
  for (int i = 0; i < 101; ++i) all.warning({}, "w");
  CHECK(all.error_count() == 210);
  CHECK(all.all().size() == 2 * most_findings);
  REQUIRE(all.left_out().size() == 2);
  CHECK(all.left_out()[0].message == "110 more errors are not shown");
  CHECK(all.left_out()[1].message == "1 more warning is not shown");
  Diagnostics twice;
  twice.append(all);
  CHECK(twice.error_count() == 210);
  CHECK(twice.left_out()[0].message == "110 more errors are not shown");
}
