// Files of a workspace in memory or on disk, and nodes made by hand, for tests of rules.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "rules/rule.hpp"
#include "schemas/config.hpp"

namespace trilock::test {

// A target as the loader hands it to rules, from the lines below its table's header: `kind = "build"`. There is no
// loader in between, so strings are literal; refer() puts a reference into one.
struct TargetText {
  SourceMap sources;
  Diagnostics diagnostics;
  Target target;
  Pipeline pipeline;

  // `rule` must be a literal: targets refer to the name of their rule.
  TargetText(std::string_view rule, std::string_view name, std::string_view lines) {
    target.label = std::string(rule) + "." + std::string(name);
    const std::string text = "[" + target.label + "]\n" + std::string(lines);
    const SourceId source = sources.add("trilock.toml", text);
    const ConfigTable document = read_toml(source, sources, diagnostics);
    target.place = {source, 1, 1, static_cast<std::uint32_t>(target.label.size()) + 2};
    if (const Config* outer = document.find(rule); outer != nullptr && outer->table() != nullptr)
      if (const Config* inner = outer->table()->find(name); inner != nullptr && inner->table() != nullptr)
        target.table = *inner->table();
    target.rule = rule;
  }

  // Plans the node; what was found wrong is in `diagnostics`.
  Node plan(SourceTree& tree) {
    PlanContext context{pipeline, tree, diagnostics};
    return plan_node(target, 0, context);
  }

  // All findings as the user sees them.
  [[nodiscard]] std::string findings() const {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics.all()) text += render(diagnostic, sources);
    return text;
  }
};

// The text with every `${label.value}` of it as a reference to that node.
inline Text refer(std::string_view source) {
  Text text;
  while (!source.empty()) {
    const std::size_t open = source.find("${");
    const std::size_t close = open == std::string_view::npos ? open : source.find('}', open);
    if (close == std::string_view::npos) break;
    text.literal += source.substr(0, open);
    const std::string_view inner = source.substr(open + 2, close - open - 2);
    const std::size_t first = inner.find('.');
    const std::size_t dot = inner.find('.', first + 1);
    Reference reference;
    reference.target = std::string(inner.substr(0, dot));
    reference.label = reference.target;
    reference.value = std::string(inner.substr(dot + 1));
    reference.offset = text.literal.size();
    text.references.push_back(std::move(reference));
    source.remove_prefix(close + 1);
  }
  text.literal += source;
  return text;
}

// Replaces every string of the table that holds `${` by what refer() makes of it.
inline void refer_all(ConfigTable& table);
inline void refer_all(Config& value) {
  if (auto* text = std::get_if<Text>(&value.data)) {
    const std::string written = text->literal;
    *text = refer(written);
  } else if (auto* array = std::get_if<ConfigArray>(&value.data)) {
    for (Config& element : *array) refer_all(element);
  } else if (auto* table = std::get_if<ConfigTable>(&value.data)) {
    refer_all(*table);
  }
}
inline void refer_all(ConfigTable& table) {
  for (ConfigEntry& entry : table.entries) refer_all(entry.value);
}

}  // namespace trilock::test
