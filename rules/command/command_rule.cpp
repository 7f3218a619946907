#include "rules/command/command_rule.hpp"

#include <fmt/format.h>

#include <array>

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

// A program given by a path of the workspace is a source like any other: an input.
Status add_workspace_program(std::string_view written, const Node& node, ResolveContext& context, Action& action) {
  Diagnostics findings;
  const std::string path = workspace_path(node.dir, written, {}, findings);
  if (findings.has_errors())
    return fail(ErrorKind::invalid, findings.all().front().message, findings.all().front().help);
  if (!context.tree().exists(path))
    return fail(ErrorKind::tool_missing, fmt::format("`{}` does not exist", path),
                "a program with a slash in its name is looked for in the workspace, from `dir`");
  return add_file(context.tree(), path, action);
}

Status add_program(const std::string& program, const Node& node, ResolveContext& context, Action& action) {
  if (program.starts_with('/')) {
    const Result<ContentDigests> digests = context.tree().strong_digest(program);
    if (!digests) return fail(ErrorKind::tool_missing, digests.error().message, digests.error().help);
    action.tools.push_back({program, program, digests->strong.hex(), {}});
    return {};
  }
  if (program.find('/') != std::string::npos) return add_workspace_program(program, node, context, action);
  Result<Tool> tool = context.tool(program);
  if (!tool) return std::unexpected(std::move(tool).error());
  action.tools.push_back(*std::move(tool));
  return {};
}

// `out` of a node in the same directory has no slash when it is filled in; it is still a file and no name in PATH.
bool names_output(const Text& text) {
  if (text.references.empty() || text.references.front().offset != 0) return false;
  const std::string& value = text.references.front().value;
  return value == "out" || value.starts_with("out.");
}

void plan_depfile(const ConfigTable& table, Diagnostics& diagnostics, Node& node) {
  const Config* value = table.find("depfile");
  const Text* text = value == nullptr ? nullptr : value->text();
  if (text == nullptr) return;
  const std::size_t errors = diagnostics.error_count();
  std::string path = workspace_path(node.dir, text->literal, value->place, diagnostics);
  if (diagnostics.error_count() != errors) return;
  if (path.empty()) {
    diagnostics.error(
        value->place, fmt::format("`{}` is no path of a depfile", text->literal),
        "name a file that the program writes: `gcc -MD -MF out/main.d` goes with `depfile = \"out/main.d\"`");
    return;
  }
  node.depfiles.push_back({.name = {}, .path = std::move(path), .place = value->place});
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
    if (names_output(words.front()) && !process.argv.front().contains('/')) process.argv.front().insert(0, "./");
    process.name = process.argv.front();
  }
  if (Status added = add_program(process.argv.front(), node, context, action); !added)
    return std::unexpected(std::move(added).error());
  action.processes.push_back(std::move(process));
  return action;
}

}  // namespace trilock
