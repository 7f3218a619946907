#include "schemas/secret_names.hpp"

#include <algorithm>
#include <string_view>

#include "schemas/reference.hpp"

namespace trilock {
namespace {

constexpr std::string_view key = "secret-env";

// A name of which nothing is known would make every variable a secret.
void add_pattern(std::string_view text, SecretNames& found) {
  std::string pattern;
  bool known = false;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find("${"), text.size());
    known = known || open > 0;
    pattern += text.substr(0, open);
    text.remove_prefix(open);
    if (text.empty()) break;
    const std::size_t close = reference_end(text, 0);
    pattern += '*';
    text.remove_prefix(close == text.npos ? text.size() : close + 1);
  }
  if (known) found.patterns.push_back(std::move(pattern));
}

void add_names(const Config& value, SecretNames& found) {
  if (const Text* text = value.text()) {
    if (text->literal.contains("${"))
      add_pattern(text->literal, found);
    else
      found.names.push_back(text->literal);
  }
  if (const ConfigArray* array = value.array())
    for (const Config& element : *array) add_names(element, found);
  if (const ConfigTable* table = value.table())
    for (const ConfigEntry& entry : table->entries) add_names(entry.value, found);
}

void visit(const Config& value, SecretNames& found) {
  if (const ConfigTable* table = value.table()) add_secret_names(*table, found);
  if (const ConfigArray* array = value.array())
    for (const Config& element : *array) visit(element, found);
}

}  // namespace

void add_secret_names(const ConfigTable& table, SecretNames& found) {
  for (const ConfigEntry& entry : table.entries) {
    if (entry.key == key)
      add_names(entry.value, found);
    else
      visit(entry.value, found);
  }
}

}  // namespace trilock
