#include "schemas/label_match.hpp"

#include <algorithm>

#include "schemas/pipeline.hpp"
#include "schemas/reference.hpp"

namespace trilock {

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?") != text.npos;
}

bool wildcard_match(std::string_view pattern, std::string_view text) {
  // After a mismatch only the last `*` needs to take one character more, so this is at worst pattern times text.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = pattern.npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

LabelPattern::LabelPattern(std::string_view text) : text_(text), wildcard_(has_wildcard(text)) {
  const std::size_t bracket = text.find('[');
  head_ = text.substr(0, bracket);
  if (bracket == text.npos) return;
  well_formed_ = text.ends_with(']');
  if (!well_formed_) return;
  for (const auto& [axis, value] : split_coordinates(text.substr(bracket + 1, text.size() - bracket - 2))) {
    if (axis.empty() && value == "*") continue;
    if (axis.empty()) well_formed_ = false;
    coordinates_.push_back({std::string(axis), std::string(value)});
  }
}

bool LabelPattern::names_one_table() const {
  return head_.contains('.') && !has_wildcard(head_);
}

const std::string* LabelPattern::coordinate(std::string_view axis) const {
  const auto found = std::ranges::find(coordinates_, axis, &Coordinate::axis);
  return found == coordinates_.end() ? nullptr : &found->value;
}

bool LabelPattern::matches_head(std::string_view rule, std::string_view table) const {
  if (!well_formed_ || head_.empty()) return false;
  return head_ == rule || wildcard_match(head_, table);
}

bool LabelPattern::matches_coordinates(const Coordinates& coordinates) const {
  return std::ranges::all_of(coordinates_, [&](const Coordinate& wanted) {
    const auto own = std::ranges::find(coordinates, wanted.axis, &Coordinate::axis);
    return own != coordinates.end() && wildcard_match(wanted.value, own->value);
  });
}

bool LabelPattern::matches_whole(std::string_view label) const {
  return wildcard_ ? wildcard_match(text_, label) : label == text_;
}

bool LabelPattern::matches(std::string_view rule, std::string_view table, const Coordinates& coordinates,
                           std::string_view label) const {
  return (matches_head(rule, table) && matches_coordinates(coordinates)) || matches_whole(label);
}

std::vector<std::string> match_labels(const Pipeline& pipeline, std::string_view text) {
  if (const Target* target = pipeline.find(text)) return {target->label};
  const LabelPattern pattern(text);
  std::vector<std::string> labels;
  for (const Target& target : pipeline.targets) {
    if (pattern.matches(target.rule, target.title(), target.coordinates, target.label)) labels.push_back(target.label);
  }
  return labels;
}

}  // namespace trilock
