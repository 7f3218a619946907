// A ResolveContext for tests of rules: values, tools, environment and answers are what the test put in; what the rule
// asked is kept for the test to look at.
//
//   FakeResolve context(tree);
//   context.values["image.base"]["digest"] = "sha256:…";
//   context.tools["go"] = {"/usr/bin/go"};
//   context.answers["go env GOVERSION"] = {0, "go1.19.8\n", ""};   // argv joined by spaces
//   context.answer = [](const Question& question) { … };           // or a function, asked when no text matches
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rules/rule.hpp"

namespace trilock::test {

class FakeResolve : public ResolveContext {
 public:
  explicit FakeResolve(SourceTree& tree) : tree_(tree) {}

  std::map<std::string, std::map<std::string, std::string>> values;  // label -> name -> value
  std::map<std::string, Answer> answers;                             // argv joined by spaces -> answer
  std::function<Result<Answer>(const Question&)> answer;
  std::map<std::string, std::vector<std::string>> tools;  // name -> absolute paths, in the order of PATH
  std::map<std::string, std::string> variables;
  std::vector<std::string> outputs_of_others;
  std::vector<Question> asked;

  [[nodiscard]] SourceTree& tree() override { return tree_; }

  // A value that the test did not give is filled in as `<label.value>`, so that it shows in the action.
  [[nodiscard]] std::string fill(const Text& text, std::string_view dir) override {
    std::vector<std::string> found;
    for (const Reference& reference : text.references) {
      const std::string* known = value(reference.label, reference.value);
      if (known == nullptr)
        found.push_back("<" + reference.label + "." + reference.value + ">");
      else if (reference.value == "out" || reference.value.starts_with("out."))
        found.push_back(relative_to(dir, *known));
      else
        found.push_back(*known);
    }
    return trilock::fill(text, found);
  }

  [[nodiscard]] const std::string* value(std::string_view label, std::string_view name) override {
    const auto node = values.find(std::string(label));
    if (node == values.end()) return nullptr;
    const auto entry = node->second.find(std::string(name));
    return entry == node->second.end() ? nullptr : &entry->second;
  }

  Result<Answer> ask(const Question& question) override {
    asked.push_back(question);
    std::string line;
    for (const std::string& word : question.argv) line += (line.empty() ? "" : " ") + word;
    if (const auto known = answers.find(line); known != answers.end()) return known->second;
    if (answer) return answer(question);
    return trilock::fail(ErrorKind::tool_missing, "the test has no answer for `" + line + "`");
  }

  std::vector<std::string> find_executables(const std::string& name) override {
    const auto known = tools.find(name);
    return known == tools.end() ? std::vector<std::string>{} : known->second;
  }

  // The identity is "digest of <path>".
  Result<Tool> tool(const std::string& name) override {
    const std::vector<std::string> found = find_executables(name);
    if (found.empty()) return trilock::fail(ErrorKind::tool_missing, "`" + name + "` is not in PATH");
    return Tool{name, found.front(), "digest of " + found.front(), {}};
  }

  [[nodiscard]] std::optional<std::string> environment(const std::string& name) override {
    const auto known = variables.find(name);
    if (known == variables.end()) return std::nullopt;
    return known->second;
  }

  [[nodiscard]] std::span<const std::string> foreign_outputs() override { return outputs_of_others; }

 private:
  SourceTree& tree_;
};

}  // namespace trilock::test
