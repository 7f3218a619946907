// One run at a time owns a workspace: `.trilock/ID/lock`, held by flock, and one watcher at a time watches it:
// `.trilock/ID/watch.lock`. The kernel gives a lock back when the process ends, however it ends. The file says who
// holds it, for those who wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "schemas/result.hpp"

namespace trilock {

struct LockHolder {
  std::int64_t process = 0;   // 0: not known
  std::int64_t since_ms = 0;  // since the epoch
  std::string command;        // as it was typed
};

// "process 12, which has been running `trilock run` since 09:14:03", in local time; "another run" of one not known.
[[nodiscard]] std::string describe(const LockHolder& holder);

class WorkspaceLock {
 public:
  enum class Purpose : std::uint8_t { run, watch };
  enum class Answer : std::uint8_t { wait, give_up };
  // While another process holds the lock, `ask` is called with who that is, some ten times a second; after `give_up`
  // the result is null, without error. `command` is what others are told of this process.
  static Result<std::unique_ptr<WorkspaceLock>> acquire(const std::string& state_dir, std::string_view command,
                                                        const std::function<Answer(const LockHolder&)>& ask,
                                                        Purpose purpose = Purpose::run);
  // Whether a process has it now, as far as the kernel shows the locks of others.
  [[nodiscard]] static bool is_held(const std::string& state_dir, Purpose purpose);
  ~WorkspaceLock();
  WorkspaceLock(const WorkspaceLock&) = delete;
  WorkspaceLock& operator=(const WorkspaceLock&) = delete;

 private:
  explicit WorkspaceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace trilock
