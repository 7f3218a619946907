// check, list, graph: what can be said of a pipeline without looking at what has run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "engine/cli/json_events.hpp"
#include "engine/cli/session.hpp"
#include "rules/rule.hpp"

namespace trilock::cli {
namespace {

int prepare(const Invocation& invocation, Session& session, std::vector<NodeId>& selected) {
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != 0) return code;
  const int loaded = load(invocation, session);
  print_diagnostics(session);
  if (loaded != 0) return loaded;
  return select(invocation, session, selected);
}

std::string rule_name(const Node& node) {
  return std::string(registry()[node.rule]->name());
}

std::string_view kind_name(DependencyKind kind) {
  switch (kind) {
    case DependencyKind::reference:
      return "reference";
    case DependencyKind::needs:
      return "needs";
    case DependencyKind::after:
      return "after";
  }
  return {};
}

struct Edge {
  const Node* from;  // the node that is depended on
  const Node* to;
  DependencyKind kind;
};

// The edges between nodes of the mask, strongest kind where there are several between two nodes.
std::vector<Edge> edges_of(const Graph& graph, const std::vector<bool>& wanted) {
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (!wanted[i]) continue;
    const Node& node = graph.node(static_cast<NodeId>(i));
    const auto dependencies = graph.dependencies(static_cast<NodeId>(i));
    const auto kinds = graph.dependency_kinds(static_cast<NodeId>(i));
    for (std::size_t k = 0; k < dependencies.size(); ++k)
      edges.push_back({&graph.node(dependencies[k]), &node, kinds[k].strongest()});
  }
  return edges;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

void print_dot(const Graph& graph, const std::vector<bool>& wanted) {
  fmt::print("digraph trilock {{\n  rankdir=LR;\n  node [shape=box];\n");
  for (std::size_t i = 0; i < graph.size(); ++i)
    if (wanted[i]) fmt::print("  {};\n", quoted(graph.node(static_cast<NodeId>(i)).label));
  for (const Edge& edge : edges_of(graph, wanted))
    fmt::print("  {} -> {}{};\n", quoted(edge.from->label), quoted(edge.to->label),
               edge.kind == DependencyKind::after ? " [style=dashed]" : "");
  fmt::print("}}\n");
}

void print_mermaid(const Graph& graph, const std::vector<bool>& wanted) {
  fmt::print("flowchart LR\n");
  NodeId id{};
  for (std::size_t i = 0; i < graph.size(); ++i)
    if (wanted[i]) fmt::print("  n{}[\"{}\"]\n", i, graph.node(static_cast<NodeId>(i)).label);
  for (const Edge& edge : edges_of(graph, wanted)) {
    static_cast<void>(graph.find(edge.from->label, id));
    const std::size_t from = index_of(id);
    static_cast<void>(graph.find(edge.to->label, id));
    fmt::print("  n{} {} n{}\n", from, edge.kind == DependencyKind::after ? "-.->" : "-->", index_of(id));
  }
}

JsonObject node_json(const Node& node) {
  JsonObject object;
  object.set("label", node.label);
  object.set("rule", rule_name(node));
  object.set("description", node.description.empty() ? Json(nullptr) : Json(node.description));
  return object;
}

void print_json(const Graph& graph, const std::vector<bool>& wanted) {
  JsonArray nodes;
  JsonArray edges;
  for (std::size_t i = 0; i < graph.size(); ++i)
    if (wanted[i]) nodes.emplace_back(node_json(graph.node(static_cast<NodeId>(i))));
  for (const Edge& edge : edges_of(graph, wanted)) {
    JsonObject object;
    object.set("from", edge.from->label);
    object.set("to", edge.to->label);
    object.set("kind", kind_name(edge.kind));
    edges.emplace_back(std::move(object));
  }
  JsonObject document;
  document.set("version", 1);
  document.set("nodes", std::move(nodes));
  document.set("edges", std::move(edges));
  fmt::print("{}\n", write_json(Json(std::move(document)), 2));
}

}  // namespace

int check_command(const Invocation& invocation) {
  Session session;
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != 0) return code;
  const int loaded = load(invocation, session);
  if (invocation.json) {
    JsonArray diagnostics;
    for (const Diagnostic& diagnostic : session.diagnostics.all())
      diagnostics.emplace_back(to_json(diagnostic, session.sources));
    JsonObject document;
    document.set("version", 1);
    document.set("diagnostics", std::move(diagnostics));
    fmt::print("{}\n", write_json(Json(std::move(document)), 2));
    return loaded;
  }
  print_diagnostics(session);
  print_annotations(session);
  if (loaded == 0) {
    const std::size_t count = session.planned.graph.size();
    fmt::print("{}: {} {}, no errors\n", session.pipeline_path, count, count == 1 ? "node" : "nodes");
  }
  return loaded;
}

int list_command(const Invocation& invocation) {
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;
  const Graph& graph = session.planned.graph;
  if (invocation.json) {
    JsonArray nodes;
    for (const NodeId id : selected) nodes.emplace_back(node_json(graph.node(id)));
    JsonObject document;
    document.set("version", 1);
    document.set("nodes", std::move(nodes));
    fmt::print("{}\n", write_json(Json(std::move(document)), 2));
    return exit_done;
  }
  std::size_t label_width = 0;
  std::size_t rule_width = 0;
  for (const NodeId id : selected) {
    label_width = std::max(label_width, graph.node(id).label.size());
    rule_width = std::max(rule_width, rule_name(graph.node(id)).size());
  }
  for (const NodeId id : selected) {
    const Node& node = graph.node(id);
    std::string line =
        fmt::format("{:<{}}  {:<{}}  {}", node.label, label_width, rule_name(node), rule_width, node.description);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
  return exit_done;
}

int graph_command(const Invocation& invocation) {
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;
  const Graph& graph = session.planned.graph;
  const std::vector<bool> wanted = graph.closure(selected);
  if (invocation.json || invocation.format == "json")
    print_json(graph, wanted);
  else if (invocation.format == "mermaid")
    print_mermaid(graph, wanted);
  else
    print_dot(graph, wanted);
  return exit_done;
}

}  // namespace trilock::cli
