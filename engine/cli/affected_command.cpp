#include "engine/affected.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/cli/documents.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/signals.hpp"
#include "engine/cli/standard_output.hpp"

namespace trilock::cli {
namespace {

int exit_code_of(const Error& error) {
  if (error.kind == ErrorKind::invalid) return exit_usage;
  return error.kind == ErrorKind::interrupted ? exit_interrupted : exit_environment;
}

std::string_view kind_name(AffectedNode::Kind kind) {
  switch (kind) {
    case AffectedNode::Kind::changed:
      return "changed";
    case AffectedNode::Kind::added:
      return "added";
    case AffectedNode::Kind::dependent:
      return "dependent";
  }
  return {};
}

void print_text(const AffectedAnswer& answer, const Graph& graph) {
  std::size_t width = 0;
  for (const AffectedNode& node : answer.nodes) width = std::max(width, graph.node(node.id).label.size());
  for (const AffectedNode& node : answer.nodes)
    print_out("{:<{}}  {}\n", graph.node(node.id).label, width, node.reason);
  flush_out();
}

void print_json(const AffectedAnswer& answer, const Graph& graph, const Revision& revision, const std::string& since) {
  JsonArray nodes;
  for (const AffectedNode& node : answer.nodes) {
    JsonObject object;
    object.set("label", graph.node(node.id).label);
    object.set("kind", kind_name(node.kind));
    object.set("reason", node.reason);
    object.set("changes", to_json(node.changes));
    object.set("because_of", node.because_of.empty() ? Json(nullptr) : Json(node.because_of));
    nodes.emplace_back(std::move(object));
  }
  JsonArray removed;
  for (const std::string& label : answer.removed) removed.emplace_back(label);
  JsonObject document = versioned_document();
  document.set("since", since);
  document.set("commit", revision.commit());
  document.set("nodes", std::move(nodes));
  document.set("removed", std::move(removed));
  print_document(std::move(document));
}

}  // namespace

int affected_command(const Invocation& invocation) {
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;
  Workspace& workspace = *session.workspace;
  const Result<std::unique_ptr<SignalWatch>> watch = SignalWatch::start(workspace.runner());
  if (!watch) {
    report(session, watch.error());
    return end_without_result(invocation, session, exit_environment);
  }
  SignalWatch& signals = **watch;

  const Result<std::unique_ptr<Revision>> revision = Revision::open(
      {workspace.disk(), workspace.runner(), workspace.environment()}, workspace.root(), invocation.since);
  if (!revision) {
    report(session, revision.error());
    return end_without_result(invocation, session, exit_code_of(revision.error()));
  }
  signals.end_at_once([&] { static_cast<void>(workspace.disk().remove((*revision)->scratch())); });
  AffectedAnswer answer = find_affected(workspace, session.planned, session.load_options, **revision);
  signals.end_by_stopping();
  if (signals.requested()) return exit_interrupted;
  std::erase_if(answer.nodes, [&](const AffectedNode& node) { return !std::ranges::binary_search(selected, node.id); });

  for (const std::string& warning : answer.warnings) print_err("warning: {}\n", warning);
  if (invocation.json)
    print_json(answer, session.planned.graph, **revision, invocation.since);
  else
    print_text(answer, session.planned.graph);
  for (const std::string& label : answer.removed) print_err("note: {} is only in `{}`\n", label, invocation.since);
  if (answer.nodes.empty() && !invocation.json) print_err("note: no node is affected since `{}`\n", invocation.since);
  return exit_done;
}

}  // namespace trilock::cli
