#include "engine/executor.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <queue>
#include <unordered_map>

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

// Counted slots of pools and of things that one node at a time may use. Guarded by the schedule's mutex.
class Slots {
 public:
  Slots(const Graph& graph, const std::vector<Pool>& pools, unsigned jobs) {
    free_.push_back(jobs);
    size_.push_back(jobs);
    for (const Pool& pool : pools) {
      free_.push_back(pool.slots);
      size_.push_back(pool.slots);
    }
    std::unordered_map<std::string_view, std::uint32_t> exclusive_index;
    needs_.resize(graph.size());
    // Job slots are counted only where some node takes several: otherwise the number of threads is the limit already.
    const auto nodes = graph.nodes();
    const bool weighted = std::any_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.weight > 1; });
    for (std::size_t i = 0; i < graph.size(); ++i) {
      const Node& node = graph.node(static_cast<NodeId>(i));
      if (weighted) needs_[i].push_back({0, std::min<std::uint32_t>(node.weight, jobs)});
      if (node.pool < pools.size()) needs_[i].push_back({1 + node.pool, std::min(node.weight, size_[1 + node.pool])});
      for (const std::string& name : node.exclusive) {
        const auto [found, added] = exclusive_index.emplace(name, static_cast<std::uint32_t>(free_.size()));
        if (added) {
          free_.push_back(1);
          size_.push_back(1);
        }
        needs_[i].push_back({found->second, 1});
      }
    }
  }

  [[nodiscard]] bool take(NodeId id) {
    const auto& needs = needs_[index_of(id)];
    if (!std::all_of(needs.begin(), needs.end(), [&](const Need& n) { return free_[n.slot] >= n.count; })) return false;
    for (const Need& need : needs) free_[need.slot] -= need.count;
    return true;
  }
  // True when something was given back that others may wait for.
  bool give_back(NodeId id) {
    for (const Need& need : needs_[index_of(id)]) free_[need.slot] += need.count;
    return !needs_[index_of(id)].empty();
  }

 private:
  struct Need {
    std::uint32_t slot;
    std::uint32_t count;
  };
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> size_;
  std::vector<std::vector<Need>> needs_;
};

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
    for (std::size_t i = 0; i < graph.size(); ++i)
      open_[i].store(static_cast<std::uint32_t>(graph.dependencies(static_cast<NodeId>(i)).size()),
                     std::memory_order_relaxed);
  }

  void run() {
    std::vector<NodeId> roots;
    for (std::size_t i = 0; i < graph_.size(); ++i)
      if (wanted_[i] && open_[i].load(std::memory_order_relaxed) == 0) roots.push_back(static_cast<NodeId>(i));
    tasks_.run([&] { submit(roots); });
  }

 private:
  // As many tasks take a node as nodes are put into the heap; each takes the best there is by then.
  void submit(const std::vector<NodeId>& ready) {
    push(ready);
    for (std::size_t i = 0; i < ready.size(); ++i) tasks_.submit([this] { work(); });
  }

  void push(const std::vector<NodeId>& ready) {
    const std::lock_guard lock(mutex_);
    for (const NodeId id : ready) ready_.push({remaining_[index_of(id)], id});
  }

  // One task: runs a node, and then one of those that became ready by it, as long as there are any. Handing that one
  // to another thread would cost a wake-up for each node of a chain.
  void work() {
    std::vector<NodeId> ready;
    do {
      NodeId id{};
      if (!take_best(id)) return;
      body_(id);
      ready = finish(id);
      push(ready);
      for (std::size_t i = 1; i < ready.size(); ++i) tasks_.submit([this] { work(); });
    } while (!ready.empty());
  }

  bool take_best(NodeId& id) {
    const std::lock_guard lock(mutex_);
    // A node without free slots steps aside until a node that holds some is finished.
    while (!ready_.empty() && !slots_.take(ready_.top().id)) {
      parked_.push_back(ready_.top().id);
      ready_.pop();
    }
    if (ready_.empty()) return false;
    id = ready_.top().id;
    ready_.pop();
    return true;
  }

  // Gives back what the node held. The nodes that may start by that, or by its having ended.
  std::vector<NodeId> finish(NodeId id) {
    std::vector<NodeId> ready;
    {
      const std::lock_guard lock(mutex_);
      if (slots_.give_back(id)) ready.swap(parked_);
    }
    for (const NodeId dependent : graph_.dependents(id))
      if (wanted_[index_of(dependent)] && open_[index_of(dependent)].fetch_sub(1, std::memory_order_acq_rel) == 1)
        ready.push_back(dependent);
    return ready;
  }

  struct Ready {
    std::uint64_t remaining;
    NodeId id;
    friend bool operator<(const Ready& a, const Ready& b) {
      return a.remaining != b.remaining ? a.remaining < b.remaining : a.id > b.id;
    }
  };

  const Graph& graph_;
  const std::vector<bool>& wanted_;
  const std::function<void(NodeId)>& body_;
  std::vector<std::uint64_t> remaining_;
  std::mutex mutex_;
  Slots slots_;                       // guarded by mutex_
  std::priority_queue<Ready> ready_;  // guarded by mutex_
  std::vector<NodeId> parked_;        // guarded by mutex_
  std::unique_ptr<std::atomic<std::uint32_t>[]> open_;
  Tasks tasks_;
};

}  // namespace

void execute(const Graph& graph, const std::vector<Pool>& pools, const std::vector<bool>& wanted,
             const ExecutorOptions& options, const std::function<void(NodeId)>& body) {
  Schedule(graph, pools, wanted, options, body).run();
}

}  // namespace trilock
