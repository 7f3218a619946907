// Starting one process, as cheaply as posix_spawn and with two things that it cannot give: a signal when trilock dies,
// and a process tag and a cgroup (engine/descendants.hpp) from the first instruction on. Thread rule: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace trilock {

// What a process would inherit from this one, and is not to. Nobody changes it while processes are started, so it is
// looked at once for all of them.
struct Inheritance {
  std::uint32_t signals = 0;        // that are handled or ignored: bit n - 1 for signal n; real-time signals left out
  std::uint64_t most_of_brand = 0;  // a brand above that cannot be given
};
[[nodiscard]] Inheritance look_at_inheritance();

// All pointers are borrowed until `spawn` returns. `argv` and `env` end with a null pointer.
struct SpawnRequest {
  const char* executable = nullptr;  // absolute
  char* const* argv = nullptr;
  char* const* env = nullptr;
  const char* dir = nullptr;  // absolute; null for the one that this process is in
  int in = -1;                // become 0, 1 and 2; above 2 themselves
  int out = -1;
  int err = -1;
  std::uint64_t brand = 0;
  int cgroup = -1;  // the directory of the cgroup that it is born in; -1 for that of this process
  const Inheritance& inheritance;
};

// The process leads a group of its own, with no signal blocked or ignored, and gets TERM when the calling thread ends
// before it does, as it does when trilock is killed. Returns 0 and its `pid`, or the errno of what failed; then there
// is no process.
[[nodiscard]] int spawn(const SpawnRequest& request, pid_t& pid);

// Tries it with a process that ends at once. Linux kills what is born in a cgroup when that, or the one of its parent,
// was ever killed as a whole (seen in 6.18), and where a filter of system calls forbids it there is an error.
[[nodiscard]] bool can_spawn_in(int cgroup);

}  // namespace trilock
