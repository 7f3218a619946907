#include "engine/executor.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <queue>

#include "engine/slots.hpp"
#include "engine/tasks.hpp"

namespace trilock {
namespace {

// Milliseconds from the start of a node to the end of the longest chain behind it.
std::vector<std::uint64_t> remaining_paths(const Graph& graph, const std::vector<std::uint64_t>& expected_ms) {
  std::vector<std::uint64_t> remaining(graph.size(), 0);
  const auto order = graph.order();
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    std::uint64_t longest = 0;
    for (const NodeId dependent : graph.dependents(*id)) longest = std::max(longest, remaining[index_of(dependent)]);
    const std::uint64_t own = expected_ms.empty() ? 0 : expected_ms[index_of(*id)];
    remaining[index_of(*id)] = longest + own + 1;  // one for each node on the way, so that unknown durations count too
  }
  return remaining;
}

class Schedule {
 public:
  Schedule(const Graph& graph, const std::vector<Pool>& pools, const std::vector<bool>& wanted,
           const ExecutorOptions& options, const std::function<void(NodeId)>& body)
      : graph_(graph),
        wanted_(wanted),
        body_(body),
        remaining_(remaining_paths(graph, options.expected_ms)),
        slots_(graph, pools, std::max(1u, options.jobs)),
        open_(std::make_unique<std::atomic<std::uint32_t>[]>(graph.size())),
        tasks_(std::max(1u, options.jobs)) {
    for (std::size_t i = 0; i < graph.size(); ++i) {
      const auto open = std::ranges::count_if(graph.dependencies(static_cast<NodeId>(i)),
                                              [&](NodeId before) { return wanted[index_of(before)]; });
      open_[i].store(static_cast<std::uint32_t>(open), std::memory_order_relaxed);
    }
  }

  void run() {
    std::vector<Turn> roots;
    for (std::size_t i = 0; i < graph_.size(); ++i)
      if (wanted_[i] && open_[i].load(std::memory_order_relaxed) == 0)
        roots.push_back({remaining_[i], static_cast<NodeId>(i)});
    tasks_.run([&] {
      push(roots);
      add_tasks(roots.size());
    });
  }

 private:
  // As many tasks take a node as nodes are put into the heap; each takes the best there is by then.
  void push(const std::vector<Turn>& ready) {
    const std::lock_guard lock(mutex_);
    for (const Turn& turn : ready) ready_.push(turn);
  }

  void add_tasks(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) tasks_.submit([this] { work(); });
  }

  // One task: runs a node, and then one of those that became ready by it, as long as there are any. Handing that one
  // to another thread would cost a wake-up for each node of a chain.
  void work() {
    std::vector<Turn> ready;
    do {
      NodeId id{};
      if (!take_best(id)) return;
      body_(id);
      ready = finish(id);
      push(ready);
      if (!ready.empty()) add_tasks(ready.size() - 1);
    } while (!ready.empty());
  }

  bool take_best(NodeId& id) {
    std::size_t called = 0;
    bool taken = false;
    {
      const std::lock_guard lock(mutex_);
      std::vector<Turn> ready;
      while (!taken && !ready_.empty()) {
        const Turn turn = ready_.top();
        ready_.pop();
        taken = slots_.take(turn, ready);
        id = turn.id;
        called += ready.size();
        for (const Turn& other : ready) ready_.push(other);
        ready.clear();
      }
    }
    add_tasks(called);
    return taken;
  }

  // Gives back what the node held. The nodes that may start by that, or by its having ended.
  std::vector<Turn> finish(NodeId id) {
    std::vector<Turn> ready;
    {
      const std::lock_guard lock(mutex_);
      slots_.give_back(id, ready);
    }
    for (const NodeId dependent : graph_.dependents(id))
      if (wanted_[index_of(dependent)] && open_[index_of(dependent)].fetch_sub(1, std::memory_order_acq_rel) == 1)
        ready.push_back({remaining_[index_of(dependent)], dependent});
    return ready;
  }

  const Graph& graph_;
  const std::vector<bool>& wanted_;
  const std::function<void(NodeId)>& body_;
  std::vector<std::uint64_t> remaining_;
  std::mutex mutex_;
  Slots slots_;                      // guarded by mutex_
  std::priority_queue<Turn> ready_;  // guarded by mutex_
  std::unique_ptr<std::atomic<std::uint32_t>[]> open_;
  Tasks tasks_;
};

}  // namespace

void execute(const Graph& graph, const std::vector<Pool>& pools, const std::vector<bool>& wanted,
             const ExecutorOptions& options, const std::function<void(NodeId)>& body) {
  Schedule(graph, pools, wanted, options, body).run();
}

}  // namespace trilock
