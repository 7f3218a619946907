#include "engine/tasks.hpp"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <utility>

namespace trilock {

// An arena alone does not add threads beyond the number of processors, and tasks block: the limit must be raised first.
struct Tasks::Impl {
  explicit Impl(unsigned jobs)
      : limit(tbb::global_control::max_allowed_parallelism, jobs), arena(static_cast<int>(jobs)) {}
  tbb::global_control limit;
  tbb::task_arena arena;
  tbb::task_group group;
};

Tasks::Tasks(unsigned jobs) : impl_(std::make_unique<Impl>(jobs)) {}
Tasks::~Tasks() = default;

void Tasks::run(const std::function<void()>& first) {
  impl_->arena.execute([&] {
    first();
    impl_->group.wait();
  });
}

void Tasks::submit(std::function<void()> task) {
  impl_->group.run(std::move(task));
}

}  // namespace trilock
