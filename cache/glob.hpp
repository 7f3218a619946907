// Glob patterns over paths relative to the workspace. `*` and `?` do not cross `/`, `**` as a whole component crosses
// any number of them (at the end of a pattern at least one), `[a-z]` and `[!a-z]` (or `[^a-z]`) are classes, `{a,b}`
// alternatives, which may be nested and hold `/`, `\` quotes the next character. A leading dot needs no special
// mention, as in Bazel's and Taskfile's globs. Matching is bytewise. Thread rule: free functions of their arguments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trilock {

// True when the text has no character that is special in a pattern.
[[nodiscard]] bool is_literal_pattern(std::string_view pattern);

// "" when well-formed, else what is wrong: "a `[` is never closed".
[[nodiscard]] std::string check_pattern(std::string_view pattern);

[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view path);

// The longest leading directory without special characters: "a/b" of "a/b/*.go"; "" when none. A walk starts there.
[[nodiscard]] std::string_view literal_prefix(std::string_view pattern);

// False only when no path below directory `dir` can match: the walk need not enter it.
[[nodiscard]] bool may_match_below(std::string_view pattern, std::string_view dir);

// A pattern that is matched many times: its alternatives are taken apart once.
class Glob {
 public:
  explicit Glob(std::string_view pattern);  // one that check_pattern finds well-formed
  [[nodiscard]] bool matches(std::string_view path) const;
  [[nodiscard]] bool may_match_below(std::string_view dir) const;
  // True only when every path below `dir` matches.
  [[nodiscard]] bool matches_all_below(std::string_view dir) const;

 private:
  std::vector<std::string> plain_;
};

}  // namespace trilock
