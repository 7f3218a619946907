#include "engine/cli/graph_formats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/cli/documents.hpp"
#include "rules/rule.hpp"

namespace trilock::cli {
namespace {

// Light enough for black text; by place in the registry, and again from the beginning should there be more rules.
constexpr std::array<std::string_view, 5> colors = {"#dbeafe", "#ede9fe", "#dcfce7", "#cffafe", "#f3f4f6"};

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
  NodeId from;  // the node that is depended on
  NodeId to;
  DependencyKind kind;
};

// The edges between nodes of the mask, strongest kind where there are several between two nodes.
std::vector<Edge> edges_of(const Graph& graph, const std::vector<bool>& wanted) {
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (!wanted[i]) continue;
    const auto to = static_cast<NodeId>(i);
    const auto dependencies = graph.dependencies(to);
    const auto kinds = graph.dependency_kinds(to);
    for (std::size_t k = 0; k < dependencies.size(); ++k)
      if (wanted[index_of(dependencies[k])]) edges.push_back({dependencies[k], to, kinds[k].strongest()});
  }
  return edges;
}

struct Family {
  std::string_view table;  // "image.service"
  std::vector<NodeId> members;
};

// Wanted nodes by the table that they come from, in the order of the file.
std::vector<Family> families_of(const Pipeline& pipeline, const Graph& graph, const std::vector<bool>& wanted) {
  std::vector<Family> families;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (!wanted[i]) continue;
    const Target& target = pipeline.targets[graph.node(static_cast<NodeId>(i)).target];
    if (families.empty() || families.back().table != target.title()) families.push_back({target.title(), {}});
    families.back().members.push_back(static_cast<NodeId>(i));
  }
  return families;
}

std::string dot_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// Graphviz reads a label as HTML reads text (`&lt;`), and looks for escapes in it.
std::string dot_label(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '\\')
      result += "\\\\";
    else if (c == '"')
      result += "\\\"";
    else
      result += c;
  }
  return result + '"';
}

std::string dot_node(const Node& node, std::string_view indent) {
  std::string text =
      fmt::format("{}{} [fillcolor=\"{}\"", indent, dot_string(node.label), colors[node.rule % colors.size()]);
  if (node.label.find_first_of("&\\") != std::string::npos) text += fmt::format(" label={}", dot_label(node.label));
  return text + "];\n";
}

// Mermaid writes characters that mean something to it as `#quot;` and `#35;`.
std::string mermaid_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"')
      result += "#quot;";
    else if (c == '#' || c == '&' || c == '<' || c == '>' || c == '`' || c == '\\')
      result += fmt::format("#{};", static_cast<int>(c));
    else
      result += c;
  }
  return result + '"';
}

std::string mermaid_node(const Node& node, NodeId id, std::string_view indent) {
  return fmt::format("{}n{}[{}]:::{}\n", indent, index_of(id), mermaid_text(node.label), registry()[node.rule]->name());
}

}  // namespace

std::string dot_graph(const Pipeline& pipeline, const Graph& graph, const std::vector<bool>& wanted) {
  std::string text =
      "digraph trilock {\n  rankdir=LR;\n  node [shape=box style=\"rounded,filled\" fontname=\"sans-serif\"];\n"
      "  graph [style=rounded color=\"#9ca3af\" fontname=\"sans-serif\"];\n";
  std::size_t frames = 0;
  for (const Family& family : families_of(pipeline, graph, wanted)) {
    if (family.members.size() == 1) {
      text += dot_node(graph.node(family.members.front()), "  ");
      continue;
    }
    text += fmt::format("  subgraph cluster_{} {{\n    label={};\n", frames++, dot_label(family.table));
    for (const NodeId id : family.members) text += dot_node(graph.node(id), "    ");
    text += "  }\n";
  }
  for (const Edge& edge : edges_of(graph, wanted))
    text +=
        fmt::format("  {} -> {}{};\n", dot_string(graph.node(edge.from).label), dot_string(graph.node(edge.to).label),
                    edge.kind == DependencyKind::after ? " [style=dashed]" : "");
  return text + "}\n";
}

std::string mermaid_graph(const Pipeline& pipeline, const Graph& graph, const std::vector<bool>& wanted) {
  std::string text = "flowchart LR\n";
  std::size_t frames = 0;
  std::vector<bool> used(registry().size(), false);
  for (const Family& family : families_of(pipeline, graph, wanted)) {
    for (const NodeId id : family.members) used[graph.node(id).rule] = true;
    if (family.members.size() == 1) {
      text += mermaid_node(graph.node(family.members.front()), family.members.front(), "  ");
      continue;
    }
    text += fmt::format("  subgraph t{}[{}]\n", frames++, mermaid_text(family.table));
    for (const NodeId id : family.members) text += mermaid_node(graph.node(id), id, "    ");
    text += "  end\n";
  }
  for (const Edge& edge : edges_of(graph, wanted))
    text += fmt::format("  n{} {} n{}\n", index_of(edge.from), edge.kind == DependencyKind::after ? "-.->" : "-->",
                        index_of(edge.to));
  for (std::size_t rule = 0; rule < used.size(); ++rule)
    if (used[rule])
      text += fmt::format("  classDef {} fill:{},stroke:#6b7280,color:#111827\n", registry()[rule]->name(),
                          colors[rule % colors.size()]);
  return text;
}

JsonObject node_document(const Node& node) {
  JsonObject object;
  object.set("label", node.label);
  object.set("rule", registry()[node.rule]->name());
  object.set("description", node.description.empty() ? Json(nullptr) : Json(node.description));
  return object;
}

JsonObject graph_document(const Graph& graph, const std::vector<bool>& wanted) {
  JsonArray nodes;
  JsonArray edges;
  for (std::size_t i = 0; i < graph.size(); ++i)
    if (wanted[i]) nodes.emplace_back(node_document(graph.node(static_cast<NodeId>(i))));
  for (const Edge& edge : edges_of(graph, wanted)) {
    JsonObject object;
    object.set("from", graph.node(edge.from).label);
    object.set("to", graph.node(edge.to).label);
    object.set("kind", kind_name(edge.kind));
    edges.emplace_back(std::move(object));
  }
  JsonObject document = versioned_document();
  document.set("nodes", std::move(nodes));
  document.set("edges", std::move(edges));
  return document;
}

}  // namespace trilock::cli
