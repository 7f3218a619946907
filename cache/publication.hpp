// What of a node's result is kept. Thread rule: pure functions.
#pragma once

#include <span>

#include "cache/cache_tier.hpp"
#include "cache/remote_api/messages.hpp"
#include "cache/source_tree.hpp"
#include "schemas/action.hpp"

namespace trilock {

// The result of an action with its outputs as they are in the workspace, the messages that the result refers to, and
// those that describe the action. For Publisher::add.
[[nodiscard]] Publication make_publication(const SourceTree& tree, const ActionMessages& action,
                                           const ActionResult& result, std::span<const OutputSpec> outputs);

}  // namespace trilock
