#include "engine/cli/clean_displaced.hpp"

#include <fmt/format.h>

#include "engine/cli/documents.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/displaced.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {

int clean_displaced(const Invocation& invocation, Session& session) {
  Workspace& workspace = *session.workspace;
  const std::string dir = Displaced::directory(workspace.state_dir());
  JsonArray removed;
  // A tree of its own, that only this state directory holds.
  SourceTree tree(workspace.disk(), dir);
  if (const Result<FileStat> there = workspace.disk().stat(dir); there && there->type == FileType::directory) {
    const Result<std::vector<SourceTree::Found>> found = tree.walk("");
    Status done = found ? Status() : std::unexpected(found.error());
    if (done) done = workspace.disk().remove(dir);
    if (!done) {
      report(session, done.error());
      return end_without_result(invocation, session, exit_environment);
    }
    for (const SourceTree::Found& entry : *found)
      if (entry.type != FileType::directory) removed.emplace_back(entry.path);
  }
  if (!invocation.json) {
    for (const Json& path : removed) print_out("removed {}/{}\n", dir, *path.string());
    if (removed.empty()) print_out("nothing to remove\n");
    return exit_done;
  }
  JsonObject document = versioned_document();
  document.set("removed", std::move(removed));
  print_document(std::move(document));
  return exit_done;
}

}  // namespace trilock::cli
