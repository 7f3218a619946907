// Loops over the processors, for what is computed before any node runs.
#pragma once

#include "schemas/loop.hpp"

namespace trilock {

// Takes as many turns at once as there are processors, each when a thread is free. A loop of one turn starts no thread.
void on_all_processors(std::size_t count, const std::function<void(std::size_t)>& turn);

}  // namespace trilock
