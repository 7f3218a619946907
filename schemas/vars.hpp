// The variables of a pipeline. Their shape is always checked; a value is found out when something refers to it, so that
// an unused `git` variable costs no process and an unused `env` variable need not be set.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/findings.hpp"
#include "schemas/interpolate.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// Where a string has its text from.
enum class TextSource : std::uint8_t {
  file,       // as it stands in a file of the workspace
  runner,     // whole from one variable that the runner set: of the environment, or by --var
  assembled,  // text and references, or several references
};

class Variables final : public Names {
 public:
  // Environment variables that were read, and what they held.
  using EnvRead = std::map<std::string, std::string>;

  Variables(PipelineWorld& world, std::span<const RuleKeys> rules, const SourceMap& sources, Findings& findings);

  // An entry of [vars]; reports a second definition and a wrong shape.
  void declare(ConfigEntry entry);
  // `--var name=value`, taken as it is. Call after all declarations; an unknown name is reported without a place.
  void override_with(const std::string& name, std::string value);

  [[nodiscard]] bool declares(std::string_view name) const { return index_.contains(std::string(name)); }

  std::optional<std::string> variable(std::string_view name, Place place) override;
  std::optional<std::string> environment(std::string_view name, Place place) override;
  std::optional<std::string> git(std::string_view fact, Place place) override;
  ExpansionBudget& budget() override { return budget_; }

  // Of a string as it was written, through the variables that it refers to; call it when its value is known.
  [[nodiscard]] TextSource source_of(std::string_view written);

  // All that was read from the environment since the last call, through variables too.
  [[nodiscard]] EnvRead take_env_read();
  // The files that they were read from, in the order in which they were.
  [[nodiscard]] std::vector<Pipeline::ReadFile> read_files() { return std::move(read_files_); }
  // The variables that something referred to, in the order of the file.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> resolved() const;

 private:
  enum class State : std::uint8_t { open, active, done, failed };
  struct Variable {
    ConfigEntry entry;
    State state = State::open;
    std::string value;
    std::optional<std::string> given;  // by --var
    EnvRead env_read;
  };

  std::optional<std::string> evaluate(const Variable& variable);
  std::optional<std::string> evaluate_table(const Variable& variable, const ConfigTable& table);
  std::optional<std::string> scalar(const Config& value, std::string_view name);
  std::optional<std::string> from_file(const ConfigEntry& entry);
  std::optional<std::string> from_environment(const ConfigTable& table, const ConfigEntry& entry,
                                              const std::string& name);
  std::optional<std::string> inherited(const std::string& name);
  bool may_be_value(const std::string& value, const ConfigEntry& entry);
  TextSource source_of(const Variable& variable);
  void report_cycle(std::string_view name, Place place);

  PipelineWorld& world_;
  std::span<const RuleKeys> rules_;
  const SourceMap& sources_;
  Findings& findings_;
  std::vector<Variable> variables_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::size_t> active_;
  std::map<std::string, Result<std::string>, std::less<>> git_facts_;
  EnvRead env_read_;
  std::vector<Pipeline::ReadFile> read_files_;
  ExpansionBudget budget_;
};

// Reports what is wrong with the form of a variable: a string, an integer, a boolean, or a table with exactly one of
// `gomod`, `file`, `env` (with `default`) and `git`.
[[nodiscard]] bool check_variable_shape(const ConfigEntry& entry, Findings& findings);

// The tables that a variable may be instead of a plain value: `{ file = "VERSION" }`.
struct VariableForm {
  std::string_view key;
  std::string_view description;  // one sentence, without a full stop
};
[[nodiscard]] std::span<const VariableForm> variable_forms();
inline constexpr std::string_view variable_default = "default";  // a second key, beside `env` only

// "describe", "commit", "branch" and "tag".
[[nodiscard]] std::span<const std::string_view> git_facts();
[[nodiscard]] bool is_git_fact(std::string_view name);
void report_git_fact(std::string_view name, Place place, Findings& findings);

}  // namespace trilock
