// Collects the findings of one load. The same text is looked at once for every coordinate of a matrix and once for
// every table that a default reaches; a finding that is equal in place and message is kept once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "schemas/diagnostic.hpp"

namespace trilock {

class Findings {
 public:
  explicit Findings(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // Null when it was reported before.
  Diagnostic* error(Place place, std::string message, std::string help = {});
  Diagnostic* warning(Place place, std::string message, std::string help = {});
  Diagnostic* note(Place place, std::string message, std::string help = {});
  // An error with the note "first defined here".
  void defined_twice(Place second, Place first, std::string_view what);

  void absorb(const Diagnostics& found);
  // Leaves out what stands at a place that has an error already: a consequence, or the same fault seen again.
  void absorb_new_places(const Diagnostics& found);

  // Whether one more word is worth a look at all names of the pipeline: only the first 32 are.
  [[nodiscard]] bool may_suggest() { return suggestions_ < 32 && ++suggestions_ > 0; }

  // A value with a fault somewhere inside: what would be found at the place of the whole is a consequence.
  void mark_faulty(Place place);
  [[nodiscard]] bool is_faulty(Place place) const;

 private:
  bool is_new(Place place, std::string_view message);
  void add(const Diagnostic& diagnostic);

  Diagnostics& diagnostics_;
  std::unordered_set<std::string> seen_;
  std::unordered_set<std::string> places_;
  unsigned suggestions_ = 0;
};

// "`a`, `b` and `c`"; of more than `limit` names the first ones, "and 7 more".
[[nodiscard]] std::string quote_list(std::span<const std::string_view> names, std::size_t limit = 8);
[[nodiscard]] std::string quote_list(std::span<const std::string> names, std::size_t limit = 8);

}  // namespace trilock
