#include "engine/cli/standard_output.hpp"
#include "engine/query.hpp"

#include <fmt/format.h>

#include "engine/cli/documents.hpp"
#include "engine/cli/graph_formats.hpp"
#include "engine/cli/session.hpp"

namespace trilock::cli {

int query_command(const Invocation& invocation) {
  Session session;
  if (const int code = prepare(invocation, session); code != 0) return code;
  const Graph& graph = session.planned.graph;

  Diagnostics& mistakes = session.diagnostics;
  mistakes = Diagnostics();  // warnings of the pipeline have been told
  const SourceId source = session.sources.add("query", invocation.labels.front());
  const Query query = parse_query(source, session.sources, mistakes);
  QueryAnswer answer;
  if (!mistakes.has_errors()) answer = answer_query(query, session.planned.pipeline, graph, mistakes);
  if (mistakes.has_errors()) {
    print_diagnostics(session);
    return end_without_result(invocation, session, exit_usage);
  }

  if (!answer.note.empty()) print_err("note: {}\n", answer.note);
  if (!invocation.json) {
    for (const NodeId id : answer.nodes) print_out("{}\n", graph.node(id).label);
    return exit_done;
  }
  JsonArray nodes;
  for (const NodeId id : answer.nodes) nodes.emplace_back(node_document(graph.node(id)));
  JsonObject document = versioned_document();
  document.set("query", invocation.labels.front());
  document.set("nodes", std::move(nodes));
  print_document(std::move(document));
  return exit_done;
}

}  // namespace trilock::cli
