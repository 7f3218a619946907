#include "schemas/families.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace trilock {
namespace {

constexpr std::size_t max_suggestions = 32;

std::vector<std::uint32_t> values_like(const Axis& axis, const std::string& wanted, WantedValues kind) {
  if (const auto found = axis.index.find(wanted); found != axis.index.end()) return {found->second};
  std::vector<std::uint32_t> left;
  if (kind == WantedValues::literal || !has_wildcard(wanted)) return left;
  for (std::uint32_t i = 0; i < axis.values.size(); ++i) {
    if (wildcard_match(wanted, axis.values[i])) left.push_back(i);
  }
  return left;
}

}  // namespace

Choices choose(const Matrix& matrix, std::span<const Coordinate> wanted, const Coordinates& own, WantedValues values) {
  Choices choices;
  for (const Axis& axis : matrix.axes()) {
    std::vector<std::uint32_t>& left = choices.emplace_back();
    const auto named = std::ranges::find(wanted, axis.name, &Coordinate::axis);
    const auto common = std::ranges::find(own, axis.name, &Coordinate::axis);
    if (named != wanted.end()) {
      left = values_like(axis, named->value, values);
    } else if (common != own.end()) {
      left = values_like(axis, common->value, WantedValues::literal);
    } else {
      left.resize(axis.values.size());
      std::iota(left.begin(), left.end(), 0U);
    }
  }
  return choices;
}

std::size_t count(const Choices& choices) {
  std::size_t product = 1;
  for (const auto& left : choices) product *= left.size();
  return product;
}

void for_each_node(const Matrix& matrix, const Choices& choices, const std::function<bool(std::size_t)>& visit) {
  if (count(choices) == 0) return;
  std::vector<std::size_t> at(choices.size());
  std::vector<std::uint32_t> position(choices.size());
  for (std::size_t i = 0; i < choices.size(); ++i) position[i] = choices[i].front();
  while (visit(matrix.node(position))) {
    std::size_t axis = choices.size();
    while (axis-- > 0) {
      at[axis] = (at[axis] + 1) % choices[axis].size();
      position[axis] = choices[axis][at[axis]];
      if (at[axis] != 0) break;
    }
    if (axis >= choices.size()) return;
  }
}

Families::Families(std::span<const ExpandedTable> tables, std::span<const RuleKeys> rules)
    : tables_(tables), rules_(rules) {
  for (const ExpandedTable& table : tables) by_title_.emplace(table.title, &table);
}

const ExpandedTable* Families::find(const std::string& title) const {
  const auto found = by_title_.find(title);
  return found == by_title_.end() ? nullptr : found->second;
}

const std::vector<const ExpandedTable*>& Families::matching(const std::string& head) {
  const auto [found, added] = by_head_.try_emplace(head);
  if (!added) return found->second;
  const LabelPattern pattern(head);
  if (pattern.names_one_table()) {
    if (const ExpandedTable* table = find(head)) found->second.push_back(table);
    return found->second;
  }
  for (const ExpandedTable& table : tables_) {
    if (pattern.matches_head(rules_[table.rule].rule, table.title)) found->second.push_back(&table);
  }
  return found->second;
}

std::string Families::suggest(const std::string& title) {
  const auto known = suggestions_.find(title);
  if (known != suggestions_.end()) return known->second;
  if (suggestions_.size() >= max_suggestions) return {};
  return suggestions_.emplace(title, suggestion_for(title)).first->second;
}

// Names are compared without their rule: a common `command.` would make any two names look alike.
std::string Families::suggestion_for(std::string_view title) const {
  const std::size_t dot = std::min(title.find('.'), title.size());
  const std::string_view rule = title.substr(0, dot);
  const std::string_view name = title.substr(std::min(dot + 1, title.size()));
  std::vector<std::string_view> same_rule;
  std::vector<std::string_view> titles;
  for (const ExpandedTable& table : tables_) {
    const std::string_view known_rule = rules_[table.rule].rule;
    const std::string_view known_name = std::string_view(table.title).substr(known_rule.size() + 1);
    if (known_name == name) return fmt::format("did you mean `{}`?", table.title);
    if (known_rule == rule) same_rule.push_back(known_name);
    titles.push_back(table.title);
  }
  const bool rule_known = std::ranges::find(rules_, rule, &RuleKeys::rule) != rules_.end();
  if (!rule_known) return did_you_mean(title, titles);
  const std::string_view meant = nearest(name, same_rule);
  return meant.empty() ? std::string() : fmt::format("did you mean `{}.{}`?", rule, meant);
}

}  // namespace trilock
