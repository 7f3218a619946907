// moby turns each pattern into a regular expression, or into a plain comparison where that is enough; the two differ
// for `**` at the start, so both are kept apart here as there. The expressions need only six kinds of pieces, which
// are matched directly.
#include "rules/image/dockerignore.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace trilock {
namespace {

using Runes = std::u32string;

// Bytes that are no UTF-8 become runes of their own, beyond Unicode, so that they match only themselves.
Runes runes_of(std::string_view text) {
  Runes out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 0;
    char32_t rune = length <= 1 ? byte : byte & (0xffU >> (length + 1));
    bool good = length > 0 && i + length <= text.size();
    for (std::size_t k = 1; good && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xc0U) == 0x80;
      rune = rune << 6 | (next & 0x3fU);
    }
    out += good ? rune : 0x110000 + byte;
    i += good ? length : 1;
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Go's filepath.Clean.
std::string clean(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    const bool up = part == "..";
    if (up && !parts.empty() && parts.back() != "..")
      parts.pop_back();
    else if (!up || !rooted)
      parts.push_back(part);
  }
  std::string out = rooted ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) (out += i == 0 ? "" : "/") += parts[i];
  return out.empty() ? "." : out;
}

struct Class {
  bool negated = false;
  std::vector<std::pair<char32_t, char32_t>> ranges;
  [[nodiscard]] bool has(char32_t rune) const {
    return negated !=
           std::ranges::any_of(ranges, [&](const auto& range) { return range.first <= rune && rune <= range.second; });
  }
};

struct Piece {
  enum class Kind : std::uint8_t { rune, one, star, set, parents, rest } kind = Kind::rune;
  char32_t rune = 0;  // of Kind::rune
  Class set;
};

// A character of a class, as filepath.Match's getEsc reads it.
std::optional<char32_t> class_rune(const Runes& pattern, std::size_t& at) {
  if (at >= pattern.size() || pattern[at] == U'-' || pattern[at] == U']') return {};
  if (pattern[at] == U'\\' && ++at >= pattern.size()) return {};
  return pattern[at++];
}

// After the `[`; leaves `at` behind the `]`. Empty when filepath.Match calls the pattern bad.
std::optional<Class> read_class(const Runes& pattern, std::size_t& at) {
  Class set;
  if (at < pattern.size() && pattern[at] == U'^') set.negated = true, ++at;
  while (at < pattern.size() && (pattern[at] != U']' || set.ranges.empty())) {
    const auto low = class_rune(pattern, at);
    if (!low) return {};
    auto high = low;
    if (at < pattern.size() && pattern[at] == U'-') {
      high = class_rune(pattern, ++at);
      if (!high) return {};
    }
    set.ranges.emplace_back(*low, *high);
  }
  if (at >= pattern.size()) return {};
  ++at;
  return set;
}

// Whether pieces[p..] match path[i..] whole. Pieces that repeat are tried at every length; the table remembers what
// failed, so the cost is at most pieces times runes.
bool match_pieces(const std::vector<Piece>& pieces, const Runes& path) {
  std::vector<bool> here(path.size() + 1, false);
  here[0] = true;
  for (const Piece& piece : pieces) {
    std::vector<bool> next(path.size() + 1, false);
    bool reach = false;  // a repeating piece that began earlier still covers this place
    for (std::size_t i = 0; i <= path.size(); ++i) {
      switch (piece.kind) {
        case Piece::Kind::rune:
          if (here[i] && i < path.size() && path[i] == piece.rune) next[i + 1] = true;
          break;
        case Piece::Kind::one:
          if (here[i] && i < path.size() && path[i] != U'/') next[i + 1] = true;
          break;
        case Piece::Kind::set:
          if (here[i] && i < path.size() && piece.set.has(path[i])) next[i + 1] = true;
          break;
        case Piece::Kind::star:
          reach = here[i] || (reach && path[i - 1] != U'/');
          next[i] = reach;
          break;
        case Piece::Kind::rest:
          reach = reach || here[i];
          next[i] = reach;
          break;
        case Piece::Kind::parents:  // (.*/)?
          next[i] = here[i] || (reach && path[i - 1] == U'/');
          reach = reach || here[i];
          break;
      }
    }
    here = std::move(next);
  }
  return here[path.size()];
}

}  // namespace

struct IgnoreRules::Pattern {
  enum class Match : std::uint8_t { exact, prefix, suffix, pieces };
  std::uint32_t line = 0;
  bool exception = false;
  Match match = Match::exact;
  std::string text;  // cleaned, without the `!`
  std::vector<Piece> pieces;

  // "" when well-formed.
  std::string compile();

  [[nodiscard]] bool matches(std::string_view path) const {
    switch (match) {
      case Match::exact:
        return path == text;
      case Match::prefix:
        return path.starts_with(std::string_view(text).substr(0, text.size() - 2));
      case Match::suffix: {
        const auto suffix = std::string_view(text).substr(2);
        return path.ends_with(suffix) || (suffix.starts_with('/') && path == suffix.substr(1));
      }
      case Match::pieces:
        return match_pieces(pieces, runes_of(path));
    }
    return false;
  }
};

std::string IgnoreRules::Pattern::compile() {
  const Runes pattern = runes_of(text);
  for (std::size_t at = 0, index = 0; at < pattern.size(); ++index) {
    const char32_t rune = pattern[at++];
    if (rune == U'*' && at < pattern.size() && pattern[at] == U'*') {
      ++at;
      if (at < pattern.size() && pattern[at] == U'/') ++at;
      const bool last = at == pattern.size();
      pieces.push_back({last ? Piece::Kind::rest : Piece::Kind::parents});
      match = last && match == Match::exact ? Match::prefix : Match::pieces;
      if (index == 0) match = Match::suffix;
    } else if (rune == U'*' || rune == U'?') {
      pieces.push_back({rune == U'*' ? Piece::Kind::star : Piece::Kind::one});
      match = Match::pieces;
    } else if (rune == U'[') {
      auto set = read_class(pattern, at);
      if (!set) return "a `[` is not closed, or its content is no list of characters and ranges";
      pieces.push_back({Piece::Kind::set, 0, std::move(*set)});
      match = Match::pieces;
    } else if (rune == U'\\') {
      if (at == pattern.size()) return "it ends in a `\\`";
      pieces.push_back({Piece::Kind::rune, pattern[at++]});
      match = Match::pieces;
    } else {
      pieces.push_back({Piece::Kind::rune, rune});
      if (rune == U']') match = Match::pieces;
    }
  }
  return {};
}

IgnoreRules::IgnoreRules() = default;
IgnoreRules::~IgnoreRules() = default;
IgnoreRules::IgnoreRules(IgnoreRules&&) noexcept = default;
IgnoreRules& IgnoreRules::operator=(IgnoreRules&&) noexcept = default;

Result<IgnoreRules> IgnoreRules::parse(std::string_view text) {
  IgnoreRules rules;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (std::uint32_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view written = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (written.starts_with('#')) continue;
    written = trim(written);
    if (written.empty()) continue;
    Pattern pattern{.line = line, .exception = written.front() == '!'};
    if (pattern.exception) written = trim(written.substr(1));
    if (!written.empty()) {
      pattern.text = clean(written);
      if (pattern.text.size() > 1 && pattern.text.front() == '/') pattern.text.erase(0, 1);
    }
    if (pattern.exception && (pattern.text.empty() || pattern.text == "/")) {
      return fail(ErrorKind::invalid, fmt::format("line {}: `!` has no pattern after it", line));
    }
    if (const auto wrong = pattern.compile(); !wrong.empty()) {
      return fail(ErrorKind::invalid, fmt::format("line {}: `{}` is no pattern: {}", line, pattern.text, wrong));
    }
    rules.patterns_.push_back(std::move(pattern));
  }
  return rules;
}

IgnoreRules::Verdict IgnoreRules::verdict(std::string_view path) const {
  for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
    bool match = pattern->matches(path);
    for (auto slash = path.find('/'); !match && slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
      match = pattern->matches(path.substr(0, slash));
    }
    if (match) return {!pattern->exception, pattern->line};
  }
  return {};
}

// Below an ignored directory only an exception that matches more than the directory counts, since one that matches the
// directory itself was overruled already. Where the exception begins with plain text, that text must lead there.
bool IgnoreRules::may_take_in_below(std::string_view dir) const {
  const std::string inside = fmt::format("{}/", dir);
  return std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
    if (!pattern.exception) return false;
    const std::string_view plain = std::string_view(pattern.text).substr(0, pattern.text.find_first_of("*?[\\"));
    const bool whole = plain.size() == pattern.text.size();
    return plain.starts_with(inside) || (!whole && std::string_view(inside).starts_with(plain));
  });
}

}  // namespace trilock
