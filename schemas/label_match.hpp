// Patterns over labels, as the command line, `needs` and `after` have them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/text.hpp"

namespace trilock {

// `*` stands for any characters, `?` for one. Brackets and braces stand for themselves: labels have them.
[[nodiscard]] bool wildcard_match(std::string_view pattern, std::string_view text);
[[nodiscard]] bool has_wildcard(std::string_view text);

// Means a node in one of two ways:
//   - its head, before `[`, matches the rule ("image") or the table ("image.dev", "image.*"), and every coordinate
//     after it ("[go=1.2*]") matches; axes that are not named are free; `[*]` means any coordinates;
//   - it has wildcards and matches the label as a whole ("*glibc*").
class LabelPattern {
 public:
  explicit LabelPattern(std::string_view text);

  [[nodiscard]] bool matches_head(std::string_view rule, std::string_view table) const;
  [[nodiscard]] bool matches_coordinates(const Coordinates& coordinates) const;
  [[nodiscard]] bool matches_whole(std::string_view label) const;
  [[nodiscard]] bool matches(std::string_view rule, std::string_view table, const Coordinates& coordinates,
                             std::string_view label) const;

  // The value pattern for an axis; null when the pattern does not name it.
  [[nodiscard]] const std::string* coordinate(std::string_view axis) const;
  [[nodiscard]] const Coordinates& coordinates() const { return coordinates_; }
  [[nodiscard]] const std::string& head() const { return head_; }
  // Names one table, with or without coordinates: no rule, no wildcard in the head.
  [[nodiscard]] bool names_one_table() const;

 private:
  std::string text_;
  std::string head_;
  Coordinates coordinates_;
  bool well_formed_ = true;
  bool wildcard_ = false;
};

}  // namespace trilock
