// The rule `terraform`: init, then validate, plan, apply or destroy of one root module in one workspace. What decides
// a result, when an applied change is left alone and what waits for approval:
// docs/design/0003-devcontainer-terraform.md.
#pragma once

#include "rules/rule.hpp"

namespace trilock {

class TerraformRule final : public Rule {
 public:
  [[nodiscard]] std::string_view name() const override { return "terraform"; }
  [[nodiscard]] std::string_view description() const override;
  [[nodiscard]] std::span<const KeySpec> keys() const override;
  [[nodiscard]] std::span<const std::string_view> values() const override;
  void plan(const Target& target, PlanContext& context, Node& node) const override;
  Result<Action> resolve(const Node& node, const Target& target, ResolveContext& context) const override;
  // Applies only what `approve` allows: Verdict::Kind::wait otherwise.
  [[nodiscard]] Verdict review(const Node& node, const Target& target, const Run& run,
                               std::size_t index) const override;
  Result<Collected> collect(const Node& node, const Action& action, const Run& run) const override;
  // Whether the state still has the lineage and serial that the node left it with.
  Result<bool> probe(const Node& node, const Target& target, const ActionResult& result,
                     ResolveContext& context) const override;
  // The lock on the state.
  Result<std::vector<Leftover>> leftovers(const Node& node, const Target& target, std::span<const Field> leaves,
                                          std::int64_t at_ms, ResolveContext& context) const override;
  void draft(const Folder& folder, Draft& draft) const override;  // terraform_draft.cpp
};

}  // namespace trilock
