#include "engine/programs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "rules/programs.hpp"

namespace trilock {
namespace {

void add_interpreters(RunState& state, Resolver& resolver, const std::string& name, const std::string& path,
                      std::vector<Tool>& tools) {
  std::vector<Tool> found = state.tools.interpreters(name, path, resolver.path_variable());
  std::ranges::move(found, std::back_inserter(tools));
}

void add_interpreters_of(RunState& state, Resolver& resolver, std::vector<Tool>& tools) {
  const std::size_t named = tools.size();
  for (std::size_t i = 0; i < named; ++i) {
    const Tool tool = tools[i];  // a copy: the list grows
    if (tool.path.starts_with('/')) add_interpreters(state, resolver, tool.name, tool.path, tools);
  }
}

// A program of the workspace is an input, and no tool by itself.
bool is_in_workspace(std::string_view program) {
  return program.contains('/') && !program.starts_with('/') && !program.starts_with('\x1f');
}

std::string path_of(const RunState& state, std::string_view dir, const std::string& program) {
  return state.tree.absolute(dir.empty() ? program : fmt::format("{}/{}", dir, program));
}

Status add_declared(RunState& state, const Node& node, const Target& target, Resolver& resolver, Action& action) {
  std::vector<Tool>& programs = action.programs;
  for (const Text& text : texts_of(target.table, "programs")) {
    const std::string program = fill_program(text, node.dir, resolver);
    if (program.empty()) return fail(ErrorKind::invalid, "the name of a program in `programs` is empty");
    if (Status added = add_program(program, node.dir, resolver, programs, action); !added) {
      if (added.error().help.empty()) added.error().help = "the node names it in `programs`";
      return added;
    }
    if (is_in_workspace(program))
      add_interpreters(state, resolver, program, path_of(state, node.dir, program), programs);
  }
  add_interpreters_of(state, resolver, programs);
  std::ranges::sort(programs, {}, [](const Tool& tool) { return std::tie(tool.name, tool.identity); });
  const auto repeated = std::ranges::unique(programs, {}, &Tool::name);
  programs.erase(repeated.begin(), repeated.end());
  return {};
}

}  // namespace

Status add_programs(RunState& state, const Node& node, const Target& target, Resolver& resolver, Action& action) {
  add_interpreters_of(state, resolver, action.tools);
  for (const Process& process : action.processes) {
    const std::string& program = process.argv.front();
    if (is_in_workspace(program) && !process.dir.starts_with('\x1f'))
      add_interpreters(state, resolver, program, path_of(state, process.dir, program), action.tools);
  }
  return add_declared(state, node, target, resolver, action);
}

}  // namespace trilock
