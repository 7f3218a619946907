#include "schemas/expand.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/defaults.hpp"

namespace trilock {
namespace {

// Interprets all strings below a table. Constant ones are put in place, the others become slots.
class Compiler {
 public:
  Compiler(const SourceMap& sources, Findings& findings, std::vector<Slot>& slots)
      : sources_(sources), findings_(findings), slots_(slots) {}

  void compile(ConfigTable& table, const Scope& scope) {
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      const std::string& key = table.entries[i].key;
      Scope inner = scope;
      // Other programs have references of the same form in devcontainer.json: `${localEnv:HOME}`.
      if (key == "config" && scope.title.starts_with("devcontainer.")) inner.foreign = ForeignReference::keep;
      if (key == "needs") inner.no_nodes_in = "`needs`";
      if (key == "after") inner.no_nodes_in = "`after`";
      visit(table.entries[i].value, i, inner);
    }
  }

 private:
  void visit(Config& value, std::size_t index, const Scope& scope) {
    path_.push_back(static_cast<std::uint32_t>(index));
    if (Text* text = std::get_if<Text>(&value.data)) {
      if (text->literal.contains("${")) interpret(value, *text, scope);
    } else if (ConfigArray* array = std::get_if<ConfigArray>(&value.data)) {
      for (std::size_t i = 0; i < array->size(); ++i) visit((*array)[i], i, scope);
    } else if (ConfigTable* table = std::get_if<ConfigTable>(&value.data)) {
      for (std::size_t i = 0; i < table->entries.size(); ++i) visit(table->entries[i].value, i, scope);
    }
    path_.pop_back();
  }

  void interpret(const Config& value, Text& text, const Scope& scope) {
    Template pattern = interpolate(value, scope, sources_, findings_);
    if (pattern.is_literal()) {
      text = instantiate(pattern, {});
    } else {
      slots_.push_back({path_, std::move(pattern)});
    }
  }

  const SourceMap& sources_;
  Findings& findings_;
  std::vector<Slot>& slots_;
  std::vector<std::uint32_t> path_;
};

std::optional<Matrix> take_matrix(ConfigTable& table, const std::string& title, std::span<const RuleKeys> rules,
                                  Variables& variables, const SourceMap& sources, Findings& findings) {
  const auto found = std::ranges::find(table.entries, "matrix", &ConfigEntry::key);
  if (found == table.entries.end()) return Matrix();
  const Config config = std::move(found->value);
  table.entries.erase(found);
  return Matrix::read(config, title, rules, variables, sources, findings);
}

std::size_t weight_of_variables(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::size_t weight = 0;
  for (const auto& [name, value] : variables)
    weight += sizeof(std::pair<std::string, std::string>) + name.size() + value.size();
  return weight;
}

// False, with no targets added, when they are more than the budget allows.
bool add_targets(const ExpandedTable& expanded, Target common, ExpansionBudget& budget, Findings& findings,
                 std::vector<Target>& targets) {
  const std::vector<Axis>& axes = expanded.matrix->axes();
  const std::size_t count = expanded.matrix->size();
  if (count > 1) {
    const std::size_t each = bytes_per_node + weight_of(common.table) + weight_of_variables(common.env_read);
    if (!budget.spend((count - 1) * each, common.place, findings)) return false;
  }
  std::vector<std::string_view> values(axes.size());
  for (std::size_t node = 0; node < count; ++node) {
    const std::vector<std::uint32_t> position = expanded.matrix->position(node);
    for (std::size_t i = 0; i < axes.size(); ++i) values[i] = axes[i].values[position[i]];
    targets.push_back(node + 1 == count ? std::move(common) : common);  // NOLINT(bugprone-use-after-move)
    Target& target = targets.back();
    target.coordinates = expanded.matrix->coordinates(node);
    target.label = make_label(expanded.title, target.coordinates);
    std::size_t made = axes.empty() ? 0 : 2 * target.label.size();  // the coordinates have it, too
    for (const Slot& slot : expanded.slots) {
      Text text = instantiate(slot.pattern, values);
      made += text.literal.size();
      value_at(target.table, slot.path).data = std::move(text);
    }
    if (budget.spend(made, target.place, findings)) continue;
    targets.resize(expanded.first);
    return false;
  }
  return true;
}

std::size_t weight_of_missing(const ConfigTable& table, const ConfigTable& defaults) {
  std::size_t weight = 0;
  for (const ConfigEntry& entry : defaults.entries)
    if (table.find(entry.key) == nullptr || entry.value.table() != nullptr) weight += weight_of(entry.value);
  return weight;
}

}  // namespace

bool ExpandedTable::same_for_all() const {
  return std::ranges::none_of(slots, [](const Slot& slot) { return slot.pattern.has_axis(); });
}

Config& value_at(ConfigTable& table, std::span<const std::uint32_t> path) {
  Config* value = &table.entries[path.front()].value;
  for (const std::uint32_t index : path.subspan(1)) {
    ConfigTable* inner = std::get_if<ConfigTable>(&value->data);
    value = inner != nullptr ? &inner->entries[index].value : &std::get<ConfigArray>(value->data)[index];
  }
  return *value;
}

ExpandedTable expand_table(TableDeclaration declaration, const ConfigTable& defaults, std::span<const RuleKeys> rules,
                           Variables& variables, const SourceMap& sources, Findings& findings,
                           std::vector<Target>& targets) {
  ExpandedTable expanded;
  const std::string_view rule = rules[declaration.rule].rule;
  expanded.rule = declaration.rule;
  expanded.title = fmt::format("{}.{}", rule, declaration.name);
  expanded.place = declaration.place;
  expanded.first = targets.size();

  ConfigTable& table = declaration.table;
  ExpansionBudget& budget = variables.budget();
  if (!budget.spend(weight_of_missing(table, defaults), declaration.place, findings)) return expanded;
  add_defaults(table, defaults);
  (void)variables.take_env_read();
  expanded.matrix = take_matrix(table, expanded.title, rules, variables, sources, findings);
  // With a faulty matrix its axes are unknown, and what refers to them cannot be judged.
  if (!expanded.matrix) return expanded;

  const Scope scope{variables, rules, expanded.title, &*expanded.matrix};
  Compiler(sources, findings, expanded.slots).compile(table, scope);
  const Variables::EnvRead env_read = variables.take_env_read();
  Target common{rule, {}, {}, std::move(table), declaration.place, {env_read.begin(), env_read.end()}};
  if (!add_targets(expanded, std::move(common), budget, findings, targets)) expanded.matrix.reset();
  return expanded;
}

}  // namespace trilock
