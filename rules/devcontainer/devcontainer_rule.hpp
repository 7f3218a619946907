// The rule `devcontainer`: writes a devcontainer.json from a template or an inline table, with the image pinned. Why
// the file is plain JSON and where everything goes: docs/design/0003-devcontainer-terraform.md.
// Source: "Dev Container metadata reference" of the Development Containers Specification.
#pragma once

#include "rules/rule.hpp"

namespace trilock {

class DevcontainerRule final : public Rule {
 public:
  [[nodiscard]] std::string_view name() const override { return "devcontainer"; }
  [[nodiscard]] std::string_view description() const override;
  [[nodiscard]] std::span<const KeySpec> keys() const override;
  [[nodiscard]] std::span<const std::string_view> one_of() const override;
  [[nodiscard]] std::span<const std::string_view> values() const override;
  // A template may name any node.
  [[nodiscard]] bool looks_at_all_targets() const override { return true; }
  // Renders the document: what is left to `resolve` are the values of other nodes.
  void plan(const Target& target, PlanContext& context, Node& node) const override;
  Result<Action> resolve(const Node& node, const Target& target, ResolveContext& context) const override;
  Result<Collected> collect(const Node& node, const Action& action, const Run& run) const override;
  void draft(const Folder& folder, Draft& draft) const override;  // devcontainer_draft.cpp
};

}  // namespace trilock
