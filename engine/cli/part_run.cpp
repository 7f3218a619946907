#include "engine/cli/part_run.hpp"

#include <utility>

#include "engine/workspace_search.hpp"

namespace trilock::cli {

KeptRun::KeptRun(const std::string& state_dir)
    : snapshot(snapshot_file(state_dir), MappedFile::Reading::to_change),
      graph(graph_file(state_dir), MappedFile::Reading::to_change) {
  snapshot.read_all();
  graph.read_all();
}

std::unique_ptr<Change> change_since(const KeptRun& kept, const ChangeNotice& notice, Workspace& workspace) {
  // That its sum holds the front has seen.
  const auto snapshot = SnapshotView::over(kept.snapshot.bytes());
  if (!snapshot || snapshot->header().sum != notice.snapshot ||
      !snapshot->is(snapshot->header().root, workspace.root()))
    return nullptr;
  const auto graph = GraphView::over(kept.graph.bytes(), snapshot->header().graph);
  if (!graph) return nullptr;
  std::unique_ptr<Change> change = Change::of(*snapshot, *graph, notice.looks, workspace.tree());
  if (change) workspace.recall(change->paths_to_remember());
  return change;
}

std::optional<RunScope> load_part(const Invocation& invocation, Session& session, Change& change) {
  session.load_options.choice = &change;
  if (load(invocation, session) != exit_done || !session.diagnostics.all().empty() ||
      !change.fits(session.planned.graph))
    return std::nullopt;
  std::optional<RunScope> scope = scope_of_part(session, change);
  if (scope) {
    Pipeline whole;
    whole.secret_names = scope->secrets;
    hide_secrets(whole, session.workspace->environment());
  }
  return scope;
}

std::optional<RunScope> scope_of_part(Session& session, const Change& change) {
  std::vector<std::string> labels;
  for (const Node& node : session.planned.graph.nodes()) labels.push_back(node.label);
  Result<std::vector<StoredResult>> recorded = session.workspace->db().results(labels);
  if (!recorded) return std::nullopt;
  return change.scope(session.planned.graph, *std::move(recorded));
}

void forget_part(Session& session) {
  session.load_options = {};
  session.sources = {};
  session.diagnostics = Diagnostics();
  session.planned = {};
  session.workspace->tree().forget_askers();
}

}  // namespace trilock::cli
