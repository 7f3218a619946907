#include "engine/cli/time_left.hpp"

#include <doctest/doctest.h>

using namespace trilock;
using trilock::cli::TimeLeft;

namespace {

// 0 -> 1 -> 2, and 3 by itself.
Graph chain_and_one() {
  std::vector<Node> nodes(4);
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].label = "command." + std::to_string(i);
  nodes[1].dependencies = {{"command.0", DependencyKind::after, {}}};
  nodes[2].dependencies = {{"command.1", DependencyKind::after, {}}};
  Diagnostics diagnostics;
  return Graph::link(std::move(nodes), diagnostics);
}

}  // namespace

TEST_CASE("time left: the longest path, or the work among the jobs") {
  const Graph graph = chain_and_one();
  const std::vector<bool> wanted(4, true);
  const std::vector<std::uint64_t> expected{1000, 2000, 3000, 4000};
  CHECK(TimeLeft(graph, {wanted, expected, 1}).estimate(0) == 10'000);
  CHECK(TimeLeft(graph, {wanted, expected, 2}).estimate(0) == 6000);
  CHECK(TimeLeft(graph, {wanted, expected, 8}).estimate(0) == 6000);
}

TEST_CASE("time left: shrinks while nodes run and when they finish") {
  const Graph graph = chain_and_one();
  const std::vector<bool> wanted(4, true);
  const std::vector<std::uint64_t> expected{1000, 2000, 3000, 4000};
  TimeLeft left(graph, {wanted, expected, 2});
  left.started(NodeId{0}, 100);
  left.started(NodeId{3}, 100);
  CHECK(left.estimate(600) == 5500);
  CHECK(left.estimate(9000) == 5000);  // the first one takes longer than expected
  left.finished(NodeId{0});
  left.finished(NodeId{1});  // unchanged, without a start
  left.started(NodeId{2}, 9000);
  CHECK(left.estimate(11'900) == 100);
  CHECK(left.estimate(12'001) == std::nullopt);  // all had their time: nothing to say
}

TEST_CASE("time left: unknown while a node has no recorded duration") {
  const Graph graph = chain_and_one();
  const std::vector<std::uint64_t> expected{1000, 0, 3000, 0};
  TimeLeft left(graph, {{true, true, true, false}, expected, 2});
  CHECK(left.estimate(0) == std::nullopt);
  left.finished(NodeId{0});
  left.finished(NodeId{1});
  CHECK(left.estimate(0) == 3000);
}
