// Bringing back what a result had outside of the file system, such as an image in its builder's store (Rule::revive).
#pragma once

#include "engine/decision.hpp"
#include "engine/run_state.hpp"

namespace trilock {

// Runs `decision.revival` in the environment of the action, once the outputs of `decision.result` are on disk, and asks
// the rule's probe again. Nothing that the processes write is shown. A process may take as long as the node did when it
// ran, and a minute at least, and never longer than the node's `timeout`: a registry that does not answer must not hold
// up what could be built meanwhile.
//
// An error says why the result cannot be used: "cannot be restored: `docker load` failed with exit code 1: …". It is
// ErrorKind::interrupted when the run was stopped.
[[nodiscard]] Status revive(RunState& state, NodeId id, const Decision& decision);

}  // namespace trilock
