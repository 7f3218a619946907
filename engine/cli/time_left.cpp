#include "engine/cli/time_left.hpp"

#include <algorithm>

namespace trilock::cli {

TimeLeft::TimeLeft(const Graph& graph, const Expectation& expectation)
    : nodes_(graph.size()), jobs_(std::max(1u, expectation.jobs)) {
  const auto order = graph.order();
  for (auto id = order.rbegin(); id != order.rend(); ++id) {
    if (!expectation.wanted[index_of(*id)]) continue;
    State& node = nodes_[index_of(*id)];
    node.phase = Phase::waiting;
    node.expected_ms = expectation.expected_ms[index_of(*id)];
    if (node.expected_ms == 0) ++unknown_;
    for (const NodeId dependent : graph.dependents(*id))
      node.path_ms = std::max(node.path_ms, nodes_[index_of(dependent)].path_ms);
    node.path_ms += node.expected_ms;
  }
}

void TimeLeft::started(NodeId id, std::uint64_t now_ms) {
  State& node = nodes_[index_of(id)];
  node.phase = Phase::running;
  node.started_ms = now_ms;
}

void TimeLeft::finished(NodeId id) {
  State& node = nodes_[index_of(id)];
  if (node.phase != Phase::finished && node.expected_ms == 0) --unknown_;
  node.phase = Phase::finished;
}

std::optional<std::uint64_t> TimeLeft::estimate(std::uint64_t now_ms) const {
  if (unknown_ > 0) return std::nullopt;
  std::uint64_t work = 0;
  std::uint64_t longest = 0;
  for (const State& node : nodes_) {
    if (node.phase != Phase::waiting && node.phase != Phase::running) continue;
    const std::uint64_t elapsed = node.phase == Phase::running ? now_ms - node.started_ms : 0;
    const std::uint64_t done = std::min(elapsed, node.expected_ms);
    work += node.expected_ms - done;
    longest = std::max(longest, node.path_ms - done);
  }
  const std::uint64_t left = std::max(longest, work / jobs_);
  return left == 0 ? std::nullopt : std::optional(left);
}

}  // namespace trilock::cli
