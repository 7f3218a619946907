// The planned nodes linked into a graph: who waits for whom. Const once built; nodes are named by index.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/diagnostic.hpp"
#include "schemas/label_index.hpp"
#include "schemas/node.hpp"

namespace trilock {

enum class NodeId : std::uint32_t {};
[[nodiscard]] constexpr std::size_t index_of(NodeId id) {
  return static_cast<std::size_t>(id);
}

// Which of the three kinds of dependency there are from one node to another.
class DependencyKinds {
 public:
  void add(DependencyKind kind) { bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(kind)); }
  [[nodiscard]] bool has(DependencyKind kind) const { return (bits_ >> static_cast<unsigned>(kind) & 1U) != 0; }
  [[nodiscard]] DependencyKind strongest() const {
    return has(DependencyKind::reference) ? DependencyKind::reference
           : has(DependencyKind::needs)   ? DependencyKind::needs
                                          : DependencyKind::after;
  }

 private:
  std::uint8_t bits_ = 0;
};

class Graph {
 public:
  // Reports, all at once: a cycle (with its path), two nodes with one output or one output inside another, an output
  // that another node names as input without depending on its producer. The graph is usable only without errors.
  static Graph link(std::vector<Node> nodes, Diagnostics& diagnostics);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const Node& node(NodeId id) const { return nodes_[index_of(id)]; }
  [[nodiscard]] std::span<const Node> nodes() const { return nodes_; }
  // Unique, ascending. Nodes themselves no longer hold their dependencies: linking turned the labels into ids.
  [[nodiscard]] std::span<const NodeId> dependencies(NodeId id) const { return dependencies_.row(id); }
  // In what ways `id` depends on each of those, in their order.
  [[nodiscard]] std::span<const DependencyKinds> dependency_kinds(NodeId id) const {
    return std::span(kinds_).subspan(dependencies_.starts[index_of(id)], dependencies(id).size());
  }
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
  LabelIndex by_label_;
  Rows dependencies_;
  std::vector<DependencyKinds> kinds_;  // beside dependencies_.ids
  Rows dependents_;
  std::vector<NodeId> order_;
};

}  // namespace trilock
