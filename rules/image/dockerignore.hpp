// `.dockerignore` with the semantics of moby/patternmatcher (patternmatcher.go, ignorefile/ignorefile.go), which
// docker's BuildKit clients use: the last pattern that matches a path or one of its parents decides. Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/result.hpp"

namespace trilock {

class IgnoreRules {
 public:
  IgnoreRules();
  ~IgnoreRules();
  IgnoreRules(IgnoreRules&&) noexcept;
  IgnoreRules& operator=(IgnoreRules&&) noexcept;

  // Fails with ErrorKind::invalid: "line 3: `[a` is no pattern: a `[` is never closed".
  [[nodiscard]] static Result<IgnoreRules> parse(std::string_view text);

  struct Verdict {
    bool ignored = false;
    std::uint32_t line = 0;  // of the deciding pattern, counted from 1; 0 when no pattern matches
  };
  // `path` is relative to the context, with `/`, without `.`, `..` or a final slash.
  [[nodiscard]] Verdict verdict(std::string_view path) const;
  [[nodiscard]] bool ignored(std::string_view path) const { return verdict(path).ignored; }

  // Whether a path below the ignored directory `dir` may be taken in again: false lets a walk skip the directory.
  [[nodiscard]] bool may_take_in_below(std::string_view dir) const;

 private:
  struct Pattern;
  std::vector<Pattern> patterns_;
};

}  // namespace trilock
