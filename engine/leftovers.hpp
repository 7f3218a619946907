// What a run that was cut short has left: found, ended, removed, and said.
#pragma once

#include <string>
#include <vector>

#include "engine/journal.hpp"
#include "engine/process_facts.hpp"
#include "engine/run_state.hpp"
#include "engine/workspace.hpp"

namespace trilock {

// At the start of a run that owns the workspace, before anything is read. Ends processes that survived, brings back the
// outputs that were set aside, and removes scratch directories; returns what is to be said, and puts into `entries`
// what `name_leftovers` has to look for.
[[nodiscard]] std::vector<std::string> clear_leftovers(Workspace& workspace, std::vector<Journal::Entry>& entries);

// "processes that cannot be ended: `sleep` (12)"; none must be left out.
[[nodiscard]] std::string describe_unended(const std::vector<Survivor>& left);

// Asks the rules of these nodes what is still there outside the workspace, and names it, with the command that removes
// it, in warnings.
void name_leftovers(RunState& state, Journal& journal, const std::vector<Journal::Entry>& entries);

}  // namespace trilock
