#include "engine/process_start.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace trilock {

Result<ProcessSpec> ProcessStart::spec_of(const Process& process) const {
  const MarkerPaths where = paths();
  ProcessSpec spec;
  spec.argv = process.argv;
  for (std::string& argument : spec.argv) argument = replace_markers(argument, where);
  spec.dir = directory_of(process);
  spec.env = compose_environment({&base_, &action_.env, &process.env}, where);
  spec.executable = executable_of(spec);
  if (spec.executable.empty())
    return fail(ErrorKind::tool_missing,
                fmt::format("`{}` is not in PATH", process.argv.empty() ? "" : process.argv.front()));
  return spec;
}

std::string ProcessStart::directory_of(const Process& process) const {
  return process.dir.starts_with('\x1f') ? replace_markers(process.dir, paths()) : state_.tree.absolute(process.dir);
}

std::string ProcessStart::executable_of(const ProcessSpec& spec) const {
  if (spec.argv.empty()) return {};
  std::string_view path;
  for (const std::string& variable : spec.env)
    if (variable.starts_with("PATH=")) path = std::string_view(variable).substr(5);
  const std::string& name = spec.argv[0];
  const bool relative = name.find('/') != std::string::npos && !name.starts_with('/');
  if (relative || (path != state_.environment.path() && !name.starts_with('/')))
    return find_executable(name, path, spec.dir);
  return state_.executables.find(name);
}

std::string scratch_dir_of(const RunState& state, NodeId id) {
  return fmt::format("{}/{}-{}", state.scratch_root, ::getpid(), index_of(id));
}

bool uses_scratch(std::span<const EnvVar> env, std::span<const Process> processes) {
  const auto marked = [](const std::string& text) { return text.find(scratch_marker) != std::string::npos; };
  const auto marked_env = [&](std::span<const EnvVar> variables) {
    return std::ranges::any_of(variables, marked, &EnvVar::value);
  };
  return marked_env(env) || std::ranges::any_of(processes, [&](const Process& process) {
           return marked(process.dir) || marked_env(process.env) || std::ranges::any_of(process.argv, marked);
         });
}

bool ended_well(const Process& process, const ProcessResult& result) {
  return result.end == ProcessEnd::exited &&
         std::ranges::find(process.ok_codes, result.exit_code) != process.ok_codes.end();
}

std::string describe_end(const Process& process, const ProcessResult& result, std::uint64_t timeout_ms) {
  switch (result.end) {
    case ProcessEnd::timed_out:
      return fmt::format("`{}` took longer than {} s", process.name, static_cast<double>(timeout_ms) / 1000);
    case ProcessEnd::signaled:
      return fmt::format("`{}` was ended by signal {}", process.name, result.exit_code - 128);
    case ProcessEnd::cancelled:
      return "interrupted";
    case ProcessEnd::exited:
      return fmt::format("`{}` failed with exit code {}", process.name, result.exit_code);
  }
  return {};
}

}  // namespace trilock
