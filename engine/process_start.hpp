// How a process of a rule is started in this workspace: markers replaced, environment put together, executable found.
// Belongs to one thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/environment.hpp"
#include "engine/process.hpp"
#include "engine/run_state.hpp"

namespace trilock {

class ProcessStart {
 public:
  // The environment is the base, the action's, and the process's own on top. `scratch_dir` is absolute.
  ProcessStart(const RunState& state, const Action& action, std::string scratch_dir)
      : state_(state), action_(action), scratch_dir_(std::move(scratch_dir)), base_(state.environment.base()) {}

  // Without time limit, and with nobody to hear its output. ErrorKind::tool_missing when there is no such executable.
  [[nodiscard]] Result<ProcessSpec> spec_of(const Process& process) const;
  [[nodiscard]] std::string directory_of(const Process& process) const;
  [[nodiscard]] MarkerPaths paths() const {
    return {state_.tree.root(), scratch_dir_, state_.tree.absolute(".trilock")};
  }

 private:
  [[nodiscard]] std::string executable_of(const ProcessSpec& spec) const;

  const RunState& state_;
  const Action& action_;
  std::string scratch_dir_;
  std::vector<EnvVar> base_;
};

// The scratch directory of a node's processes, absolute; not made yet.
[[nodiscard]] std::string scratch_dir_of(const RunState& state, NodeId id);
// Whether any of it names the scratch directory.
[[nodiscard]] bool uses_scratch(std::span<const EnvVar> env, std::span<const Process> processes);

[[nodiscard]] bool ended_well(const Process& process, const ProcessResult& result);
// Of one that did not: "`docker push` failed with exit code 1".
[[nodiscard]] std::string describe_end(const Process& process, const ProcessResult& result, std::uint64_t timeout_ms);

}  // namespace trilock
