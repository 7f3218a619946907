// `[go.x]`: builds, tests and checks packages of a Go module. Which files count is what `go list` says of the packages
// and all that they import. Value: `version`, of the toolchain that is in effect: "1.22.5".
#pragma once

#include "rules/rule.hpp"

namespace trilock {

class GoRule final : public Rule {
 public:
  [[nodiscard]] std::string_view name() const override { return "go"; }
  [[nodiscard]] std::string_view description() const override;
  [[nodiscard]] std::span<const KeySpec> keys() const override;
  [[nodiscard]] std::span<const std::string_view> values() const override;
  void plan(const Target& target, PlanContext& context, Node& node) const override;
  Result<Action> resolve(const Node& node, const Target& target, ResolveContext& context) const override;
  Result<Collected> collect(const Node& node, const Action& action, const Run& run) const override;
  void draft(const Folder& folder, Draft& draft) const override;  // go_draft.cpp
};

}  // namespace trilock
