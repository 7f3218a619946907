// The planned nodes linked into a graph: who waits for whom. Const once built; nodes are named by index.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/diagnostic.hpp"
#include "schemas/node.hpp"

namespace trilock {

enum class NodeId : std::uint32_t {};
[[nodiscard]] constexpr std::size_t index_of(NodeId id) {
  return static_cast<std::size_t>(id);
}

class Graph {
 public:
  // Reports, all at once: a cycle (with its path), two nodes with one output or one output inside another, an output
  // that another node names as input without depending on its producer. The graph is usable only without errors.
  static Graph link(std::vector<Node> nodes, Diagnostics& diagnostics);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const Node& node(NodeId id) const { return nodes_[index_of(id)]; }
  [[nodiscard]] std::span<const Node> nodes() const { return nodes_; }
  // Unique, ascending.
  [[nodiscard]] std::span<const NodeId> dependencies(NodeId id) const { return dependencies_.row(id); }
  [[nodiscard]] std::span<const NodeId> dependents(NodeId id) const { return dependents_.row(id); }
  [[nodiscard]] bool find(std::string_view label, NodeId& id) const;

  // Every node after all that it depends on; among equals the order of the file.
  [[nodiscard]] std::span<const NodeId> order() const { return order_; }

  // The given nodes and all that they depend on, as a mask over indices.
  [[nodiscard]] std::vector<bool> closure(std::span<const NodeId> roots) const;

 private:
  struct Rows {  // rows of ids in one flat array (compressed sparse rows)
    std::vector<std::uint32_t> starts;
    std::vector<NodeId> ids;
    [[nodiscard]] std::span<const NodeId> row(NodeId id) const {
      const std::size_t i = index_of(id);
      return {ids.data() + starts[i], ids.data() + starts[i + 1]};
    }
  };

  void link_edges();
  void sort_nodes(Diagnostics& diagnostics);
  void report_cycle(const std::vector<std::uint32_t>& open, Diagnostics& diagnostics) const;

  std::vector<Node> nodes_;
  std::unordered_map<std::string_view, NodeId> by_label_;  // into nodes_
  Rows dependencies_;
  Rows dependents_;
  std::vector<NodeId> order_;
};

}  // namespace trilock
