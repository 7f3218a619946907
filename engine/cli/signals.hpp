// Ctrl-C and TERM: once asks the run to end (running processes get TERM), twice ends them at once (KILL).
#pragma once

#include <atomic>
#include <memory>
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

 private:
  explicit SignalWatch(ProcessRunner& runner) : runner_(runner) {}
  void watch();
  ProcessRunner& runner_;
  std::atomic<int> count_ = 0;
  std::atomic<bool> ended_ = false;
  int signal_fd_ = -1;
  int end_fd_ = -1;
  std::thread thread_;
};

}  // namespace trilock::cli
