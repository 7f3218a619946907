// Which node a file comes from, by the declared outputs. Const once built; any thread.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/graph.hpp"

namespace trilock {

class Producers {
 public:
  // Only a run in which files turn up that nobody declared has to know; without a depfile the index stays empty.
  explicit Producers(const Graph& graph);
  // Of a path that is an output, or lies in one.
  [[nodiscard]] std::optional<NodeId> of(std::string_view path) const;

 private:
  std::vector<std::pair<std::string_view, NodeId>> outputs_;  // sorted; into the graph
};

}  // namespace trilock
