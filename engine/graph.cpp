#include "engine/graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "engine/output_conflicts.hpp"

namespace trilock {

Graph Graph::link(std::vector<Node> nodes, Diagnostics& diagnostics) {
  Graph graph;
  graph.nodes_ = std::move(nodes);
  graph.link_edges();
  graph.sort_nodes(diagnostics);
  report_output_conflicts(graph, diagnostics);
  for (Node& node : graph.nodes_) node.dependencies = {};
  return graph;
}

void Graph::link_edges() {
  by_label_.build(nodes_.size(), [this](std::size_t i) -> std::string_view { return nodes_[i].label; });

  dependencies_.starts.assign(1, 0);
  std::vector<std::pair<NodeId, DependencyKinds>> row;
  std::vector<std::uint32_t> in_count(nodes_.size() + 1, 0);
  for (const Node& node : nodes_) {
    row.clear();
    for (const Dependency& dependency : node.dependencies) {
      NodeId id{};
      if (!find(dependency.label, id)) continue;
      // Of one node they follow each other, since a node's dependencies are sorted by label.
      if (row.empty() || row.back().first != id) row.emplace_back(id, DependencyKinds());
      row.back().second.add(dependency.kind);
    }
    std::ranges::sort(row, {}, &std::pair<NodeId, DependencyKinds>::first);
    for (const auto& [id, kinds] : row) {
      ++in_count[index_of(id) + 1];
      dependencies_.ids.push_back(id);
      kinds_.push_back(kinds);
    }
    dependencies_.starts.push_back(static_cast<std::uint32_t>(dependencies_.ids.size()));
  }

  for (std::size_t i = 1; i < in_count.size(); ++i) in_count[i] += in_count[i - 1];
  dependents_.starts = in_count;
  dependents_.ids.resize(dependencies_.ids.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    for (const NodeId id : dependencies(static_cast<NodeId>(i)))
      dependents_.ids[in_count[index_of(id)]++] = static_cast<NodeId>(i);
}

bool Graph::find(std::string_view label, NodeId& id) const {
  const auto place = by_label_.find(label, [this](std::size_t i) -> std::string_view { return nodes_[i].label; });
  if (!place) return false;
  id = static_cast<NodeId>(*place);
  return true;
}

// Kahn's algorithm with a heap, so that the order is the file's wherever references leave a choice.
void Graph::sort_nodes(Diagnostics& diagnostics) {
  std::vector<std::uint32_t> open(nodes_.size());
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    open[i] = static_cast<std::uint32_t>(dependencies(static_cast<NodeId>(i)).size());
    if (open[i] == 0) ready.push(static_cast<NodeId>(i));
  }
  order_.reserve(nodes_.size());
  while (!ready.empty()) {
    const NodeId id = ready.top();
    ready.pop();
    order_.push_back(id);
    for (const NodeId dependent : dependents(id))
      if (--open[index_of(dependent)] == 0) ready.push(dependent);
  }
  if (order_.size() < nodes_.size()) report_cycle(open, diagnostics);
}

// Every node that is still open waits for another open one, so following any open dependency must come back to a node
// already seen; from its first visit on, the path is a cycle.
void Graph::report_cycle(const std::vector<std::uint32_t>& open, Diagnostics& diagnostics) const {
  const auto start = std::find_if(open.begin(), open.end(), [](std::uint32_t count) { return count > 0; });
  NodeId id = static_cast<NodeId>(start - open.begin());
  std::vector<NodeId> path;
  std::vector<bool> seen(nodes_.size(), false);
  while (!seen[index_of(id)]) {
    seen[index_of(id)] = true;
    path.push_back(id);
    for (const NodeId dependency : dependencies(id)) {
      if (open[index_of(dependency)] == 0) continue;
      id = dependency;
      break;
    }
  }
  path.erase(path.begin(), std::find(path.begin(), path.end(), id));
  // Begin with the node that the file names first, so that the message does not depend on where the walk began.
  std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());

  constexpr std::size_t most_shown = 20;  // a longer cycle is no easier to break for being shown whole
  const std::size_t shown = path.size() <= most_shown ? path.size() : most_shown;
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("{} -> ", node(path[i]).label);
  if (shown < path.size()) text += fmt::format("{} more -> ", path.size() - shown);
  text += node(path.front()).label;

  const auto edge_place = [&](NodeId from, NodeId to) {
    for (const Dependency& dependency : node(from).dependencies)
      if (dependency.label == node(to).label) return dependency.place;
    return node(from).place;
  };
  const NodeId second = path.size() > 1 ? path[1] : path[0];
  Diagnostic& found =
      diagnostics.error(edge_place(path[0], second), fmt::format("nodes depend on each other: {}", text),
                        "remove one of these references");
  for (std::size_t i = 1; i < shown; ++i) {
    const NodeId next = path[(i + 1) % path.size()];
    found.notes.push_back(
        {fmt::format("{} refers to {} here", node(path[i]).label, node(next).label), edge_place(path[i], next)});
  }
}

std::vector<bool> Graph::closure(std::span<const NodeId> roots) const {
  std::vector<bool> wanted(size(), false);
  std::vector<NodeId> open(roots.begin(), roots.end());
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    if (wanted[index_of(id)]) continue;
    wanted[index_of(id)] = true;
    for (const NodeId dependency : dependencies(id)) open.push_back(dependency);
  }
  return wanted;
}

}  // namespace trilock
