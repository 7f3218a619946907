#include "schemas/vars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "schemas/go_version.hpp"
#include "schemas/include.hpp"

namespace trilock {
namespace {

constexpr std::array<std::string_view, 4> git_names = {"describe", "commit", "branch", "tag"};
constexpr std::array<PipelineWorld::GitFact, 4> git_kinds = {
    PipelineWorld::GitFact::describe, PipelineWorld::GitFact::commit, PipelineWorld::GitFact::branch,
    PipelineWorld::GitFact::tag};

// Evaluation recurses; a chain of variables that is longer than this was not written by a person.
constexpr std::size_t max_chain = 100;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

std::span<const std::string_view> git_facts() {
  return git_names;
}

bool is_git_fact(std::string_view name) {
  return std::ranges::find(git_names, name) != git_names.end();
}

void report_git_fact(std::string_view name, Place place, Findings& findings) {
  findings.error(place, fmt::format("unknown git value `{}`", name),
                 fmt::format("there are {}", quote_list(git_names)));
}

Variables::Variables(PipelineWorld& world, std::span<const RuleKeys> rules, const SourceMap& sources,
                     Findings& findings)
    : world_(world), rules_(rules), sources_(sources), findings_(findings) {}

void Variables::declare(ConfigEntry entry) {
  const auto [found, added] = index_.emplace(entry.key, variables_.size());
  if (!added) {
    findings_.defined_twice(entry.place, variables_[found->second].entry.place,
                            fmt::format("variable `{}`", entry.key));
    return;
  }
  Variable variable;
  if (!check_variable_shape(entry, findings_)) variable.state = State::failed;
  variable.entry = std::move(entry);
  variables_.push_back(std::move(variable));
}

void Variables::override_with(const std::string& name, std::string value) {
  const auto found = index_.find(name);
  if (found != index_.end()) {
    variables_[found->second].given = std::move(value);
    return;
  }
  std::vector<std::string_view> names;
  for (const Variable& variable : variables_) names.push_back(variable.entry.key);
  std::string help = did_you_mean(name, names);
  if (help.empty()) help = names.empty() ? "there is no [vars]" : fmt::format("[vars] has {}", quote_list(names));
  findings_.error({}, fmt::format("`--var {}` names no variable of the pipeline", name), std::move(help));
}

std::optional<std::string> Variables::variable(std::string_view name, Place place) {
  const auto found = index_.find(std::string(name));
  if (found == index_.end()) {
    std::vector<std::string_view> names;
    if (findings_.may_suggest())
      for (const Variable& variable : variables_) names.push_back(variable.entry.key);
    findings_.error(place, fmt::format("unknown variable `{}`", name), did_you_mean(name, names));
    return std::nullopt;
  }
  Variable& variable = variables_[found->second];
  if (variable.state == State::active) {
    report_cycle(name, place);
    return std::nullopt;
  }
  if (variable.state == State::open && active_.size() >= max_chain) {
    findings_.error(place, fmt::format("more than {} variables refer to each other in a chain", max_chain));
    return std::nullopt;
  }
  if (variable.state == State::open) {
    variable.state = State::active;
    active_.push_back(found->second);
    EnvRead outer = std::exchange(env_read_, {});
    std::optional<std::string> value = evaluate(variable);
    if (value && !may_be_value(*value, variable.entry)) value.reset();
    variable.env_read = std::exchange(env_read_, std::move(outer));
    active_.pop_back();
    variable.state = value ? State::done : State::failed;
    variable.value = std::move(value).value_or("");
  }
  env_read_.insert(variable.env_read.begin(), variable.env_read.end());
  if (variable.state == State::failed) return std::nullopt;
  return variable.value;
}

bool Variables::may_be_value(const std::string& value, const ConfigEntry& entry) {
  if (value.size() > max_expanded_string) {
    findings_.error(entry.value.place, fmt::format("the value of variable `{}` is longer than {} MiB", entry.key,
                                                   max_expanded_string >> 20));
    return false;
  }
  return budget_.spend(value.size(), entry.value.place, findings_);
}

void Variables::report_cycle(std::string_view name, Place place) {
  std::string chain;
  const auto start =
      std::ranges::find_if(active_, [&](std::size_t index) { return variables_[index].entry.key == name; });
  for (auto it = start; it != active_.end(); ++it) chain += fmt::format("`{}` -> ", variables_[*it].entry.key);
  findings_.error(place, fmt::format("variables refer to each other in a cycle: {}`{}`", chain, name));
}

std::optional<std::string> Variables::inherited(const std::string& name) {
  if (auto value = world_.environment("TRILOCK_VAR_" + name)) return value;
  std::string upper = name;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '-') c = '_';
  }
  return upper == name ? std::nullopt : world_.environment("TRILOCK_VAR_" + upper);
}

std::optional<std::string> Variables::evaluate(const Variable& variable) {
  if (variable.given) return variable.given;
  if (auto value = inherited(variable.entry.key)) return value;
  if (const ConfigTable* table = variable.entry.value.table()) return evaluate_table(variable, *table);
  return scalar(variable.entry.value, variable.entry.key);
}

std::optional<std::string> Variables::scalar(const Config& value, std::string_view name) {
  if (value.text() == nullptr) return scalar_spelling(value, sources_);
  return interpolate_plain(value, fmt::format("`{}` of [vars]", name), rules_, *this, sources_, findings_);
}

std::optional<std::string> Variables::evaluate_table(const Variable& variable, const ConfigTable& table) {
  for (const ConfigEntry& entry : table.entries) {
    if (entry.key == variable_default) continue;
    std::optional<std::string> argument = scalar(entry.value, variable.entry.key);
    if (!argument) return std::nullopt;
    if (entry.key == "git") return git(*argument, entry.value.place);
    if (entry.key == "env") return from_environment(table, entry, *argument);
    // As the world names it; what cannot be named so is refused there.
    const std::string path = path_beside("", *argument);
    Result<std::string> content = world_.read_file(path.empty() ? *argument : path);
    if (!content) {
      findings_.error(entry.value.place, content.error().message, content.error().help);
      return std::nullopt;
    }
    if (!budget_.spend(content->size(), entry.value.place, findings_)) return std::nullopt;
    read_files_.push_back({path, entry.value.place});
    if (entry.key == "file") return std::string(trimmed(*content));
    Result<std::string> version = effective_go_version(*content);
    if (version) return *version;
    findings_.error(entry.value.place, fmt::format("no Go version in `{}`: {}", *argument, version.error().message),
                    version.error().help);
  }
  return std::nullopt;
}

std::optional<std::string> Variables::from_environment(const ConfigTable& table, const ConfigEntry& entry,
                                                       const std::string& name) {
  if (auto value = world_.environment(name)) {
    env_read_.emplace(name, *value);
    return value;
  }
  if (const Config* fallback = table.find(variable_default)) return scalar(*fallback, entry.key);
  findings_.error(entry.value.place, fmt::format("environment variable `{}` is not set", name),
                  "a `default` beside `env` is used when it is not set");
  return std::nullopt;
}

std::optional<std::string> Variables::environment(std::string_view name, Place place) {
  const std::string key(name);
  if (auto value = world_.environment(key)) {
    env_read_.emplace(key, *value);
    return value;
  }
  findings_.error(place, fmt::format("environment variable `{}` is not set", name),
                  "a variable of [vars] can have a default: `{ env = \"NAME\", default = \"…\" }`");
  return std::nullopt;
}

std::optional<std::string> Variables::git(std::string_view fact, Place place) {
  const auto kind = std::ranges::find(git_names, fact);
  if (kind == git_names.end()) {
    report_git_fact(fact, place, findings_);
    return std::nullopt;
  }
  auto known = git_facts_.find(fact);
  if (known == git_facts_.end()) {
    known = git_facts_.emplace(fact, world_.git(git_kinds[static_cast<std::size_t>(kind - git_names.begin())])).first;
  }
  if (known->second) return *known->second;
  findings_.error(place, known->second.error().message, known->second.error().help);
  return std::nullopt;
}

TextSource Variables::source_of(std::string_view written) {
  if (!written.contains("${")) return TextSource::file;
  if (!written.starts_with("${") || written.find('}') != written.size() - 1) return TextSource::assembled;
  std::string_view name = written.substr(2, written.size() - 3);
  if (name.starts_with("env.")) return TextSource::runner;
  if (!name.starts_with("var.")) return TextSource::assembled;
  name.remove_prefix(4);
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? TextSource::assembled : source_of(variables_[found->second]);
}

TextSource Variables::source_of(const Variable& variable) {
  if (variable.given || inherited(variable.entry.key)) return TextSource::runner;
  const ConfigTable* table = variable.entry.value.table();
  const Text* text = variable.entry.value.text();
  if (const Config* name = table == nullptr ? nullptr : table->find("env")) {
    // A name that is put together may choose among all variables, and the value counts as put together too.
    if (name->text() == nullptr || name->text()->literal.contains("${")) return TextSource::assembled;
    if (world_.environment(name->text()->literal)) return TextSource::runner;
    const Config* fallback = table->find(variable_default);
    text = fallback == nullptr ? nullptr : fallback->text();
  } else if (table != nullptr && table->find("git") != nullptr) {
    return TextSource::assembled;
  }
  return text == nullptr ? TextSource::file : source_of(text->literal);
}

Variables::EnvRead Variables::take_env_read() {
  return std::exchange(env_read_, {});
}

std::vector<std::pair<std::string, std::string>> Variables::resolved() const {
  std::vector<std::pair<std::string, std::string>> values;
  for (const Variable& variable : variables_) {
    if (variable.state == State::done) values.emplace_back(variable.entry.key, variable.value);
  }
  return values;
}

}  // namespace trilock
