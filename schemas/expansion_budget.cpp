#include "schemas/expansion_budget.hpp"

#include <fmt/format.h>

namespace trilock {

bool ExpansionBudget::spend(std::size_t bytes, Place place, Findings& findings) {
  if (spend(bytes)) return true;
  if (!reported_.exchange(true))
    findings.error(place, fmt::format("the pipeline becomes larger than {} MiB here", max_expanded_pipeline >> 20),
                   "references, defaults and matrices multiply what the file says");
  return false;
}

std::size_t weight_of(const Config& value) {
  std::size_t weight = sizeof(Config);
  if (const Text* text = value.text()) weight += text->literal.size() + text->references.size() * sizeof(Reference);
  if (const ConfigArray* array = value.array())
    for (const Config& element : *array) weight += weight_of(element);
  if (const ConfigTable* table = value.table()) weight += weight_of(*table);
  return weight;
}

std::size_t weight_of(const ConfigTable& table) {
  std::size_t weight = 0;
  for (const ConfigEntry& entry : table.entries)
    weight += sizeof(ConfigEntry) - sizeof(Config) + entry.key.size() + weight_of(entry.value);
  return weight;
}

}  // namespace trilock
