// Removes what nodes made: engine/clean.hpp decides what that is, this says it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/clean.hpp"
#include "engine/cli/clean_displaced.hpp"
#include "engine/cli/documents.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/command_text.hpp"
#include "engine/workspace_lock.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {
namespace {

// A path holds whatever bytes a file name may have.
void print_lines(const Cleaned& cleaned) {
  for (const std::string& path : cleaned.removed) print_out("removed {}\n", printable(path));
  for (const Cleaned::Kept& kept : cleaned.kept)
    print_out("kept {}: {}\n", printable(kept.path), printable(kept.reason));
  if (cleaned.removed.empty() && cleaned.kept.empty()) print_out("nothing to remove\n");
}

void print_json(Cleaned cleaned) {
  JsonArray removed;
  for (std::string& path : cleaned.removed) removed.emplace_back(std::move(path));
  JsonArray kept;
  for (Cleaned::Kept& each : cleaned.kept) {
    JsonObject object;
    object.set("path", std::move(each.path));
    object.set("reason", std::move(each.reason));
    kept.emplace_back(std::move(object));
  }
  JsonObject document = versioned_document();
  document.set("removed", std::move(removed));
  document.set("kept", std::move(kept));
  print_document(std::move(document));
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

// Works whatever the pipeline says.
int clean_displaced(const Invocation& invocation) {
  Session session;
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != 0)
    return end_without_result(invocation, session, code);
  const auto lock = take_lock(*session.workspace);
  if (lock) return clean_displaced(invocation, session);
  report(session, lock.error());
  return end_without_result(invocation, session, exit_environment);
}

}  // namespace

int clean_command(const Invocation& invocation) {
  if (invocation.displaced) return clean_displaced(invocation);
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;

  const auto lock = take_lock(*session.workspace);
  if (!lock) {
    report(session, lock.error());
    return end_without_result(invocation, session, exit_environment);
  }
  Cleaned cleaned;
  for (const NodeId id : selected) {
    const Node& node = session.planned.graph.node(id);
    const auto result = session.workspace->db().result(node.label);
    clean_outputs(session.workspace->tree(), node, result && *result ? &**result : nullptr, cleaned);
  }
  std::ranges::reverse(cleaned.removed);
  for (const Error& error : cleaned.errors) report(session, error);
  const int code = cleaned.errors.empty() ? exit_done : exit_environment;
  if (invocation.json)
    print_json(std::move(cleaned));
  else
    print_lines(cleaned);
  return code;
}

}  // namespace trilock::cli
