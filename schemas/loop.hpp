// Loops whose turns do not depend on each other: who has threads may take several turns at once.
#pragma once

#include <cstddef>
#include <functional>

namespace trilock {

// Calls `turn(0)` to `turn(count - 1)`, each once, in any order and from any thread, and returns when all have
// returned. Turns must not throw.
using Loop = std::function<void(std::size_t count, const std::function<void(std::size_t)>& turn)>;

inline void one_after_another(std::size_t count, const std::function<void(std::size_t)>& turn) {
  for (std::size_t i = 0; i < count; ++i) turn(i);
}

}  // namespace trilock
