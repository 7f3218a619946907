#include "schemas/key_lists.hpp"

#include <array>
#include <cstdint>
#include <set>
#include <utility>

namespace trilock {
namespace {

std::vector<KeySpec> optional_keys(std::span<const KeySpec> keys) {
  std::vector<KeySpec> copy(keys.begin(), keys.end());
  for (KeySpec& key : copy) key.required = false;
  return copy;
}

using LineAndColumn = std::pair<std::uint32_t, std::uint32_t>;

// Where strings are that have a `${`.
std::set<LineAndColumn> open_places(const ConfigTable& table) {
  std::set<LineAndColumn> places;
  for (const ConfigEntry& entry : table.entries)
    if (const Text* text = entry.value.text(); text != nullptr && text->literal.contains("${"))
      places.emplace(entry.value.place.line, entry.value.place.column);
  return places;
}

}  // namespace

void check_written_keys(const ConfigTable& table, std::string_view title, Place place,
                        std::span<const std::span<const KeySpec>> allowed, Findings& findings) {
  Diagnostics found = Diagnostics::unbounded();
  check_keys(table, title, place, allowed, found);
  if (found.all().empty()) return;
  Diagnostics kept = Diagnostics::unbounded();
  const std::set<LineAndColumn> open = open_places(table);
  for (const Diagnostic& diagnostic : found.all()) {
    if (!open.contains({diagnostic.place.line, diagnostic.place.column}))
      kept.error(diagnostic.place, diagnostic.message, diagnostic.help).notes = diagnostic.notes;
  }
  findings.absorb(kept);
}

KeyLists::KeyLists(std::span<const RuleKeys> rules) : rules_(rules), common_(optional_keys(common_keys())) {
  for (const RuleKeys& rule : rules) {
    of_rule_.push_back(optional_keys(rule.keys));
    rule_tables_.push_back({rule.rule, KeyType::any_table, "Keys of the nodes of this rule"});
  }
}

void KeyLists::check_written(std::size_t rule, const ConfigTable& table, std::string_view title, Place place,
                             Findings& findings) const {
  const std::array<std::span<const KeySpec>, 2> allowed = {of_rule_[rule], common_};
  check_written_keys(table, title, place, allowed, findings);
}

void KeyLists::check_defaults(const ConfigTable& table, Place place, Findings& findings) const {
  const std::array<std::span<const KeySpec>, 2> allowed = {common_, rule_tables_};
  check_written_keys(table, "defaults", place, allowed, findings);
}

void KeyLists::check_complete(std::size_t rule, const ConfigTable& table, std::string_view title, Place place,
                              Findings& findings) const {
  const std::array<std::span<const KeySpec>, 2> allowed = {rules_[rule].keys, common_keys()};
  Diagnostics found = Diagnostics::unbounded();
  check_keys(table, title, place, allowed, found);
  if (!found.all().empty()) findings.absorb_new_places(found);
}

}  // namespace trilock
