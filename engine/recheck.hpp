// After an action ran: whether it read what its key says that it read.
#pragma once

#include <string>

#include "engine/decision.hpp"
#include "engine/run_state.hpp"

namespace trilock {

// Why a result that is good for this run must not serve another, as a warning for the user; "" when it may: an input
// changed while the action ran, or something that it made fits into no cache. Looks at the inputs anew, so that nodes
// after this one see what is there now.
[[nodiscard]] std::string why_unkept(RunState& state, NodeId id, const Decision& decision);

}  // namespace trilock
