#include "schemas/defaults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace trilock {
namespace {

using Index = std::unordered_map<std::string, std::size_t>;

Index index_of(const ConfigTable& table) {
  Index index;
  for (std::size_t i = 0; i < table.entries.size(); ++i) index.emplace(table.entries[i].key, i);
  return index;
}

ConfigTable* table_of(Config& value) {
  return std::get_if<ConfigTable>(&value.data);
}

void add_missing(ConfigTable& table, const ConfigTable& defaults) {
  const Index index = index_of(table);
  for (const ConfigEntry& entry : defaults.entries) {
    if (!index.contains(entry.key)) table.entries.push_back(entry);
  }
}

}  // namespace

void add_defaults(ConfigTable& table, const ConfigTable& defaults) {
  if (defaults.entries.empty()) return;
  const Index index = index_of(table);
  for (const ConfigEntry& entry : defaults.entries) {
    const auto own = index.find(entry.key);
    if (own == index.end()) {
      table.entries.push_back(entry);
      continue;
    }
    ConfigTable* own_table = table_of(table.entries[own->second].value);
    if (own_table != nullptr && entry.value.table() != nullptr) add_missing(*own_table, *entry.value.table());
  }
}

void join_defaults(ConfigTable& into, ConfigTable more, Findings& findings) {
  const Index index = index_of(into);
  for (ConfigEntry& entry : more.entries) {
    const auto known = index.find(entry.key);
    if (known == index.end()) {
      into.entries.push_back(std::move(entry));
      continue;
    }
    ConfigEntry& first = into.entries[known->second];
    ConfigTable* first_table = table_of(first.value);
    if (ConfigTable* table = table_of(entry.value); table != nullptr && first_table != nullptr) {
      join_defaults(*first_table, std::move(*table), findings);
    } else {
      findings.defined_twice(entry.place, first.place, fmt::format("default `{}`", entry.key));
    }
  }
}

}  // namespace trilock
