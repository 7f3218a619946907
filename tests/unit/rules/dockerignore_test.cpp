// Expectations are what docker's own client sends: tests/integration/09-dockerignore.sh repeats the table that it
// shares with this file against a real docker.
#include "rules/image/dockerignore.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace trilock;

namespace {

struct Case {
  std::string rules;
  std::vector<std::string> ignored;
  std::vector<std::string> kept;
};

}  // namespace

TEST_CASE("dockerignore: which paths a file leaves out") {
  const std::vector<Case> cases = {
      // Rules without wildcards match from the root, and all below what they match.
      {"foo", {"foo", "foo/a", "foo/a/b"}, {"a/foo", "foobar", "fo"}},
      {"/foo", {"foo", "foo/a"}, {"a/foo"}},
      {"foo/", {"foo", "foo/a"}, {"a/foo"}},
      {"./foo//bar/", {"foo/bar", "foo/bar/x"}, {"foo", "bar"}},
      {"a/../b", {"b"}, {"a", "a/b"}},
      {"  foo  \n", {"foo"}, {"bar"}},
      {"foo\r\nbar\r\n", {"foo", "bar"}, {"baz"}},
      {"\xef\xbb\xbf"
       "foo",
       {"foo"},
       {"bar"}},
      // `#` counts in the first column only.
      {"#foo\n #bar", {"#bar"}, {"#foo", "foo", "bar"}},
      {"", {}, {"foo"}},
      {"\n\n  \n", {}, {"foo"}},
      // `*` and `?` stay within a component.
      {"*.md", {"README.md", ".md"}, {"a/README.md", "README.mdx"}},
      {"*", {"a", "a/b", ".git/config"}, {}},
      {"*/*.md", {"a/x.md"}, {"x.md", "a/b/x.md"}},
      {"*/temp*", {"a/temp", "a/temporary/x"}, {"temp", "a/b/temp"}},
      {"a?c", {"abc", "abc/x"}, {"ac", "a/c", "abbc"}},
      {"f*/b", {"foo/b", "f/b/c"}, {"f/x/b"}},
      // `**` crosses components, none included.
      {"**/foo", {"foo", "a/foo", "a/b/foo", "a/foo/x"}, {"afoo2", "foo2"}},
      {"**/*.go", {"x.go", "a/x.go", "a/b/x.go"}, {"x.gox", "x"}},
      {"a/**", {"a/x", "a/b/c"}, {"a", "b", "ab"}},
      {"a/**/z", {"a/z", "a/b/z", "a/b/c/z"}, {"z", "a/b"}},
      {"**", {"a", "a/b"}, {}},
      {"**/", {"a", "a/b"}, {}},
      // Classes, quoting, characters that mean something to regular expressions only.
      {"[a-c]x", {"ax", "cx"}, {"dx", "x"}},
      {"[^a-c]x", {"dx"}, {"ax", "bx"}},
      {"a\\*b", {"a*b"}, {"axb"}},
      {"a.b", {"a.b"}, {"axb"}},
      {"a+(b)|c$", {"a+(b)|c$"}, {"aab"}},
      {"{a,b}", {"{a,b}"}, {"a", "b"}},
      {"caf?", {"caf\xc3\xa9"}, {"cafes"}},
      // The last match wins; what was left out with a parent can be taken in again.
      {"*.md\n!README.md", {"x.md"}, {"README.md"}},
      {"!README.md\n*.md", {"README.md", "x.md"}, {}},
      {"*.md\n!README*.md\nREADME-secret.md", {"x.md", "README-secret.md"}, {"README.md", "README-x.md"}},
      {"a\n!a/b", {"a", "a/c"}, {"a/b", "a/b/c"}},
      {"*\n!src\nsrc/secret", {"x", "src/secret", "src/secret/y"}, {"src", "src/a", "src/b/c"}},
      {"*\n!**/*.go", {"x", "a", "a/x"}, {"x.go", "a/x.go"}},
      {"! foo\nbar", {"bar"}, {"foo"}},
      {"*\n!/foo", {"bar"}, {"foo", "foo/x"}},
      // Patterns that can match nothing.
      {".", {}, {"a"}},
      {"/", {}, {"a"}},
      {"../a", {}, {"a"}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.rules);
    const auto rules = IgnoreRules::parse(one.rules);
    REQUIRE(rules);
    for (const auto& path : one.ignored) CHECK_MESSAGE(rules->ignored(path), path);
    for (const auto& path : one.kept) CHECK_MESSAGE(!rules->ignored(path), path);
  }
}

TEST_CASE("dockerignore: the line that decides") {
  const auto rules = IgnoreRules::parse("# logs\n*.log\n\n!keep.log\nkeep.log/x\n");
  REQUIRE(rules);
  CHECK(rules->verdict("a.log").line == 2);
  CHECK(rules->verdict("keep.log").line == 4);
  CHECK_FALSE(rules->verdict("keep.log").ignored);
  CHECK(rules->verdict("keep.log/x").line == 5);
  CHECK(rules->verdict("other").line == 0);
}

TEST_CASE("dockerignore: an ignored directory is entered only where an exception may take something in again") {
  const auto enters = [](const char* text, const char* dir) {
    return IgnoreRules::parse(text)->may_take_in_below(dir);
  };
  CHECK_FALSE(enters("*\n", "build"));
  CHECK_FALSE(enters("*\n!cmd\n!go.mod\n", "build"));
  CHECK_FALSE(enters("!build\nbuild\n", "build"));
  CHECK_FALSE(enters("*\n!buildings/x\n", "build"));
  CHECK(enters("*\n!build/keep\n", "build"));
  CHECK(enters("*\n!build/a/b/*.go\n", "build"));
  CHECK(enters("*\n!build/a/b/*.go\n", "build/a"));
  CHECK_FALSE(enters("*\n!build/a/b/*.go\n", "build/b"));
  CHECK(enters("*\n!**/keep\n", "build"));
  CHECK(enters("*\n!b*/keep\n", "build"));
  CHECK_FALSE(enters("*\n!c*/keep\n", "build"));
}

TEST_CASE("dockerignore: what is no pattern") {
  const auto message = [](const char* text) {
    const auto rules = IgnoreRules::parse(text);
    return rules ? std::string() : rules.error().message;
  };
  CHECK(message("a\n!") == "line 2: `!` has no pattern after it");
  CHECK(message("! ") == "line 1: `!` has no pattern after it");
  CHECK(message("!/") == "line 1: `!` has no pattern after it");
  CHECK(message("[a") ==
        "line 1: `[a` is no pattern: a `[` is not closed, or its content is no list of characters and ranges");
  CHECK(message("[]a]").starts_with("line 1: `[]a]` is no pattern"));
  CHECK(message("[a-]").starts_with("line 1: `[a-]` is no pattern"));
  CHECK(message("a\\") == "line 1: `a\\` is no pattern: it ends in a `\\`");
}

TEST_CASE("dockerignore: a pattern of many stars takes no time to fail") {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "*a";
  const auto rules = IgnoreRules::parse(pattern + "b");
  REQUIRE(rules);
  CHECK_FALSE(rules->ignored(std::string(2000, 'a')));
}
