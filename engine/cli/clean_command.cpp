// Removes what nodes made: the entries of their recorded results, and directories that are empty then. A file that no
// result speaks of is never touched, so a source cannot be lost to an output that was declared by mistake.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/documents.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/workspace_lock.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {
namespace {

// Deepest first: entries are sorted by path, so what is inside a directory comes after it.
void remove_outputs(Workspace& workspace, const ActionResult& result, JsonArray& removed) {
  for (auto entry = result.outputs.rbegin(); entry != result.outputs.rend(); ++entry) {
    const std::string path = workspace.tree().absolute(entry->path);
    const Result<FileStat> stat = workspace.disk().stat(path);
    if (!stat) continue;
    if (entry->type == EntryType::directory) {
      if (stat->type == FileType::directory && ::rmdir(path.c_str()) == 0) removed.emplace_back(entry->path);
      continue;
    }
    if (stat->type == FileType::directory) continue;
    if (workspace.disk().remove(path)) removed.emplace_back(entry->path);
  }
}

// Outputs are not taken from under a run. Null, without error, when there is nothing that a run could have made.
Result<std::unique_ptr<WorkspaceLock>> take_lock(Workspace& workspace) {
  if (!workspace.disk().stat(workspace.state_dir())) return nullptr;
  std::string holder;
  auto lock = WorkspaceLock::acquire(workspace.state_dir(), "trilock clean", [&](const LockHolder& other) {
    holder = describe(other);
    return WorkspaceLock::Answer::give_up;
  });
  if (lock && !*lock) return fail(ErrorKind::io, fmt::format("this workspace is in use by {}", holder));
  return lock;
}

}  // namespace

int clean_command(const Invocation& invocation) {
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;

  const auto lock = take_lock(*session.workspace);
  if (!lock) {
    report(session, lock.error());
    return end_without_result(invocation, session, exit_environment);
  }
  JsonArray removed;
  for (const NodeId id : selected) {
    const auto result = session.workspace->db().result(session.planned.graph.node(id).label);
    if (result && *result) remove_outputs(*session.workspace, **result, removed);
  }
  std::reverse(removed.begin(), removed.end());
  if (!invocation.json) {
    for (const Json& path : removed) print_out("removed {}\n", *path.string());
    if (removed.empty()) print_out("nothing to remove\n");
    return exit_done;
  }
  JsonObject document = versioned_document();
  document.set("removed", std::move(removed));
  print_document(std::move(document));
  return exit_done;
}

}  // namespace trilock::cli
