// Runs the bodies of a graph in parallel, in an order that dependencies allow.
//
// A node becomes ready when its count of open dependencies reaches zero; ready nodes wait in a heap ordered by the
// longest remaining path. A body may block (it waits for a process), so the number of threads is the number of jobs,
// whatever the number of cores. Slots: every node takes `weight` slots of its pool and one slot of each thing that it
// uses alone; engine/slots.hpp says who gets them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/graph.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

struct ExecutorOptions {
  unsigned jobs = 1;
  std::vector<std::uint64_t> expected_ms;  // by node: the recorded duration, 0 when unknown
};

// `body` is called exactly once for each node of `wanted`, on any thread, after the bodies of all its dependencies have
// returned, as far as these are in `wanted`: others are done. It must not throw.
void execute(const Graph& graph, const std::vector<Pool>& pools, const std::vector<bool>& wanted,
             const ExecutorOptions& options, const std::function<void(NodeId)>& body);

}  // namespace trilock
