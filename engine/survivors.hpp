// Processes that a run which was killed has left. Thread rule: one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/process_facts.hpp"
#include "engine/process_tag.hpp"

namespace trilock {

struct SurvivorReport {
  std::vector<Survivor> ended;
  std::vector<Survivor> left;  // could not be ended
};

// Ends them. A survivor was started after the run began, and is this user's with a tag of the run, or in a cgroup that
// the run made; no other process is signalled. Leaders of groups had TERM when trilock died (engine/spawn.hpp), all
// others get it now; KILL after `grace_ms`. Returns when they are gone.
[[nodiscard]] SurvivorReport end_survivors(std::span<const DeadRun> runs, std::uint64_t grace_ms);

}  // namespace trilock
