#include "cache/glob.hpp"

#include <doctest/doctest.h>
#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

using namespace trilock;

namespace {

// The definition of glob.hpp written as directly as it can be, with every choice tried. Exponential, for short texts.
struct NaiveMatcher {
  static bool match(std::string_view pattern, std::string_view text, bool component_start) {
    if (pattern.empty()) return text.empty();
    if (component_start && pattern == "**") return !text.empty();
    if (component_start && pattern.starts_with("**/")) {
      if (match(pattern.substr(3), text, true)) return true;
      const std::size_t slash = text.find('/');
      return slash != std::string_view::npos && match(pattern, text.substr(slash + 1), true);
    }
    switch (pattern[0]) {
      case '*':
        if (match(pattern.substr(1), text, false)) return true;
        return !text.empty() && text[0] != '/' && match(pattern, text.substr(1), false);
      case '?':
        return !text.empty() && text[0] != '/' && match(pattern.substr(1), text.substr(1), false);
      default:
        return !text.empty() && text[0] == pattern[0] && match(pattern.substr(1), text.substr(1), pattern[0] == '/');
    }
  }

  // Alternatives stand for patterns, so they are put in their place before anything else. None is nested here.
  static bool match_any(const std::string& pattern, std::string_view text) {
    const std::size_t open = pattern.find('{');
    if (open == std::string::npos) return match(pattern, text, true);
    const std::size_t close = pattern.find('}', open);
    for (std::size_t begin = open + 1; begin <= close;) {
      const std::size_t end = std::min(pattern.find(',', begin), close);
      if (match_any(pattern.substr(0, open) + pattern.substr(begin, end - begin) + pattern.substr(close + 1), text)) {
        return true;
      }
      begin = end + 1;
    }
    return false;
  }
};

std::string random_of(std::mt19937& random, const std::vector<std::string>& pieces, std::size_t most) {
  std::string text;
  for (std::size_t count = random() % (most + 1); count > 0; --count) text += pieces[random() % pieces.size()];
  return text;
}

// No empty components, as paths of a node have none.
bool is_clean(const std::string& path) {
  return !path.empty() && path.front() != '/' && path.back() != '/' && path.find("//") == std::string::npos;
}

}  // namespace

TEST_CASE("glob: what the header says of each special character") {
  struct Case {
    const char* pattern;
    const char* path;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{
           {"a.go", "a.go", true},
           {"a.go", "a_go", false},
           {"a.go", "x/a.go", false},
           {"*.go", "main.go", true},
           {"*.go", ".go", true},
           {"*.go", ".hidden.go", true},
           {"*.go", "cmd/main.go", false},
           {"*", "a", true},
           {"*", ".env", true},
           {"*", "a/b", false},
           {"?", "a", true},
           {"?", "/", false},
           {"a?b", "a/b", false},
           {"a*b", "a/b", false},
           {"**", "a", true},
           {"**", "a/b/c", true},
           {"**/*.go", "main.go", true},
           {"**/*.go", "a/b/main.go", true},
           {"**/*.go", "a/b/main.goo", false},
           {"a/**", "a/b", true},
           {"a/**", "a/b/c", true},
           {"a/**", "a", false},
           {"a/**", "ab", false},
           {"a/**/b", "a/b", true},
           {"a/**/b", "a/x/y/b", true},
           {"a/**/b", "ab", false},
           {"a/**/b", "a/x/yb", false},
           {"a/**/**", "a/b", true},
           {"a/**/**", "a", false},
           {"**/a/**/b/**/c", "x/a/b/b/y/c", true},
           {"a**b", "axxb", true},
           {"a**b", "ax/xb", false},
           {"**b", "a/b", false},
           {"[a-c]", "b", true},
           {"[a-c]", "d", false},
           {"[!a-c]", "d", true},
           {"[!a-c]", "b", false},
           {"[^a-c]", "d", true},
           {"[]a]", "]", true},
           {"[!]a]", "b", true},
           {"[!]a]", "]", false},
           {"[a-]", "-", true},
           {"[-a]", "-", true},
           {"[a\\]]", "]", true},
           {"[a\\-z]", "b", false},
           {"[a\\-z]", "-", true},
           {"a[!b]c", "a/c", false},
           {"[0-9][0-9]", "42", true},
           {"[\xc3]\xa9", "\xc3\xa9", true},
           {"caf?", "caf\xc3\xa9", false},
           {"caf??", "caf\xc3\xa9", true},
           {"\\*", "*", true},
           {"\\*", "a", false},
           {"\\[x]", "[x]", true},
           {"a\\b", "ab", true},
           {"{a,b}", "a", true},
           {"{a,b}", "b", true},
           {"{a,b}", "c", false},
           {"{a,b}", "{a,b}", false},
           {"*.{js,ts}", "x.ts", true},
           {"*.{js,{c,m}ts}", "x.mts", true},
           {"*.{js,{c,m}ts}", "x.ts", false},
           {"x{,.bak}", "x", true},
           {"x{,.bak}", "x.bak", true},
           {"{src,lib/**}/*.c", "lib/a/b.c", true},
           {"{src,lib/**}/*.c", "src/a/b.c", false},
           {"{a/b,c}/d", "a/b/d", true},
           {"\\{a,b}", "{a,b}", true},
           {"{a\\,b,c}", "a,b", true},
           {"{a\\,b,c}", "a", false},
           {"[{,}]", "{", true},
           {"a}", "a}", true},
           {"a]", "a]", true},
           {"{**,x}/y", "p/q/y", true},
           {"", "", true},
           {"*", "", false},
           {"**", "", false},
       }) {
    CAPTURE(c.pattern);
    CAPTURE(c.path);
    CHECK(glob_match(c.pattern, c.path) == c.matches);
    CHECK(Glob(c.pattern).matches(c.path) == c.matches);
  }
}

TEST_CASE("glob: what is wrong with a pattern") {
  CHECK(check_pattern("**/*.{go,mod}") == "");
  CHECK(check_pattern("[a-z]/\\*") == "");
  CHECK(check_pattern("a}b]") == "");
  CHECK(check_pattern("a[b") == "a `[` is never closed");
  CHECK(check_pattern("a[b/c]") == "a `[` is never closed");
  CHECK(check_pattern("[]") == "a `[` is never closed");
  CHECK(check_pattern("{a,{b,c}") == "a `{` is never closed");
  CHECK(check_pattern("a\\") == "a `\\` at the end quotes nothing");
  CHECK(check_pattern("[z-a]") == "the range `z-a` is empty");
  CHECK(check_pattern("[[:alpha:]]") == "named classes such as `[:alpha:]` do not exist here");
  std::string many;
  for (int i = 0; i < 40; ++i) many += "{a,b}";
  CHECK(check_pattern(many) == "its `{…}` stand for more than 1024 alternatives");
  CHECK(check_pattern("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}") == "");
}

TEST_CASE("glob: literal patterns and where a walk starts") {
  CHECK(is_literal_pattern("a/b.go"));
  CHECK(is_literal_pattern("a],}!b"));
  for (const char* special : {"*", "a?", "[a]", "{a}", "\\a"}) CHECK_FALSE(is_literal_pattern(special));
  CHECK(literal_prefix("a/b/*.go") == "a/b");
  CHECK(literal_prefix("a/b*/c") == "a");
  CHECK(literal_prefix("*.go") == "");
  CHECK(literal_prefix("**") == "");
  CHECK(literal_prefix("a/{b,c}/d") == "a");
  CHECK(literal_prefix("a/b\\*/c") == "a");
  CHECK(literal_prefix("a/b") == "a");
}

TEST_CASE("glob: which directories a walk may leave out") {
  CHECK(may_match_below("a/b/*.go", ""));
  CHECK(may_match_below("a/b/*.go", "a"));
  CHECK(may_match_below("a/b/*.go", "a/b"));
  CHECK_FALSE(may_match_below("a/b/*.go", "a/b/c"));
  CHECK_FALSE(may_match_below("a/b/*.go", "b"));
  CHECK(may_match_below("a/**/x", "a/b/c/d"));
  CHECK_FALSE(may_match_below("a/**/x", "b"));
  CHECK_FALSE(may_match_below("*.go", "a"));
  CHECK(may_match_below("{a,b}/*", "b"));
  CHECK_FALSE(may_match_below("{a,b}/*", "c"));
  CHECK(Glob("vendor/**").matches_all_below("vendor"));
  CHECK(Glob("vendor/**").matches_all_below("vendor/x"));
  CHECK(Glob("**").matches_all_below(""));
  CHECK(Glob("**/node_modules/**").matches_all_below("a/node_modules"));
  CHECK_FALSE(Glob("vendor/*").matches_all_below("vendor"));
  CHECK_FALSE(Glob("vendor/**/x").matches_all_below("vendor"));
  CHECK_FALSE(Glob("vendor/**").matches_all_below("vend"));
}

TEST_CASE("glob: agrees with a matcher that tries everything") {
  const std::vector<std::string> pattern_pieces = {"a",   "b", "/",      "*",    "**",     "**/",
                                                   "/**", "?", "{a,b/}", "{*,}", "{**/,b}"};
  const std::vector<std::string> path_pieces = {"a", "b", "/", "ab", "/a"};
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  int matched = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::string pattern = random_of(random, pattern_pieces, 6);
    const std::string path = random_of(random, path_pieces, 6);
    if (!is_clean(path)) continue;
    const bool expected = NaiveMatcher::match_any(pattern, path);
    matched += expected ? 1 : 0;
    CAPTURE(pattern);
    CAPTURE(path);
    REQUIRE(glob_match(pattern, path) == expected);
    if (!expected) continue;
    // A match promises that a walk reaches it.
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      REQUIRE(may_match_below(pattern, path.substr(0, slash)));
    }
    const std::string_view prefix = literal_prefix(pattern);
    REQUIRE(path.starts_with(prefix));
  }
  CHECK(matched > 1000);
}

TEST_CASE("glob: all below a directory means every path below it") {
  const std::vector<std::string> pattern_pieces = {"a", "b", "/", "*", "/**", "{a,b}"};
  const std::vector<std::string> path_pieces = {"a", "b", "/", "ab"};
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 30'000; ++i) {
    const std::string pattern = random_of(random, pattern_pieces, 5);
    const std::string dir = random_of(random, path_pieces, 4);
    const std::string name = random_of(random, path_pieces, 4);
    if (!is_clean(dir) || !is_clean(name) || !Glob(pattern).matches_all_below(dir)) continue;
    CAPTURE(pattern);
    CAPTURE(dir);
    CAPTURE(name);
    REQUIRE(glob_match(pattern, dir + "/" + name));
  }
}

TEST_CASE("glob: agrees with fnmatch(3) where that knows the same characters") {
  const std::vector<std::string> pattern_pieces = {"a",    "b",     "/",   "*",   "?", "[ab]",
                                                   "[!a]", "[a-c]", "\\*", "\\a", ".", "[]b]"};
  const std::vector<std::string> path_pieces = {"a", "b", "c", "/", "*", ".", "]"};
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 60'000; ++i) {
    const std::string pattern = random_of(random, pattern_pieces, 6);
    const std::string path = random_of(random, path_pieces, 5);
    if (!is_clean(path) || pattern.find("**") != std::string::npos) continue;
    CAPTURE(pattern);
    CAPTURE(path);
    REQUIRE(glob_match(pattern, path) == (fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0));
  }
}

TEST_CASE("glob: many stars cost no exponential time") {
  std::string path;
  for (int i = 0; i < 60; ++i) path += "aaaaaaaaaaaaaaaaaaaa/";
  path += "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE(glob_match("**/**/**/**/**/**/**/*a*a*a*a*a*b*c", path));
  CHECK_FALSE(glob_match("**/a*/**/a*/**/a*/**/a*/**/a*/**/x", path));
  CHECK_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*c", std::string(5000, 'a')));
  std::string alternatives;
  for (int i = 0; i < 40; ++i) alternatives += "{a,aa}";
  CHECK_FALSE(glob_match(alternatives + "x", std::string(50, 'a')));
  // Exponential matching would take longer than anybody can wait; the bound is loose for slow machines.
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}
