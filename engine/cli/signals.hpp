// Ctrl-C and TERM: once asks the run to end (running processes get TERM), twice ends them at once (KILL).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/process.hpp"
#include "engine/run.hpp"
#include "schemas/result.hpp"

namespace trilock::cli {

// While it lives, INT, TERM and HUP are taken by a thread of its own instead of ending trilock. Must be made before any
// other thread, since threads inherit which signals are blocked.
class SignalWatch final : public StopSignal {
 public:
  // An error where the system refuses a thread or a descriptor; signals are as they were then.
  [[nodiscard]] static Result<std::unique_ptr<SignalWatch>> start(ProcessRunner& runner);
  ~SignalWatch() override;
  [[nodiscard]] bool requested() const override { return count_.load(std::memory_order_relaxed) > 0; }

  // Until end_by_stopping(): there is nothing yet that would have to be ended in order, and a loop over a large
  // pipeline looks at no flag. The process ends with exit_interrupted as soon as a signal comes, and what it has
  // started with it; `farewell` is called before, by another thread.
  void end_at_once(std::function<void()> farewell);
  // From when this returns on, requested() says it, and nothing ends by itself.
  void end_by_stopping();

 private:
  explicit SignalWatch(ProcessRunner& runner) : runner_(runner) {}
  void watch();
  ProcessRunner& runner_;
  std::atomic<int> count_ = 0;
  std::atomic<bool> ended_ = false;
  std::mutex mutex_;
  std::function<void()> farewell_;  // guarded by mutex_; none: the run is stopped
  int signal_fd_ = -1;
  int end_fd_ = -1;
  std::thread thread_;
};

}  // namespace trilock::cli
