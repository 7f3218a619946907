// Starts threads where the system may refuse one more: `ulimit -u`, a container's limit of processes, memory. Nothing
// of trilock needs a thread of its own so much that it could not do without.
#pragma once

#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace trilock {

// Not joinable when it was refused: then whoever asked does the work itself.
template <class Work>
[[nodiscard]] std::thread start_thread(Work&& work) {
  try {
    return std::thread(std::forward<Work>(work));
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  return {};
}

}  // namespace trilock
