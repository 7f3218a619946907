// Variables have been replaced by their values before this reads the text, so either side may hold anything, `==` and
// quotes included. The right side is therefore found from the end: it is closed by the last character, and opened by
// the last quote that follows an operator.
#include "rules/condition.hpp"

#include <string_view>

namespace trilock {
namespace {

constexpr std::string_view blanks = " \t\r\n";

bool has_reference_at(const Text& text, std::size_t offset) {
  for (const Reference& reference : text.references)
    if (reference.offset == offset) return true;
  return false;
}

// The part [begin, end] with the references in it; those at either border belong to it.
Text part(const Text& text, std::size_t begin, std::size_t end) {
  Text result{.literal = text.literal.substr(begin, end - begin)};
  for (Reference reference : text.references) {
    if (reference.offset < begin || reference.offset > end) continue;
    reference.offset -= begin;
    result.references.push_back(std::move(reference));
  }
  return result;
}

// Without the blanks around it and without one pair of quotes. A reference is no blank, wherever it stands.
Text trimmed(const Text& text, std::size_t begin, std::size_t end) {
  const std::string& literal = text.literal;
  while (begin < end && blanks.contains(literal[begin]) && !has_reference_at(text, begin)) ++begin;
  while (end > begin && blanks.contains(literal[end - 1]) && !has_reference_at(text, end)) --end;
  if (end - begin >= 2 && (literal[begin] == '"' || literal[begin] == '\'') && literal[end - 1] == literal[begin] &&
      !has_reference_at(text, begin) && !has_reference_at(text, end)) {
    ++begin;
    --end;
  }
  return part(text, begin, end);
}

}  // namespace

std::optional<Condition> parse_condition(const Text& text) {
  const std::string_view literal = text.literal;
  const std::size_t last = literal.find_last_not_of(blanks);
  if (last == std::string_view::npos || (literal[last] != '"' && literal[last] != '\'')) return std::nullopt;
  const char quote = literal[last];
  for (std::size_t open = last; open-- > 0;) {
    if (literal[open] != quote) continue;
    const std::size_t before = open == 0 ? std::string_view::npos : literal.find_last_not_of(blanks, open - 1);
    if (before == std::string_view::npos || before == 0 || literal[before] != '=') continue;
    if (literal[before - 1] != '=' && literal[before - 1] != '!') continue;
    Condition condition{
        .left = trimmed(text, 0, before - 1), .equal = literal[before - 1] == '=', .right = part(text, open + 1, last)};
    // A reference between the operator and the quote, or after the end, would be lost.
    const std::size_t kept = condition.left.references.size() + condition.right.references.size();
    if (kept != text.references.size() ||
        (condition.left.literal.empty() && condition.left.is_literal() && before == 1))
      return std::nullopt;
    return condition;
  }
  return std::nullopt;
}

}  // namespace trilock
