// A world in memory and a few rules, to load pipelines from strings.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/pipeline.hpp"

namespace trilock {

class FakeWorld final : public PipelineWorld {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, std::vector<std::string>> globs;
  std::map<std::string, std::string> env;
  std::map<GitFact, std::string> facts;
  std::vector<std::string> log;  // what was asked, "read a.toml"

  Result<std::string> read_file(const std::string& path) override {
    log.push_back("read " + path);
    const auto found = files.find(path);
    if (found == files.end()) return fail(ErrorKind::not_found, "cannot read `" + path + "`: no such file");
    return found->second;
  }
  Result<std::vector<std::string>> glob(const std::string& pattern) override {
    log.push_back("glob " + pattern);
    return globs[pattern];
  }
  std::optional<std::string> environment(const std::string& name) override {
    log.push_back("env " + name);
    const auto found = env.find(name);
    if (found == env.end()) return std::nullopt;
    return found->second;
  }
  Result<std::string> git(GitFact fact) override {
    log.push_back("git");
    const auto found = facts.find(fact);
    if (found == facts.end()) return fail(ErrorKind::tool_failed, "this is no git repository");
    return found->second;
  }

  [[nodiscard]] std::size_t asked(std::string_view what) const {
    return static_cast<std::size_t>(std::ranges::count(log, what));
  }
};

inline std::span<const RuleKeys> fake_rules() {
  static constexpr std::string_view builders[] = {"auto", "docker", "buildah"};
  static constexpr KeySpec image_keys[] = {
      {"dockerfile", KeyType::string, "", {}, true},
      {"context", KeyType::literal, ""},
      {"args", KeyType::string_table, ""},
      {"tags", KeyType::strings, ""},
      {"contexts", KeyType::string_table, ""},
      {"builder", KeyType::choice, "", builders},
      {"archive", KeyType::string, ""},
  };
  static constexpr std::string_view image_values[] = {"ref", "digest", "manifest-digest"};
  static constexpr KeySpec devcontainer_keys[] = {
      {"config", KeyType::any_table, ""}, {"image", KeyType::string, ""}, {"output", KeyType::literal, ""}};
  static constexpr std::string_view devcontainer_values[] = {"sha256"};
  static constexpr KeySpec terraform_keys[] = {
      {"vars", KeyType::any_table, ""}, {"exports", KeyType::strings, ""}, {"action", KeyType::string, ""}};
  static constexpr std::string_view terraform_values[] = {"output.", "serial", "lineage"};
  static constexpr KeySpec command_keys[] = {{"run", KeyType::strings, ""}, {"script", KeyType::string, ""}};
  static constexpr RuleKeys rules[] = {
      {"image", image_keys, image_values},
      {"devcontainer", devcontainer_keys, devcontainer_values},
      {"terraform", terraform_keys, terraform_values},
      {"command", command_keys, {}},
  };
  return rules;
}

struct Loaded {
  Pipeline pipeline;
  SourceMap sources;
  Diagnostics diagnostics;
  std::string findings;  // rendered, in order, with an empty line between two

  [[nodiscard]] std::vector<std::string> labels() const {
    std::vector<std::string> labels;
    for (const Target& target : pipeline.targets) labels.push_back(target.label);
    return labels;
  }
  [[nodiscard]] const Target& target(std::string_view label) const {
    static const Target none;
    const Target* found = pipeline.find(label);
    return found == nullptr ? none : *found;
  }
  // The string at `key` ("args.GO" of a table in the table), as the user would write it.
  [[nodiscard]] std::string text(std::string_view label, std::string_view key) const {
    const ConfigTable* table = &target(label).table;
    for (std::size_t dot = key.find('.'); dot != key.npos; dot = key.find('.')) {
      const Config* inner = table->find(key.substr(0, dot));
      if (inner == nullptr || inner->table() == nullptr) return "(none)";
      table = inner->table();
      key.remove_prefix(dot + 1);
    }
    const Config* value = table->find(key);
    return value == nullptr || value->text() == nullptr ? "(none)" : to_source(*value->text());
  }
  [[nodiscard]] std::vector<std::string> strings(std::string_view label, std::string_view key) const {
    std::vector<std::string> strings;
    const Config* value = target(label).table.find(key);
    if (value == nullptr || value->array() == nullptr) return strings;
    for (const Config& each : *value->array()) strings.push_back(each.text() ? to_source(*each.text()) : "(none)");
    return strings;
  }
};

inline Loaded load(FakeWorld& world, std::vector<std::pair<std::string, std::string>> overrides = {}) {
  Loaded loaded;
  LoadOptions options;
  options.var_overrides = std::move(overrides);
  loaded.pipeline = load_pipeline(options, fake_rules(), world, loaded.sources, loaded.diagnostics);
  for (const Diagnostic& diagnostic : loaded.diagnostics.all()) {
    if (!loaded.findings.empty()) loaded.findings += '\n';
    loaded.findings += render(diagnostic, loaded.sources);
  }
  return loaded;
}

inline Loaded load(std::string text) {
  FakeWorld world;
  world.files["trilock.toml"] = std::move(text);
  return load(world);
}

using Strings = std::vector<std::string>;

}  // namespace trilock
