// The lists of allowed keys per rule, for the two times that a table is checked: as it was written, and with defaults
// and references in place.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "schemas/findings.hpp"
#include "schemas/key_spec.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

class KeyLists {
 public:
  explicit KeyLists(std::span<const RuleKeys> rules);

  // Names and types of the keys that are there. What is required may come from defaults, and a string with `${` may
  // become anything; neither is judged yet. `rule` is an index into the rules.
  void check_written(std::size_t rule, const ConfigTable& table, std::string_view title, Place place,
                     Findings& findings) const;
  // The table [defaults]: common keys, and a table for each rule.
  void check_defaults(const ConfigTable& table, Place place, Findings& findings) const;
  // A complete target. Reports nothing at places that have an error.
  void check_complete(std::size_t rule, const ConfigTable& table, std::string_view title, Place place,
                      Findings& findings) const;

 private:
  std::span<const RuleKeys> rules_;
  std::vector<KeySpec> common_;                // nothing required
  std::vector<std::vector<KeySpec>> of_rule_;  // nothing required
  std::vector<KeySpec> rule_tables_;
};

// check_keys without findings at strings that have a `${`.
void check_written_keys(const ConfigTable& table, std::string_view title, Place place,
                        std::span<const std::span<const KeySpec>> allowed, Findings& findings);

}  // namespace trilock
