// The life of one node in a run: decide, then leave alone, restore or run, collect, record.
#pragma once

#include "engine/decision.hpp"
#include "engine/run_state.hpp"

namespace trilock {

// Never throws. Fills state.finished[id] and returns how the node came out. Called once per node, when all nodes that
// it depends on are finished; different nodes on different threads at once.
[[nodiscard]] NodeReport run_node(RunState& state, NodeId id);

}  // namespace trilock
