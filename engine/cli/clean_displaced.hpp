// `trilock clean --displaced`: removes the files that runs found in their way, that no run had made, and that were
// moved to `displaced/` of the state directory. Outputs stay.
#pragma once

#include "engine/cli/session.hpp"

namespace trilock::cli {

// Over an opened workspace of which nothing has to be loaded. The caller holds its lock. Returns the exit code.
[[nodiscard]] int clean_displaced(const Invocation& invocation, Session& session);

}  // namespace trilock::cli
