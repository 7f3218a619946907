// `[command.x]`: any program, by its arguments, or a few lines for `sh -eu`. What it reads is what `inputs` say.
#pragma once

#include "rules/rule.hpp"

namespace trilock {

class CommandRule final : public Rule {
 public:
  [[nodiscard]] std::string_view name() const override { return "command"; }
  [[nodiscard]] std::string_view description() const override;
  [[nodiscard]] std::span<const KeySpec> keys() const override;
  [[nodiscard]] std::span<const std::string_view> one_of() const override;
  [[nodiscard]] std::span<const std::string_view> values() const override { return {}; }
  void plan(const Target& target, PlanContext& context, Node& node) const override;
  Result<Action> resolve(const Node& node, const Target& target, ResolveContext& context) const override;
  [[nodiscard]] StartedPrograms started(const Target& target) const override;
  [[nodiscard]] bool reads_undeclared_files() const override { return false; }
  void draft(const Folder& folder, Draft& draft) const override;  // command_draft.cpp
};

}  // namespace trilock
