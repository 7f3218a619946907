// TBB hands the tasks out; the threads are ours. One that TBB cannot start ends the program, by an exception on a
// thread where nobody can catch it. Here a thread that is refused is one fewer, and the one that calls run() is always
// there.
#include "engine/tasks.hpp"

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cache/thread_start.hpp"

namespace trilock {

struct Tasks::Impl {
  // Every place in the arena is kept for threads that come by themselves, so TBB adds none.
  explicit Impl(unsigned jobs) : most(jobs), arena(static_cast<int>(jobs), jobs) {}

  // Threads come with the tasks: a run that finds nothing to do at once takes none but its own.
  void call_another() {
    const std::lock_guard lock(mutex);
    if (threads >= most) return;
    std::thread other = start_thread([this] { arena.execute([this] { group.wait(); }); });
    if (!other.joinable()) {
      most = threads.load();  // so many it will be
      return;
    }
    others.push_back(std::move(other));
    ++threads;
  }

  std::atomic<unsigned> most;
  std::atomic<unsigned> threads = 1;
  std::atomic<std::size_t> unfinished = 0;
  tbb::task_arena arena;
  tbb::task_group group;
  std::mutex mutex;
  std::vector<std::thread> others;  // guarded by mutex
};

Tasks::Tasks(unsigned jobs) : impl_(std::make_unique<Impl>(jobs)) {}
Tasks::~Tasks() = default;

// `first` is a task itself, so that no thread finds all done, and leaves, before it has submitted the others.
void Tasks::run(const std::function<void()>& first) {
  impl_->arena.execute([&] { impl_->group.run_and_wait(first); });
  for (std::thread& other : impl_->others) other.join();
}

void Tasks::submit(std::function<void()> task) {
  Impl& impl = *impl_;
  const std::size_t waiting = ++impl.unfinished;
  impl.group.run([&impl, work = std::move(task)] {
    work();
    --impl.unfinished;
  });
  if (waiting > impl.threads && impl.threads < impl.most) impl.call_another();
}

}  // namespace trilock
