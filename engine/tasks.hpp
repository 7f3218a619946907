// Threads for bodies that block: as many as there are jobs, whatever the number of processors; fewer where the system
// refuses more. By TBB; a build for
// ThreadSanitizer takes plain threads instead (`-Dtasks=threads`), because Debian's libtbb is not instrumented and
// every hand-over inside it would look like a race, while suppressing them all would hide ours.
#pragma once

#include <functional>
#include <memory>

namespace trilock {

class Tasks {
 public:
  explicit Tasks(unsigned jobs);
  ~Tasks();
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  // Calls `first`, and returns when it and every task submitted since have ended. Once per object.
  void run(const std::function<void()>& first);
  // From `first` or from a task. Tasks must not throw. In what order they begin is not said.
  void submit(std::function<void()> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trilock
