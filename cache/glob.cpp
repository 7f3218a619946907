// Matching goes component by component. `**` is to components what `*` is to bytes, and both are matched the same
// way: only the last star is ever tried again, one place further on. That is enough, since an earlier star that took
// more could only leave less for what follows; it keeps the cost at (length of path) x (length of pattern) where
// trying every star again is exponential.
//
// Alternatives are expanded to patterns without braces first. That may yield many; check_pattern bounds their number.
#include "cache/glob.hpp"

#include <cstddef>
#include <utility>

namespace trilock {

namespace {

constexpr std::size_t npos = std::string_view::npos;
constexpr std::size_t max_alternatives = 1024;

// Where the class that opens at `open` has its `]`; npos when it has none before the component ends.
std::size_t class_end(std::string_view pattern, std::size_t open) {
  std::size_t at = open + 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) ++at;
  for (bool first = true; at < pattern.size() && pattern[at] != '/'; ++at, first = false) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
    } else if (pattern[at] == ']' && !first) {
      return at;
    }
  }
  return npos;
}

// The next byte of a class, unquoted; moves `at` past it.
unsigned char class_byte(std::string_view body, std::size_t& at) {
  if (body[at] == '\\' && at + 1 < body.size()) ++at;
  return static_cast<unsigned char>(body[at++]);
}

// A part of a class: one byte (`low` == `high`) or a range.
struct ClassRange {
  unsigned char low;
  unsigned char high;
};

ClassRange class_range(std::string_view body, std::size_t& at) {
  const unsigned char low = class_byte(body, at);
  if (at + 1 >= body.size() || body[at] != '-') return {low, low};
  ++at;
  return {low, class_byte(body, at)};
}

// `body` is what stands between the brackets.
bool class_contains(std::string_view body, unsigned char byte) {
  const bool negated = body[0] == '!' || body[0] == '^';
  std::size_t at = negated ? 1 : 0;
  bool found = false;
  while (at < body.size() && !found) {
    const ClassRange range = class_range(body, at);
    found = range.low <= byte && byte <= range.high;
  }
  return found != negated;
}

// Matches one byte of text against the single-byte element at `at`, and moves `at` past that element.
bool match_element(std::string_view pattern, std::size_t& at, char byte) {
  switch (pattern[at]) {
    case '?':
      ++at;
      return true;
    case '[': {
      const std::size_t end = class_end(pattern, at);
      if (end == npos) break;
      const std::string_view body = pattern.substr(at + 1, end - at - 1);
      at = end + 1;
      return class_contains(body, static_cast<unsigned char>(byte));
    }
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      break;
    default:
      break;
  }
  return pattern[at++] == byte;
}

bool match_component(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star_p = npos;
  std::size_t star_t = 0;
  for (;;) {
    if (p < pattern.size() && pattern[p] == '*') {
      star_p = ++p;
      star_t = t;
      continue;
    }
    if (t == text.size() && p == pattern.size()) return true;
    if (t < text.size() && p < pattern.size() && match_element(pattern, p, text[t])) {
      ++t;
      continue;
    }
    if (star_p == npos || star_t == text.size()) return false;
    p = star_p;
    t = ++star_t;
  }
}

// The components of a path or of a pattern from left to right. A slash cannot be part of a class or be quoted, so
// splitting needs no parsing.
struct Components {
  std::string_view rest;
  bool done = false;

  explicit Components(std::string_view text) : rest(text), done(text.empty()) {}
  [[nodiscard]] std::string_view front() const { return rest.substr(0, rest.find('/')); }
  void pop() {
    const std::size_t slash = rest.find('/');
    done = slash == npos;
    rest = done ? std::string_view() : rest.substr(slash + 1);
  }
  [[nodiscard]] bool is_last() const { return rest.find('/') == npos; }
};

// `pattern` has no alternatives.
bool match_plain(std::string_view pattern, std::string_view path) {
  Components p(pattern);
  Components s(path);
  bool have_star = false;
  Components star_p("");
  Components star_s("");
  for (;;) {
    if (s.done) return p.done;  // what is left of the pattern needs at least one more component
    if (!p.done && p.front() == "**") {
      if (p.is_last()) return true;
      p.pop();
      have_star = true;
      star_p = p;
      star_s = s;
      continue;
    }
    if (!p.done && match_component(p.front(), s.front())) {
      p.pop();
      s.pop();
      continue;
    }
    if (!have_star) return false;
    star_s.pop();
    if (star_s.done) return false;
    p = star_p;
    s = star_s;
  }
}

bool may_match_below_plain(std::string_view pattern, std::string_view dir) {
  Components p(pattern);
  for (Components d(dir); !d.done; d.pop(), p.pop()) {
    if (p.done) return false;
    if (p.front() == "**") return true;
    if (!match_component(p.front(), d.front())) return false;
  }
  return !p.done;
}

// The first group of alternatives: its `{`, its `}`, and the commas on its own level.
struct Group {
  std::size_t open = npos;
  std::size_t close = npos;
  std::vector<std::size_t> commas;
};

Group find_group(std::string_view pattern) {
  Group group;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char byte = pattern[at];
    if (byte == '\\') {
      ++at;
    } else if (byte == '[') {
      const std::size_t end = class_end(pattern, at);
      if (end != npos) at = end;
    } else if (byte == '{') {
      if (depth++ == 0) group.open = at;
    } else if (byte == ',' && depth == 1) {
      group.commas.push_back(at);
    } else if (byte == '}' && depth > 0 && --depth == 0) {
      group.close = at;
      return group;
    }
  }
  return group;
}

// Appends the patterns without alternatives that `pattern` stands for, in order. Returns false when there are more
// than max_alternatives. A group that is never closed is ordinary text.
bool expand(std::string pattern, std::vector<std::string>& plain) {
  std::vector<std::string> pending = {std::move(pattern)};
  while (!pending.empty()) {
    const std::string text = std::move(pending.back());
    pending.pop_back();
    Group group = find_group(text);
    if (group.close == npos) {
      plain.push_back(text);
      continue;
    }
    group.commas.push_back(group.close);
    if (plain.size() + pending.size() + group.commas.size() > max_alternatives) return false;
    const std::string_view view = text;
    const std::string_view after = view.substr(group.close + 1);
    const std::size_t first = pending.size();
    std::size_t begin = group.open + 1;
    for (const std::size_t comma : group.commas) {
      std::string one(view.substr(0, group.open));
      one.append(view.substr(begin, comma - begin)).append(after);
      pending.insert(pending.begin() + static_cast<std::ptrdiff_t>(first), std::move(one));
      begin = comma + 1;
    }
  }
  return true;
}

std::string check_class(std::string_view body) {
  std::size_t at = (body[0] == '!' || body[0] == '^') ? 1 : 0;
  while (at < body.size()) {
    if (body.substr(at).starts_with("[:")) return "named classes such as `[:alpha:]` do not exist here";
    const std::size_t begin = at;
    const ClassRange range = class_range(body, at);
    if (range.low > range.high) return "the range `" + std::string(body.substr(begin, at - begin)) + "` is empty";
  }
  return {};
}

}  // namespace

bool is_literal_pattern(std::string_view pattern) {
  return pattern.find_first_of("*?[{\\") == npos;
}

std::string check_pattern(std::string_view pattern) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char byte = pattern[at];
    if (byte == '\\') {
      if (++at == pattern.size()) return "a `\\` at the end quotes nothing";
    } else if (byte == '[') {
      const std::size_t end = class_end(pattern, at);
      if (end == npos) return "a `[` is never closed";
      std::string wrong = check_class(pattern.substr(at + 1, end - at - 1));
      if (!wrong.empty()) return wrong;
      at = end;
    } else if (byte == '{') {
      ++depth;
    } else if (byte == '}' && depth > 0) {
      --depth;
    }
  }
  if (depth > 0) return "a `{` is never closed";
  std::vector<std::string> plain;
  if (!expand(std::string(pattern), plain)) {
    return "its `{…}` stand for more than " + std::to_string(max_alternatives) + " alternatives";
  }
  return {};
}

Glob::Glob(std::string_view pattern) {
  expand(std::string(pattern), plain_);
}

bool Glob::matches(std::string_view path) const {
  for (const std::string& plain : plain_) {
    if (match_plain(plain, path)) return true;
  }
  return false;
}

bool Glob::may_match_below(std::string_view dir) const {
  for (const std::string& plain : plain_) {
    if (may_match_below_plain(plain, dir)) return true;
  }
  return false;
}

bool Glob::matches_all_below(std::string_view dir) const {
  for (const std::string& plain : plain_) {
    const std::string_view pattern = plain;
    if (pattern == "**") return true;
    if (!pattern.ends_with("/**")) continue;
    // `x/**` takes all below what `x` matches, and all below what is below that.
    const std::string_view head = pattern.substr(0, pattern.size() - 3);
    for (std::string_view above = dir; !above.empty();) {
      if (match_plain(head, above)) return true;
      const std::size_t slash = above.rfind('/');
      above = slash == npos ? std::string_view() : above.substr(0, slash);
    }
  }
  return false;
}

bool glob_match(std::string_view pattern, std::string_view path) {
  if (pattern.find('{') == npos) return match_plain(pattern, path);
  return Glob(pattern).matches(path);
}

std::string_view literal_prefix(std::string_view pattern) {
  const std::size_t special = pattern.find_first_of("*?[{\\");
  const std::size_t slash = pattern.substr(0, special).rfind('/');
  return slash == npos ? std::string_view() : pattern.substr(0, slash);
}

bool may_match_below(std::string_view pattern, std::string_view dir) {
  if (pattern.find('{') == npos) return may_match_below_plain(pattern, dir);
  return Glob(pattern).may_match_below(dir);
}

}  // namespace trilock
