// Counts failures of a server in a row and opens for good when there were too many: what is slow or down must not cost
// every node of a run its waiting time. Thread rule: any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace trilock {

class Breaker {
 public:
  // Failures weigh 1 or more; `limit` of weight in a row opens it.
  explicit Breaker(unsigned limit) : limit_(limit) {}

  [[nodiscard]] bool open() const { return open_; }

  void succeed() {
    const std::lock_guard lock(mutex_);
    weight_ = 0;
  }

  void fail(unsigned weight, std::string reason) {
    const std::lock_guard lock(mutex_);
    weight_ += weight;
    if (weight_ < limit_ || open_) return;
    reason_ = std::move(reason);
    open_ = true;
  }

  // Why it opened; once.
  [[nodiscard]] std::optional<std::string> take_reason() {
    const std::lock_guard lock(mutex_);
    return std::exchange(reason_, std::nullopt);
  }

 private:
  const unsigned limit_;
  std::atomic<bool> open_ = false;
  std::mutex mutex_;
  unsigned weight_ = 0;
  std::optional<std::string> reason_;
};

}  // namespace trilock
