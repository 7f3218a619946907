// What handing out nodes costs by itself: `schedule [NODES]` runs graphs of nodes that do nothing, in layers of a
// thousand with two nodes before each, on one, two and four threads; prints nanoseconds of wall time a node.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/executor.hpp"

namespace {

using namespace trilock;

constexpr std::size_t layer = 1000;

Graph layered(std::size_t count) {
  std::vector<Node> nodes(count);
  for (std::size_t i = 0; i < count; ++i) {
    nodes[i].label = fmt::format("command.n{}", i);
    if (i < layer) continue;
    for (const std::size_t before : {i - layer, i - layer + (i % layer == layer - 1 ? 0 : 1)})
      nodes[i].dependencies.push_back(
          {.label = fmt::format("command.n{}", before), .kind = DependencyKind::needs, .place = {}});
  }
  Diagnostics diagnostics;
  return Graph::link(std::move(nodes), diagnostics);
}

double nanoseconds_a_node(const Graph& graph, unsigned jobs) {
  const std::vector<bool> wanted(graph.size(), true);
  std::vector<double> took;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    execute(graph, {}, wanted, {.jobs = jobs, .expected_ms = {}}, [](NodeId) {});
    const std::chrono::duration<double, std::nano> all = std::chrono::steady_clock::now() - begin;
    took.push_back(all.count() / static_cast<double>(graph.size()));
  }
  std::ranges::sort(took);
  return took[took.size() / 2];
}

}  // namespace

int main(int count, char** words) {
  const Graph graph = layered(count > 1 ? std::strtoul(words[1], nullptr, 10) : 100'000);
  for (const unsigned jobs : {1U, 2U, 4U}) fmt::print("{} threads: {:.0f} ns\n", jobs, nanoseconds_a_node(graph, jobs));
  return 0;
}
