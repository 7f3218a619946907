// What of an action's programs counts beyond those that its rule names: what `programs` of the node names, and the
// interpreters of all that are scripts. Belongs to one node body.
#pragma once

#include "engine/resolver.hpp"
#include "schemas/action.hpp"

namespace trilock {

// Called once the rule has resolved the action. ErrorKind::tool_missing for a program that is not there.
Status add_programs(RunState& state, const Node& node, const Target& target, Resolver& resolver, Action& action);

}  // namespace trilock
