#include "schemas/declarations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <unordered_map>

#include "schemas/cache_settings.hpp"
#include "schemas/defaults.hpp"

namespace trilock {
namespace {

constexpr TopLevelKey fixed_keys[] = {
    {"include", "More files of this language: patterns, relative to the file that includes"},
    {"pipeline", "The pipeline itself; in the root file only"},
    {"vars", "Variables, used as `${var.NAME}`; `--var NAME=VALUE` and TRILOCK_VAR_NAME replace them"},
    {"defaults", "Keys for every node; [defaults.RULE] for the nodes of one rule"},
    {"pools", "Names for numbers of slots that nodes share by `pool`"},
    {"cache", "Where results are kept; in the root file only"},
};

constexpr std::size_t max_pools = 1000;

class Gatherer {
 public:
  Gatherer(std::span<const RuleKeys> rules, const KeyLists& keys, Variables& variables, Findings& findings)
      : rules_(rules), keys_(keys), variables_(variables), findings_(findings) {
    for (std::size_t i = 0; i < rules.size(); ++i) rule_index_.emplace(rules[i].rule, i);
  }

  Declarations gather(std::vector<PipelineFile> files) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      root_ = i == 0;
      root_path_ = files.front().path;
      one_file_ = files.size() == 1;
      const std::size_t first = declared_.tables.size();
      for (ConfigEntry& entry : files[i].table.entries) top_level(entry);
      // Tables of one rule stand together in the parsed file; the order of targets is that of their headers.
      std::sort(declared_.tables.begin() + static_cast<std::ptrdiff_t>(first), declared_.tables.end(),
                [](const TableDeclaration& a, const TableDeclaration& b) {
                  return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
                });
    }
    split_defaults();
    return std::move(declared_);
  }

 private:
  void top_level(ConfigEntry& entry) {
    const std::string& key = entry.key;
    const auto rule = rule_index_.find(key);
    if (rule == rule_index_.end() && std::ranges::find(fixed_keys, key, &TopLevelKey::name) == std::end(fixed_keys)) {
      unknown(entry);
      return;
    }
    ConfigTable* table = std::get_if<ConfigTable>(&entry.value.data);
    if (table == nullptr) {
      findings_.error(entry.value.place,
                      fmt::format("expected a table [{}], found {}", key, describe(entry.value.type())),
                      rule == rule_index_.end() ? "" : fmt::format("a node is a table `[{}.NAME]`", key));
      return;
    }
    if (rule != rule_index_.end()) {
      for (ConfigEntry& node : table->entries) declare_node(rule->second, node);
    } else if (key == "vars") {
      for (ConfigEntry& variable : table->entries) variables_.declare(std::move(variable));
    } else if (key == "pools") {
      for (const ConfigEntry& pool : table->entries) declare_pool(pool);
      if (declared_.pools.size() > max_pools) {
        findings_.error(entry.place, fmt::format("there are more than {} pools", max_pools));
        declared_.pools.resize(max_pools);
      }
    } else if (key == "defaults") {
      keys_.check_defaults(*table, entry.value.place, findings_);
      join_defaults(defaults_, std::move(*table), findings_);
    } else if (!root_) {
      findings_.error(entry.place, fmt::format("[{}] in an included file", key),
                      fmt::format("[{}] belongs in `{}`", key, root_path_));
    } else if (key == "cache") {
      const std::array<std::span<const KeySpec>, 1> allowed = {cache_keys()};
      check_written_keys(*table, "cache", entry.value.place, allowed, findings_);
      declared_.cache = std::move(entry.value);
    } else if (key == "pipeline") {
      pipeline(*table, entry.value.place);
    }
  }

  void unknown(const ConfigEntry& entry) {
    std::vector<std::string_view> names;
    for (const TopLevelKey& fixed : fixed_keys) names.push_back(fixed.name);
    for (const RuleKeys& rule : rules_) names.push_back(rule.rule);
    const bool is_table = entry.value.table() != nullptr;
    std::string help = did_you_mean(entry.key, names);
    if (help.empty()) help = fmt::format("there are {}", quote_list(names, 20));
    findings_.error(entry.place,
                    is_table ? fmt::format("unknown table [{}]", entry.key)
                             : fmt::format("unknown key `{}` outside of a table", entry.key),
                    std::move(help));
  }

  void declare_node(std::size_t rule, ConfigEntry& node) {
    const std::string_view rule_name = rules_[rule].rule;
    ConfigTable* table = std::get_if<ConfigTable>(&node.value.data);
    if (table == nullptr) {
      findings_.error(node.place, fmt::format("key `{}` in [{}], which has only tables of nodes", node.key, rule_name),
                      fmt::format("a node is a table `[{}.NAME]`", rule_name));
      return;
    }
    std::string title = fmt::format("{}.{}", rule_name, node.key);
    if (!is_name(node.key)) {
      findings_.error(node.place, fmt::format("`{}` is no name for a node", node.key), std::string(name_help));
      return;
    }
    // Within one file TOML itself has no table twice.
    if (!one_file_) {
      const auto [first, added] = nodes_.emplace(title, node.value.place);
      if (!added) {
        findings_.defined_twice(node.value.place, first->second, fmt::format("node `{}`", title));
        return;
      }
    }
    keys_.check_written(rule, *table, title, node.value.place, findings_);
    declared_.tables.push_back(
        {static_cast<std::uint32_t>(rule), std::move(node.key), node.value.place, std::move(*table)});
  }

  void declare_pool(const ConfigEntry& pool) {
    const auto [first, added] = pools_.emplace(pool.key, pool.place);
    if (!added) {
      findings_.defined_twice(pool.place, first->second, fmt::format("pool `{}`", pool.key));
      return;
    }
    const auto* slots = std::get_if<std::int64_t>(&pool.value.data);
    if (!is_name(pool.key)) {
      findings_.error(pool.place, fmt::format("`{}` is no name for a pool", pool.key), std::string(name_help));
    } else if (slots == nullptr) {
      findings_.error(pool.value.place, fmt::format("expected a number of slots for pool `{}`, found {}", pool.key,
                                                    describe(pool.value.type())));
    } else if (*slots < 1 || *slots > std::numeric_limits<std::uint32_t>::max()) {
      findings_.error(pool.value.place, fmt::format("pool `{}` cannot have {} slots", pool.key, *slots),
                      "a pool has at least one slot");
    }
    const bool usable = slots != nullptr && *slots >= 1 && *slots <= std::numeric_limits<std::uint32_t>::max();
    declared_.pools.push_back({pool.key, usable ? static_cast<std::uint32_t>(*slots) : 1, pool.place});
  }

  void pipeline(const ConfigTable& table, Place place) {
    const std::array<std::span<const KeySpec>, 1> allowed = {pipeline_keys()};
    Diagnostics found = Diagnostics::unbounded();
    check_keys(table, "pipeline", place, allowed, found);
    findings_.absorb(found);
    const Config* name = table.find("name");
    if (name != nullptr && name->text() != nullptr) declared_.name = name->text()->literal;
    const Config* version = table.find("version");
    const auto* number = version == nullptr ? nullptr : std::get_if<std::int64_t>(&version->data);
    if (number != nullptr && *number >= 0 && *number != language_version) {
      findings_.error(version->place, fmt::format("version {} of the pipeline language is unknown", *number),
                      fmt::format("this trilock reads version {}", language_version));
    }
  }

  void split_defaults() {
    declared_.defaults.resize(rules_.size());
    ConfigTable shared;
    for (ConfigEntry& entry : defaults_.entries) {
      const auto rule = rule_index_.find(entry.key);
      if (rule == rule_index_.end()) {
        shared.entries.push_back(std::move(entry));
      } else if (ConfigTable* table = std::get_if<ConfigTable>(&entry.value.data)) {
        keys_.check_written(rule->second, *table, fmt::format("defaults.{}", entry.key), entry.value.place, findings_);
        declared_.defaults[rule->second] = std::move(*table);
      }
    }
    for (ConfigTable& table : declared_.defaults) add_defaults(table, shared);
  }

  std::span<const RuleKeys> rules_;
  const KeyLists& keys_;
  Variables& variables_;
  Findings& findings_;
  std::unordered_map<std::string_view, std::size_t> rule_index_;
  std::unordered_map<std::string, Place> nodes_;
  std::unordered_map<std::string, Place> pools_;
  ConfigTable defaults_;
  Declarations declared_;
  std::string root_path_;
  bool root_ = true;
  bool one_file_ = true;
};

}  // namespace

std::span<const TopLevelKey> top_level_keys() {
  return fixed_keys;
}

std::span<const KeySpec> pipeline_keys() {
  static constexpr KeySpec keys[] = {
      {"name", KeyType::literal, "What the pipeline is called in reports"},
      {"version", KeyType::integer, "The version of the language", {}, false, "1"},
  };
  return keys;
}

Declarations gather_declarations(std::vector<PipelineFile> files, std::span<const RuleKeys> rules, const KeyLists& keys,
                                 Variables& variables, Findings& findings) {
  return Gatherer(rules, keys, variables, findings).gather(std::move(files));
}

}  // namespace trilock
