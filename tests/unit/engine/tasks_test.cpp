#include "engine/tasks.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/without_threads.hpp"

using namespace trilock;

namespace {

// Waits until so many tasks have come at once; gives up after ten seconds.
class Meeting {
 public:
  explicit Meeting(int wanted) : wanted_(wanted) {}
  bool come() {
    std::unique_lock lock(mutex_);
    if (++there_ == wanted_) all_.notify_all();
    return all_.wait_for(lock, std::chrono::seconds(10), [&] { return there_ >= wanted_; });
  }

 private:
  const int wanted_;
  int there_ = 0;
  std::mutex mutex_;
  std::condition_variable all_;
};

// A task that submits two, and so on.
void submit_tree(Tasks& tasks, int depth, std::atomic<int>& done) {
  if (depth > 0)
    for (int i = 0; i < 2; ++i) tasks.submit([&tasks, depth, &done] { submit_tree(tasks, depth - 1, done); });
  ++done;
}

}  // namespace

TEST_CASE("tasks: as many as there are jobs block at once, whatever the number of processors") {
  constexpr int jobs = 24;
  Meeting meeting(jobs);
  std::atomic<int> met = 0;
  Tasks tasks(jobs);
  tasks.run([&] {
    for (int i = 0; i < jobs; ++i) tasks.submit([&] { met += meeting.come() ? 1 : 0; });
  });
  CHECK(met == jobs);
}

TEST_CASE("tasks: no more run at once than there are jobs, and none comes back before all have ended") {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  Tasks tasks(3);
  tasks.run([&] {
    for (int i = 0; i < 60; ++i)
      tasks.submit([&] {
        const int running = ++now;
        for (int seen = most; running > seen && !most.compare_exchange_weak(seen, running);) {
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        --now;
        ++done;
      });
  });
  CHECK(done == 60);
  CHECK(most == 3);
}

TEST_CASE("tasks: those that tasks submit are waited for") {
  for (const unsigned jobs : {1U, 2U, 8U}) {
    std::atomic<int> done = 0;
    Tasks tasks(jobs);
    tasks.run([&] { submit_tree(tasks, 12, done); });
    CHECK(done == (1 << 13) - 1);
  }
}

TEST_CASE("tasks: one that comes late, while others block, does not wait for them") {
  Meeting meeting(2);
  std::atomic<bool> met = false;
  Tasks tasks(4);
  tasks.run([&] {
    tasks.submit([&] { met = meeting.come(); });
    tasks.submit([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      tasks.submit([&] { static_cast<void>(meeting.come()); });
    });
  });
  CHECK(met);
}

TEST_CASE("tasks: without threads the one that runs them does all") {
  CHECK(test::holds_without_threads([] {
    std::atomic<int> done = 0;
    std::set<std::thread::id> on;
    std::mutex mutex;
    Tasks tasks(8);
    tasks.run([&] {
      submit_tree(tasks, 6, done);
      for (int i = 0; i < 20; ++i)
        tasks.submit([&] {
          const std::lock_guard lock(mutex);
          on.insert(std::this_thread::get_id());
        });
    });
    return done == (1 << 7) - 1 && on == std::set{std::this_thread::get_id()};
  }));
}
