#include "engine/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "engine/tasks.hpp"

namespace trilock {

void on_all_processors(std::size_t count, const std::function<void(std::size_t)>& turn) {
  const std::size_t threads = std::min<std::size_t>(count, std::max(1U, std::thread::hardware_concurrency()));
  if (threads < 2) {
    one_after_another(count, turn);
    return;
  }
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) turn(i);
  };
  Tasks tasks(static_cast<unsigned>(threads));
  tasks.run([&] {
    for (std::size_t i = 0; i < threads; ++i) tasks.submit(work);
  });
}

}  // namespace trilock
