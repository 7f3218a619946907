#include "schemas/exported_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "schemas/findings.hpp"
#include "schemas/reference.hpp"

namespace trilock {
namespace {

bool has_key(const RuleKeys& rule, std::string_view key) {
  return std::ranges::find(rule.keys, key, &KeySpec::name) != rule.keys.end();
}

// Outputs that the rule adds by a key of its own: the file that `output` (which has a default) or `archive` names.
std::size_t own_outputs(const RuleKeys& rule, const ConfigTable& table) {
  std::size_t own = has_key(rule, "output") ? 1 : 0;
  if (has_key(rule, "archive") && table.find("archive") != nullptr) ++own;
  return own;
}

std::vector<std::string> output_names(const ConfigTable& table) {
  std::vector<std::string> names;
  const Config* outputs = table.find("outputs");
  if (outputs == nullptr || outputs->table() == nullptr) return names;
  for (const ConfigEntry& entry : outputs->table()->entries) names.push_back(fmt::format("out.{}", entry.key));
  return names;
}

std::optional<ValueFault> check_out(const RuleKeys& rule, const std::string& title, const ConfigTable& table) {
  const Config* outputs = table.find("outputs");
  const std::vector<std::string> names = output_names(table);
  std::size_t unnamed = own_outputs(rule, table);
  if (outputs != nullptr && outputs->array() != nullptr) unnamed += outputs->array()->size();
  if (unnamed == 1) return std::nullopt;
  if (unnamed > 1) {
    return ValueFault{fmt::format("`out` of `{}` could be any of its {} outputs", title, unnamed),
                      "name them: `outputs = { bin = \"…\" }`, and refer to `out.bin`"};
  }
  if (!names.empty())
    return ValueFault{fmt::format("the outputs of `{}` have names", title), "there are " + quote_list(names)};
  return ValueFault{fmt::format("`{}` has no outputs", title), "declare them: `outputs = [\"…\"]`"};
}

std::optional<ValueFault> check_exports(const std::string& title, const ConfigTable& table, std::string_view prefix,
                                        std::string_view name) {
  std::vector<std::string> exported;
  const Config* exports = table.find("exports");
  if (exports != nullptr && exports->array() != nullptr) {
    for (const Config& entry : *exports->array()) {
      if (entry.text() == nullptr) continue;
      if (entry.text()->literal == name || !entry.text()->is_literal()) return std::nullopt;
      exported.push_back(fmt::format("{}{}", prefix, entry.text()->literal));
    }
  }
  std::string help = exported.empty() ? fmt::format("add `exports = [\"{}\"]` to [{}]", name, title)
                                      : fmt::format("it exports {}", quote_list(exported));
  return ValueFault{fmt::format("`{}` is not in `exports` of [{}]", name, title), std::move(help)};
}

}  // namespace

std::optional<ValueFault> check_value(const RuleKeys& rule, const std::string& title, const ConfigTable& table,
                                      std::string_view value) {
  if (value == "key" || std::ranges::find(rule.values, value) != rule.values.end()) return std::nullopt;
  if (value == "out") return check_out(rule, title, table);
  const std::vector<std::string> names = output_names(table);
  if (value.starts_with("out.")) {
    if (std::ranges::find(names, value) != names.end()) return std::nullopt;
    return ValueFault{fmt::format("`{}` has no output named `{}`", title, value.substr(4)),
                      names.empty() ? "its outputs have no names" : "there are " + quote_list(names)};
  }
  for (const std::string_view prefix : rule.values) {
    if (!prefix.ends_with('.') || !value.starts_with(prefix) || value == prefix) continue;
    if (!has_key(rule, "exports")) return std::nullopt;
    return check_exports(title, table, prefix, value.substr(prefix.size()));
  }
  const std::vector<std::string> known = value_names(rule);
  const std::string meant = did_you_mean(value, {known.begin(), known.end()});
  return ValueFault{fmt::format("`{}` has no value `{}`", title, value),
                    fmt::format("{}{}there are {}", meant, meant.empty() ? "" : " ", quote_list(known, 20))};
}

}  // namespace trilock
