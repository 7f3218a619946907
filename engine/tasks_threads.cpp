#include "engine/tasks.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cache/thread_start.hpp"

namespace trilock {

struct Tasks::Impl {
  explicit Impl(unsigned jobs) {
    for (unsigned i = 0; i < jobs; ++i) {
      threads.push_back(start_thread([this] { work(); }));
      if (threads.back().joinable()) continue;
      threads.pop_back();  // so many it will be; without any, run() does the work
      break;
    }
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      ended = true;
    }
    changed.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ended || !waiting.empty(); });
      if (waiting.empty()) return;
      take_one(lock);
    }
  }

  void work_alone() {
    std::unique_lock lock(mutex);
    while (!waiting.empty()) take_one(lock);
  }

  void take_one(std::unique_lock<std::mutex>& lock) {
    const std::function<void()> task = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    task();
    lock.lock();
    if (--unfinished == 0) changed.notify_all();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> waiting;  // guarded by mutex
  std::size_t unfinished = 0;                 // guarded by mutex
  bool ended = false;                         // guarded by mutex
  std::vector<std::thread> threads;
};

Tasks::Tasks(unsigned jobs) : impl_(std::make_unique<Impl>(jobs)) {}
Tasks::~Tasks() = default;

void Tasks::run(const std::function<void()>& first) {
  first();
  if (impl_->threads.empty()) impl_->work_alone();
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [this] { return impl_->unfinished == 0; });
}

void Tasks::submit(std::function<void()> task) {
  {
    const std::lock_guard lock(impl_->mutex);
    ++impl_->unfinished;
    impl_->waiting.push_back(std::move(task));
  }
  impl_->changed.notify_one();
}

}  // namespace trilock
