// What a rule may ask for while one node is resolved or probed: the engine's side of ResolveContext.
// Belongs to one node body, and so to one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/run_state.hpp"
#include "rules/rule.hpp"

namespace trilock {

class Resolver final : public ResolveContext {
 public:
  // `look`: again, when something that rules ask about was changed since this run began.
  Resolver(RunState& state, NodeId id, Questions::Look look = Questions::Look::once)
      : state_(state), id_(id), look_(look) {}

  SourceTree& tree() override { return state_.tree; }
  std::string fill(const Text& text, std::string_view dir) override;
  const std::string* value(std::string_view label, std::string_view name) override;
  Result<Answer> ask(const Question& question) override;
  std::vector<std::string> find_executables(const std::string& name) override;
  Result<Tool> tool(const std::string& name) override;
  std::optional<std::string> environment(const std::string& name) override { return state_.environment.get(name); }
  std::span<const std::string> foreign_outputs() override;

  // The PATH that the node's processes see: its own `env` may set one.
  [[nodiscard]] const std::string& path_variable();

  // A value that a reference named and that the other node does not have: the action cannot be made.
  [[nodiscard]] const std::optional<Error>& missing_value() const { return missing_; }
  // The first question that only a run may ask (ErrorKind::not_known).
  [[nodiscard]] const std::optional<Error>& not_known() const { return not_known_; }

 private:
  void add_foreign_outputs(std::vector<std::string>& outputs) const;
  std::string reference_value(const Reference& reference, std::string_view dir);

  RunState& state_;
  NodeId id_;
  Questions::Look look_;
  std::optional<Error> missing_;
  std::optional<Error> not_known_;
  std::optional<std::string> path_variable_;
  std::string scratch_value_;
  std::optional<std::vector<std::string>> foreign_outputs_;
};

// The path that `${label.out}` or `${label.out.name}` means; null when the node has no such output.
[[nodiscard]] const std::string* output_value(const Node& node, std::string_view value);

}  // namespace trilock
