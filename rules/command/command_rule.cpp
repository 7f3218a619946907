#include "rules/command/command_rule.hpp"

#include <fmt/format.h>

#include <array>

#include "rules/command/shell_programs.hpp"
#include "rules/programs.hpp"

namespace trilock {
namespace {

constexpr std::array command_keys = {
    KeySpec{.name = "run",
            .type = KeyType::strings,
            .description = "The program and its arguments; started directly, without a shell"},
    KeySpec{.name = "script",
            .type = KeyType::string,
            .description = "Lines for `sh -eu`, instead of `run`: a failing line or an unset variable ends it"},
    KeySpec{
        .name = "depfile",
        .type = KeyType::literal,
        .description = "A file that the program writes, in the syntax of Makefiles: what it names becomes an input"},
};

void plan_depfile(const ConfigTable& table, Diagnostics& diagnostics, Node& node) {
  const Config* value = table.find("depfile");
  const Text* text = value == nullptr ? nullptr : value->text();
  if (text == nullptr) return;
  if (text->literal.empty()) {
    diagnostics.error(
        value->place, fmt::format("`{}` is no path of a depfile", text->literal),
        "name a file that the program writes: `gcc -MD -MF out/main.d` goes with `depfile = \"out/main.d\"`");
    return;
  }
  std::string path = output_path("depfile", node.dir, text->literal, value->place, diagnostics);
  if (path.empty()) return;
  node.depfiles.push_back({.name = {}, .path = std::move(path), .place = value->place});
}

// What a reference becomes is not known here; the shell would see no more of it than of a variable.
std::string with_variables(const Text& text) {
  return fill(text, std::vector<std::string>(text.references.size(), "${_}"));
}

}  // namespace

std::string_view CommandRule::description() const {
  return "Runs a program or a shell script";
}

std::span<const KeySpec> CommandRule::keys() const {
  return command_keys;
}

std::span<const std::string_view> CommandRule::one_of() const {
  static constexpr std::array<std::string_view, 2> names = {"run", "script"};
  return names;
}

void CommandRule::plan(const Target& target, PlanContext& context, Node& node) const {
  const ConfigTable& table = target.table;
  const Config* run = table.find("run");
  const Config* script = table.find("script");
  Diagnostics& diagnostics = context.diagnostics;
  plan_depfile(table, diagnostics, node);
  if (run == nullptr && script == nullptr) {
    diagnostics.error(target.place, fmt::format("[{}] has nothing to run", target.title()),
                      "add `run = [\"program\", \"argument\"]`, or `script = \"…\"` for a shell");
  } else if (run != nullptr && script != nullptr) {
    diagnostics
        .error(script->place, fmt::format("[{}] has both `run` and `script`", target.title()), "keep one of them")
        .notes.push_back({"`run` is here", run->place});
  } else if (run != nullptr) {
    const std::vector<Text> words = texts_of(table, "run");
    if (words.empty())
      diagnostics.error(run->place, "`run` is empty", "its first element is the program");
    else if (words.front().literal.empty() && words.front().is_literal())
      diagnostics.error(run->place, "the program of `run` is an empty string");
    else if (words.size() == 1 && words.front().literal.contains(' ') && words.front().is_literal())
      diagnostics.warning(run->place,
                          fmt::format("`{}` is looked up as one program name, with its blanks", words.front().literal),
                          "write each argument as an element, or use `script`");
  }
}

Result<Action> CommandRule::resolve(const Node& node, const Target& target, ResolveContext& context) const {
  Action action;
  action.rule = name();
  action.outputs = node.outputs;
  action.cache = node.cache;
  if (!node.depfiles.empty()) action.depfile = node.depfiles.front().path;
  Process process{.name = "script", .dir = node.dir};
  if (const Config* script = target.table.find("script"); script != nullptr && script->text() != nullptr) {
    process.argv = {"sh", "-euc", context.fill(*script->text(), node.dir)};
  } else {
    const std::vector<Text> words = texts_of(target.table, "run");
    for (const Text& word : words) process.argv.push_back(context.fill(word, node.dir));
    if (process.argv.empty() || process.argv.front().empty())
      return fail(ErrorKind::invalid, "the program of `run` is an empty string");
    process.argv.front() = fill_program(words.front(), node.dir, context);
    process.name = process.argv.front();
  }
  if (Status added = add_program(process.argv.front(), node.dir, context, action.tools, action); !added)
    return std::unexpected(std::move(added).error());
  action.processes.push_back(std::move(process));
  return action;
}

StartedPrograms CommandRule::started(const Target& target) const {
  const Config* script = target.table.find("script");
  if (script != nullptr && script->text() != nullptr)
    return {"`script`", script->place, programs_of_script(with_variables(*script->text()))};
  std::vector<std::string> words;
  for (const Text& text : texts_of(target.table, "run")) words.push_back(with_variables(text));
  if (words.empty()) return {};
  StartedPrograms started{fmt::format("`{}`", words.front()), place_of(target.table, "run", target.place),
                          programs_of_command(words)};
  std::erase(started.names, words.front());  // it counts as the program that the action starts
  return started;
}

}  // namespace trilock
