#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "schemas/vars.hpp"

namespace trilock {
namespace {

constexpr VariableForm form_list[] = {
    {"gomod", "The effective Go version of this go.mod: the newer of its `go` and `toolchain` lines"},
    {"file", "The contents of this file, without white space at both ends"},
    {"env", "This environment variable; without `default` it has to be set"},
    {"git", "A fact about the git repository"},
};
constexpr std::string_view forms = "a string, an integer, a boolean or a table such as `{ file = \"VERSION\" }`";

std::vector<std::string_view> form_names() {
  std::vector<std::string_view> names;
  for (const VariableForm& form : form_list) names.push_back(form.key);
  return names;
}

bool check_table(const ConfigEntry& variable, const ConfigTable& table, Findings& findings) {
  const std::string title = fmt::format("`{}` of [vars]", variable.key);
  const std::vector<std::string_view> kinds = form_names();
  std::vector<std::string_view> keys = kinds;
  keys.push_back(variable_default);
  std::vector<std::string_view> found;
  const ConfigEntry* fallback = nullptr;
  bool good = true;
  for (const ConfigEntry& entry : table.entries) {
    const ConfigType type = entry.value.type();
    if (std::ranges::find(keys, entry.key) == keys.end()) {
      findings.error(entry.place, fmt::format("unknown key `{}` in {}", entry.key, title),
                     did_you_mean(entry.key, keys));
      good = false;
    } else if (entry.key == variable_default) {
      fallback = &entry;
      if (type != ConfigType::string && type != ConfigType::integer && type != ConfigType::boolean) {
        findings.error(entry.value.place, fmt::format("expected a string, an integer or a boolean for `default` in {}, "
                                                      "found {}",
                                                      title, describe(type)));
        good = false;
      }
    } else {
      found.push_back(entry.key);
      const bool fixed = type == ConfigType::string && !entry.value.text()->literal.contains("${");
      if (type != ConfigType::string) {
        findings.error(entry.value.place,
                       fmt::format("expected a string for `{}` in {}, found {}", entry.key, title, describe(type)));
        good = false;
      } else if (entry.key == "git" && fixed && !is_git_fact(entry.value.text()->literal)) {
        report_git_fact(entry.value.text()->literal, entry.value.place, findings);
        good = false;
      }
    }
  }
  if (!good) return false;
  if (found.size() != 1) {
    findings.error(variable.value.place, fmt::format("{} needs exactly one of {}", title, quote_list(kinds)),
                   found.empty() ? "" : fmt::format("it has {}", quote_list(found)));
    return false;
  }
  if (fallback != nullptr && found.front() != "env") {
    findings.error(fallback->place, fmt::format("`default` goes with `env` only, in {}", title));
    return false;
  }
  return true;
}

}  // namespace

std::span<const VariableForm> variable_forms() {
  return form_list;
}

bool check_variable_shape(const ConfigEntry& entry, Findings& findings) {
  if (!is_name(entry.key)) {
    findings.error(entry.place, fmt::format("`{}` is no name for a variable", entry.key), std::string(name_help));
    return false;
  }
  switch (entry.value.type()) {
    case ConfigType::string:
    case ConfigType::integer:
    case ConfigType::boolean:
      return true;
    case ConfigType::table:
      return check_table(entry, *entry.value.table(), findings);
    case ConfigType::floating:
      findings.error(entry.value.place, fmt::format("expected {} for `{}` of [vars], found a float", forms, entry.key),
                     "a version is written in quotes: `\"1.22\"`");
      return false;
    default:
      findings.error(entry.value.place, fmt::format("expected {} for `{}` of [vars], found {}", forms, entry.key,
                                                    describe(entry.value.type())));
      return false;
  }
}

}  // namespace trilock
