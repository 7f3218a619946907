// The targets of one table are a family; this finds families by name and their members by coordinates, without looking
// at the members one by one.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/expand.hpp"
#include "schemas/label_match.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// The choices that are left on each axis of a matrix, as indexes into the values of the axis.
using Choices = std::vector<std::vector<std::uint32_t>>;

// `wanted` decides an axis; otherwise an axis that `own` has too decides it; otherwise all values are left. Values of
// `wanted` may have wildcards when `pattern` says so. An axis may end up with no choice.
enum class WantedValues : std::uint8_t { literal, patterns };
[[nodiscard]] Choices choose(const Matrix& matrix, std::span<const Coordinate> wanted, const Coordinates& own,
                             WantedValues values);

[[nodiscard]] std::size_t count(const Choices& choices);
// Calls `visit` with the number of each node, in matrix order, until it returns false.
void for_each_node(const Matrix& matrix, const Choices& choices, const std::function<bool(std::size_t)>& visit);

class Families {
 public:
  Families(std::span<const ExpandedTable> tables, std::span<const RuleKeys> rules);

  [[nodiscard]] const ExpandedTable* find(const std::string& title) const;
  // The tables whose name matches the head of the pattern; remembered by pattern.
  [[nodiscard]] const std::vector<const ExpandedTable*>& matching(const std::string& head);
  // "did you mean `image.dev`?" or "". Looks at all names, so only the first 32 words get an answer.
  [[nodiscard]] std::string suggest(const std::string& title);
  [[nodiscard]] std::span<const ExpandedTable> all() const { return tables_; }

 private:
  [[nodiscard]] std::string suggestion_for(std::string_view title) const;

  std::span<const ExpandedTable> tables_;
  std::span<const RuleKeys> rules_;
  std::unordered_map<std::string_view, const ExpandedTable*> by_title_;
  std::unordered_map<std::string, std::vector<const ExpandedTable*>> by_head_;
  std::unordered_map<std::string, std::string> suggestions_;
};

}  // namespace trilock
