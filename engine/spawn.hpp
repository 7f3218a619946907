// Starting one process, as cheaply as posix_spawn and with two things that it cannot give: a signal when trilock dies,
// and a brand (engine/descendants.hpp) from the first instruction on. Thread rule: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace trilock {

// All pointers are borrowed until `spawn` returns. `argv` and `env` end with a null pointer.
struct SpawnRequest {
  const char* executable = nullptr;  // absolute
  char* const* argv = nullptr;
  char* const* env = nullptr;
  const char* dir = nullptr;
  int in = -1;  // become 0, 1 and 2; above 2 themselves
  int out = -1;
  int err = -1;
  std::uint64_t brand = 0;
};

struct Spawned {
  pid_t pid = -1;
  int pidfd = -1;  // for the caller to close
};

// The process leads a group of its own, with no signal blocked or ignored, and gets TERM when the calling thread ends
// before it does, as it does when trilock is killed. Returns 0, or the errno of what failed; then there is no process.
[[nodiscard]] int spawn(const SpawnRequest& request, Spawned& spawned);

}  // namespace trilock
