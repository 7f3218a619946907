// A run looks at sources before it does anything, and these looks stand. Where it writes itself, in outputs and the
// directories that have them, they do not: so the workspace is looked at once more at the end, as the next run would,
// and of such places that counts. What is lost by this is a file that somebody else makes beside an output, while the
// run is under way; it is seen with the next change.
#include "engine/cli/run_looks.hpp"

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "engine/cli/second_look.hpp"
#include "engine/watch/watcher.hpp"
#include "engine/workspace_search.hpp"

namespace trilock::cli {
namespace {

struct Place {
  std::string directory;
  std::string name;
  bool followed = false;
  friend auto operator<=>(const Place&, const Place&) = default;
};
using Looks = std::map<Place, std::optional<FileStat>>;

Looks looks_of(const SourceTree& tree) {
  Looks looks;
  static_cast<void>(tree.account([&](const SourceTree::Look& look) {
    looks.insert_or_assign({std::string(look.directory), std::string(look.name), look.followed},
                           look.stat == nullptr ? std::nullopt : std::optional(*look.stat));
  }));
  return looks;
}

std::string path_of(const Place& place) {
  if (place.name == ".") return place.directory;
  return (place.directory == "/" ? "" : place.directory) + "/" + place.name;
}

// Absolute paths that a run writes to: outputs with all below them, and the directories above, as far as names in them
// come and go.
class Written {
 public:
  Written(const Workspace& workspace, const Graph& graph) {
    for (const Node& node : graph.nodes()) {
      for (const OutputSpec& output : node.outputs) add(workspace.root() + "/" + output.path);
      for (const OutputSpec& depfile : node.depfiles) add(workspace.root() + "/" + depfile.path);
    }
    add(workspace.state_dir());
  }
  [[nodiscard]] bool has(const std::string& path) const {
    if (above_.contains(path)) return true;
    for (std::string at = path; !at.empty(); at.resize(at.rfind('/')))
      if (whole_.contains(at)) return true;
    return false;
  }

 private:
  void add(std::string path) {
    whole_.insert(path);
    while (!path.empty()) {
      path.resize(path.rfind('/'));
      above_.insert(path.empty() ? "/" : path);
    }
  }
  std::set<std::string> whole_;
  std::set<std::string> above_;
};

// None when the pipeline cannot be read now.
std::optional<Looks> look_again(const Invocation& invocation, Session& session) {
  SecondLook second(session, Workspace::Recall::all);
  Session& again = second.session();
  std::vector<NodeId> selected;
  if (load(invocation, again) != exit_done || select(invocation, again, selected) != exit_done) return std::nullopt;
  static_cast<void>(forecast(*again.workspace, again.planned, selected, {}));
  return looks_of(again.workspace->tree());
}

}  // namespace

std::optional<RunLooksDraft> draft_run_looks(const Invocation& invocation, Session& session, int code,
                                             const std::optional<SnapshotDraft>& snapshot) {
  if (snapshot && !snapshot->run.report.empty()) return std::nullopt;
  Workspace& workspace = *session.workspace;
  const std::string& state_dir = workspace.state_dir();
  if (!state_dir.starts_with('/')) return std::nullopt;
  Looks looks = looks_of(workspace.tree());
  const Written written(workspace, session.planned.graph);
  std::erase_if(looks, [&](const auto& look) { return written.has(path_of(look.first)); });
  if (!snapshot && code != exit_usage && session.planned.graph.size() > 0)
    if (std::optional<Looks> later = look_again(invocation, session)) looks.merge(*later);
  RunLooksDraft draft;
  for (const auto& [place, stat] : looks)
    if (place.directory != state_dir && !place.directory.starts_with(state_dir + "/"))
      draft.looks.add(place.directory, place.name, place.followed, stat ? &*stat : nullptr);
  // Also when these are the looks of a part alone (part_run.hpp).
  const bool is_part = session.load_options.choice != nullptr;
  const bool is_left_to_next =
      !snapshot && (is_part || (code == exit_done && session.planned.graph.size() > most_looked_at_twice));
  draft.run = {.root = workspace.root(), .report = is_left_to_next ? std::string(run_once_more) : ""};
  draft.state_dir = state_dir;
  return draft;
}

void publish_run_looks(RunLooksDraft draft) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  if (const auto bytes = draft.looks.finish(draft.run))
    static_cast<void>(disk->write(run_looks_file(draft.state_dir), *bytes, 0600));
}

}  // namespace trilock::cli
