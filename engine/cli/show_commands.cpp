// check and list: what can be said of a pipeline without looking at what has run.
#include <fmt/format.h>

#include <algorithm>

#include "engine/cli/documents.hpp"
#include "engine/cli/graph_formats.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/undeclared_programs.hpp"
#include "rules/rule.hpp"

namespace trilock::cli {

int check_command(const Invocation& invocation) {
  Session session;
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != 0)
    return end_without_result(invocation, session, code);
  const int loaded = load(invocation, session);
  if (loaded == exit_done) {
    find_undeclared_programs(*session.workspace, session.planned, session.diagnostics);
    session.diagnostics.sort_by_place();
  }
  if (invocation.json) return end_without_result(invocation, session, loaded);
  print_diagnostics(session);
  print_annotations(session);
  if (loaded == 0) {
    const std::size_t count = session.planned.graph.size();
    print_out("{}: {} {}, no errors\n", session.pipeline_path, count, count == 1 ? "node" : "nodes");
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
    for (const NodeId id : selected) nodes.emplace_back(node_document(graph.node(id)));
    JsonObject document = versioned_document();
    document.set("nodes", std::move(nodes));
    print_document(std::move(document));
    return exit_done;
  }
  std::size_t label_width = 0;
  std::size_t rule_width = 0;
  for (const NodeId id : selected) {
    label_width = std::max(label_width, shown(graph.node(id).label).size());
    rule_width = std::max(rule_width, registry()[graph.node(id).rule]->name().size());
  }
  for (const NodeId id : selected) {
    const Node& node = graph.node(id);
    std::string line = fmt::format("{:<{}}  {:<{}}  {}", shown(node.label), label_width, registry()[node.rule]->name(),
                                   rule_width, node.description);
    line.erase(line.find_last_not_of(' ') + 1);
    print_out("{}\n", line);
  }
  return exit_done;
}

}  // namespace trilock::cli
