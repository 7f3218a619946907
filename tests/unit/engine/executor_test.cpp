#include "engine/executor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>

using namespace trilock;

namespace {

Graph make_graph(std::vector<Node> nodes) {
  Diagnostics diagnostics;
  return Graph::link(std::move(nodes), diagnostics);
}

Node named(std::size_t i) {
  Node node;
  node.label = "n" + std::to_string(i);
  return node;
}

std::string pool_name(const Node& node) {
  return node.pool == Node::no_pool ? "pool " : node.pool == 0 ? "pool one" : "pool two";
}

// Runs a graph and watches how many bodies of each kind run at once.
struct Watch {
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::mutex mutex;
  std::condition_variable reached;
  std::map<std::string, int> now;
  std::map<std::string, int> most;
  std::vector<std::size_t> order;

  void body(const Graph& graph, NodeId id, std::chrono::milliseconds busy) {
    body(graph, id, [busy] { std::this_thread::sleep_for(busy); });
  }
  // Each body stays until as many as that have been at once, however long a busy machine takes to start its threads.
  void body_until(const Graph& graph, NodeId id, const std::string& what, int wanted) {
    body(graph, id, [&] {
      std::unique_lock lock(mutex);
      const auto deadline = started + std::chrono::seconds(30);
      reached.wait_until(lock, deadline, [&] { return most[what] >= wanted; });
    });
  }

  template <class Work>
  void body(const Graph& graph, NodeId id, Work work) {
    const Node& node = graph.node(id);
    enter("", 1);
    enter(pool_name(node), slots_of(node));
    for (const std::string& thing : node.exclusive) enter(thing, 1);
    {
      const std::lock_guard lock(mutex);
      order.push_back(index_of(id));
    }
    work();
    enter("", -1);
    enter(pool_name(node), -slots_of(node));
    for (const std::string& thing : node.exclusive) enter(thing, -1);
  }
  // The first pool of these tests has one slot, the second two. More weight than that takes all of them.
  static int slots_of(const Node& node) {
    return std::min(static_cast<int>(node.weight), node.pool == Node::no_pool ? 100 : node.pool == 0 ? 1 : 2);
  }
  void enter(const std::string& what, int change) {
    const std::lock_guard lock(mutex);
    now[what] += change;
    most[what] = std::max(most[what], now[what]);
    reached.notify_all();
  }
};

}  // namespace

TEST_CASE("as many bodies at once as there are jobs, whatever the number of processors") {
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < 32; ++i) nodes.push_back(named(i));
  const Graph graph = make_graph(std::move(nodes));
  Watch watch;
  execute(graph, {}, std::vector<bool>(32, true), {.jobs = 16},
          [&](NodeId id) { watch.body_until(graph, id, "", 16); });
  CHECK(watch.most[""] == 16);
}

TEST_CASE("one job is one at a time, the longest remaining path first") {
  // n0 alone; n1 -> n2 -> n3: the chain is begun first although n0 stands first in the file.
  std::vector<Node> nodes{named(0), named(1), named(2), named(3)};
  nodes[2].dependencies = {{"n1", DependencyKind::after, {}}};
  nodes[3].dependencies = {{"n2", DependencyKind::after, {}}};
  const Graph graph = make_graph(std::move(nodes));
  Watch watch;
  execute(graph, {}, std::vector<bool>(4, true), {.jobs = 1},
          [&](NodeId id) { watch.body(graph, id, std::chrono::milliseconds(0)); });
  CHECK(watch.order == std::vector<std::size_t>{1, 2, 0, 3});
  Watch timed;
  execute(graph, {}, std::vector<bool>(4, true), {.jobs = 1, .expected_ms = {5000, 1, 1, 1}},
          [&](NodeId id) { timed.body(graph, id, std::chrono::milliseconds(0)); });
  CHECK(timed.order == std::vector<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("property: order, pools, weights and exclusive things hold on random graphs") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t count = 1 + random() % 60;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < count; ++i) {
      Node node = named(i);
      for (std::size_t k = 0; k < i; ++k)
        if (random() % 8 == 0) node.dependencies.push_back({"n" + std::to_string(k), DependencyKind::after, {}});
      if (random() % 2 == 0) node.pool = random() % 2 == 0 ? 1 : 0;
      if (random() % 4 == 0) node.exclusive.push_back("thing");
      if (random() % 4 == 0) node.exclusive.push_back("other");
      if (random() % 4 == 0) node.weight = 2 + random() % 3;
      nodes.push_back(std::move(node));
    }
    const Graph graph = make_graph(std::move(nodes));
    const std::vector<Pool> pools{{"one", 1, {}}, {"two", 2, {}}};
    Watch watch;
    std::vector<std::atomic<int>> done(count);
    std::vector<int> busy_ms(count);  // drawn here, since bodies run at once
    for (int& milliseconds : busy_ms) milliseconds = static_cast<int>(random() % 2);
    std::atomic<bool> early = false;
    execute(graph, pools, std::vector<bool>(count, true), {.jobs = 1 + static_cast<unsigned>(random() % 6)},
            [&](NodeId id) {
              for (const NodeId dependency : graph.dependencies(id))
                if (done[index_of(dependency)].load() != 1) early = true;
              watch.body(graph, id, std::chrono::milliseconds(busy_ms[index_of(id)]));
              done[index_of(id)].fetch_add(1);
            });
    CHECK(!early);
    for (const auto& times : done) CHECK(times.load() == 1);
    CHECK(watch.most["thing"] <= 1);
    CHECK(watch.most["other"] <= 1);
    CHECK(watch.most["pool one"] <= 1);
    CHECK(watch.most["pool two"] <= 2);
  }
}

TEST_CASE("a pool is used to the full, and no further") {
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < 24; ++i) {
    nodes.push_back(named(i));
    if (i % 2 == 0) nodes.back().pool = 1;
  }
  const Graph graph = make_graph(std::move(nodes));
  Watch watch;
  execute(graph, {{"one", 1, {}}, {"two", 2, {}}}, std::vector<bool>(24, true), {.jobs = 8},
          [&](NodeId id) { watch.body_until(graph, id, "pool ", 6); });
  CHECK(watch.most["pool two"] == 2);
  CHECK(watch.most["pool "] >= 6);  // the others are not held up by it
}

TEST_CASE("ten thousand nodes that wait for one pool cost no more than their number") {
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < 10'000; ++i) {
    nodes.push_back(named(i));
    nodes.back().pool = 1;
  }
  const Graph graph = make_graph(std::move(nodes));
  std::atomic<std::size_t> ran = 0;
  const auto started = std::chrono::steady_clock::now();
  execute(graph, {{"one", 1, {}}, {"two", 2, {}}}, std::vector<bool>(graph.size(), true), {.jobs = 8},
          [&](NodeId) { ++ran; });
  CHECK(ran == 10'000);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(5));
}

TEST_CASE("only what is wanted runs") {
  std::vector<Node> nodes{named(0), named(1), named(2)};
  nodes[1].dependencies = {{"n0", DependencyKind::after, {}}};
  const Graph graph = make_graph(std::move(nodes));
  Watch watch;
  execute(graph, {}, {true, false, false}, {.jobs = 4},
          [&](NodeId id) { watch.body(graph, id, std::chrono::milliseconds(0)); });
  CHECK(watch.order == std::vector<std::size_t>{0});
}

TEST_CASE("deep and wide graphs of ten thousand nodes end") {
  std::vector<Node> deep;
  std::vector<Node> wide;
  for (std::size_t i = 0; i < 10'000; ++i) {
    deep.push_back(named(i));
    wide.push_back(named(i));
    if (i > 0) deep.back().dependencies = {{"n" + std::to_string(i - 1), DependencyKind::after, {}}};
  }
  for (auto* nodes : {&deep, &wide}) {
    const Graph graph = make_graph(std::move(*nodes));
    std::atomic<std::size_t> ran = 0;
    execute(graph, {}, std::vector<bool>(graph.size(), true), {.jobs = 4}, [&](NodeId) { ++ran; });
    CHECK(ran == 10'000);
  }
}
