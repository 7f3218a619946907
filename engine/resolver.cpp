#include "engine/resolver.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace trilock {

const std::string* output_value(const Node& node, std::string_view value) {
  if (value == "out") {
    const std::string* only = nullptr;
    for (const OutputSpec& output : node.outputs) {
      if (is_private_output(output.path)) continue;
      if (only != nullptr) return nullptr;
      only = &output.path;
    }
    return only;
  }
  if (!value.starts_with("out.")) return nullptr;
  for (const OutputSpec& output : node.outputs)
    if (output.name == value.substr(4)) return &output.path;
  return nullptr;
}

std::string Resolver::fill(const Text& text, std::string_view dir) {
  std::vector<std::string> values;
  values.reserve(text.references.size());
  for (const Reference& reference : text.references) values.push_back(reference_value(reference, dir));
  return trilock::fill(text, values);
}

std::string Resolver::reference_value(const Reference& reference, std::string_view dir) {
  NodeId other{};
  if (state_.graph.find(reference.label, other))
    if (const std::string* path = output_value(state_.graph.node(other), reference.value))
      return relative_to(dir, *path);
  if (const std::string* found = value(reference.label, reference.value)) return *found;
  if (!missing_)
    missing_ = Error{ErrorKind::not_found, fmt::format("{} has no value `{}`", reference.label, reference.value), {}};
  return {};
}

const std::string* Resolver::value(std::string_view label, std::string_view name) {
  NodeId other{};
  if (!state_.graph.find(label, other)) return nullptr;
  const FinishedNode& finished = state_.finished[index_of(other)];
  if (name == "key") {
    scratch_value_ = finished.key.hex();
    return &scratch_value_;
  }
  if (const std::string* path = output_value(state_.graph.node(other), name)) return path;
  if (!finished.result) return nullptr;
  for (const Field& field : finished.result->values)
    if (field.name == name) return &field.value;
  return nullptr;
}

Result<Answer> Resolver::ask(const Question& question) {
  Result<Answer> answer = state_.questions.ask(question, look_);
  if (!answer && answer.error().kind == ErrorKind::not_known && !not_known_) not_known_ = answer.error();
  return answer;
}

std::vector<std::string> Resolver::find_executables(const std::string& name) {
  return find_all_executables(state_.tree, name, path_variable());
}

const std::string& Resolver::path_variable() {
  if (!path_variable_) {
    const Node& node = state_.graph.node(id_);
    const auto own = std::ranges::find(node.env, "PATH", &std::pair<std::string, Text>::first);
    path_variable_ = own == node.env.end() ? state_.environment.path() : fill(own->second, node.dir);
  }
  return *path_variable_;
}

Result<Tool> Resolver::tool(const std::string& name) {
  const Result<Tool> found = state_.tools.find(name, path_variable());
  const bool missing = !found && found.error().kind == ErrorKind::tool_missing;
  if (missing && state_.comparing) return Tool{.name = name, .path = {}, .identity = "missing"};
  return found;
}

void Resolver::add_foreign_outputs(std::vector<std::string>& outputs) const {
  const std::vector<bool> upstream = state_.graph.closure({&id_, 1});
  for (std::size_t i = 0; i < state_.graph.size(); ++i) {
    if (upstream[i] && i != index_of(id_)) continue;
    const Node& node = state_.graph.node(static_cast<NodeId>(i));
    for (const OutputSpec& output : node.outputs)
      if (!is_private_output(output.path)) outputs.push_back(output.path);
    for (const OutputSpec& depfile : node.depfiles) outputs.push_back(depfile.path);
  }
}

std::span<const std::string> Resolver::foreign_outputs() {
  if (!foreign_outputs_) {
    foreign_outputs_.emplace();
    if (state_.around != nullptr)
      state_.around->add_foreign_outputs(id_, *foreign_outputs_);
    else
      add_foreign_outputs(*foreign_outputs_);
    std::sort(foreign_outputs_->begin(), foreign_outputs_->end());
  }
  return *foreign_outputs_;
}

}  // namespace trilock
