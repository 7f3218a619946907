#include "engine/cli/snapshot_writer.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "cache/boot.hpp"
#include "engine/cli/next_looks.hpp"
#include "engine/cli/part_run.hpp"
#include "engine/cli/report_text.hpp"
#include "engine/cli/second_look.hpp"
#include "engine/workspace_search.hpp"

namespace trilock::cli {

std::vector<std::string> plain_words(const Invocation& invocation) {
  if (!invocation.json && !invocation.verbose && !invocation.force && !invocation.overwrite &&
      invocation.output.empty())
    return invocation.words;
  std::vector<std::string> words;
  if (!invocation.directory.empty()) words.insert(words.end(), {"-C", invocation.directory});
  for (const auto& [name, value] : invocation.vars) words.insert(words.end(), {"--var", name + "=" + value});
  for (const std::string& file : invocation.var_files) words.insert(words.end(), {"--var-file", file});
  words.insert(words.end(), invocation.labels.begin(), invocation.labels.end());
  return words;
}

namespace {

// "" when it has no name that it could be found by again: it was replaced, or carried in the front.
std::string own_program() {
  std::string program = own_file();
  return program.starts_with("/memfd:") || program.ends_with(" (deleted)") ? std::string() : program;
}

// Files of trilock itself, whose stat is taken when everything is done.
std::vector<std::string> own_files(const std::string& state_dir, const std::string& program) {
  return {state_dir + "/state.db", state_dir + "/state.db-wal", state_dir + "/state.db-journal", program};
}

void add_look(SnapshotBuilder& looks, Disk& disk, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const Result<FileStat> stat = disk.stat(path);
  looks.add(slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1), false, stat ? &*stat : nullptr);
}

// What a run with nothing to do says.
std::string report_of(std::size_t nodes) {
  RunSummary next;
  next.nodes = nodes;
  next.counts[static_cast<std::size_t>(Outcome::unchanged)] = nodes;
  return summary_counts(next);
}

// `also` are variables that others have asked for.
SnapshotRun run_of(const Invocation& invocation, Workspace& workspace, std::string report,
                   std::vector<std::string> also = {}) {
  const auto& variables = workspace.environment().all();
  std::vector<std::string> asked = workspace.environment().asked_for();
  asked.insert(asked.end(), std::make_move_iterator(also.begin()), std::make_move_iterator(also.end()));
  std::ranges::sort(asked);
  asked.erase(std::ranges::unique(asked).begin(), asked.end());
  const std::vector<std::string_view> names(asked.begin(), asked.end());
  const FastDigest environment = environment_digest(names, [&](std::string_view name) {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  });
  utsname machine{};
  ::uname(&machine);
  return {.words = plain_words(invocation),
          .variables = std::move(asked),
          .environment = keyed(environment, workspace.place()),
          .user = ::geteuid(),
          .group = ::getegid(),
          .root = workspace.root(),
          .directory = invocation.var_files.empty() ? "" : working_directory(invocation).value_or("?"),
          .program = own_program(),
          .machine = machine.machine,
          .boot = current_boot().id,
          .report = std::move(report)};
}

// Of a session that looked at everything; `open` are the nodes that every run decides. Nodes that may have seen
// something else than stands in the draft are added to `again`. None when that may be true of planning.
std::optional<SnapshotDraft> draft_whole(const Invocation& invocation, Session& session, std::size_t nodes,
                                         std::span<const NodeId> open, std::set<NodeId>& again) {
  Workspace& workspace = *session.workspace;
  std::vector<NodeId> selected;
  if (select(invocation, session, selected) != exit_done) return std::nullopt;
  NewRun made;
  made.graph = index_of_graph(session.planned, session.sources, session.planned.graph.closure(selected));
  for (const NodeId id : open) made.graph.nodes[index_of(id)].open = 1;
  bool everybody = false;
  const auto account = workspace.tree().account([&](const SourceTree::Look& look) {
    const std::vector<std::uint32_t> askers = nodes_of(look.askers);
    made.looks.add(look.directory, look.name, look.followed, look.stat, made.graph.row(askers));
    if (look.settled) return;
    everybody = everybody || askers.back() == SourceTree::everybody;
    if (!everybody)
      for (const std::uint32_t asker : askers) again.insert(NodeId{asker});
  });
  if (everybody || account == SourceTree::Account::unknown) return std::nullopt;
  return SnapshotDraft{.what = std::move(made),
                       .run = run_of(invocation, workspace, open.empty() ? report_of(nodes) : ""),
                       .state_dir = workspace.state_dir()};
}

// A part of the graph that was looked at, and what is known of the rest.
struct LookedAt {
  const Change& change;
  Workspace& workspace;
  Workspace* planned = nullptr;  // in which the part was planned, when that was another
  std::size_t nodes = 0;         // that the run counts
  std::span<const NodeId> open;  // of the part, those that every run decides
};

SnapshotRun run_of(const Invocation& invocation, const LookedAt& part) {
  std::vector<std::string> before;
  if (part.planned != nullptr) before = part.planned->environment().asked_for();
  const SnapshotView& snapshot = part.change.snapshot();
  for (const std::uint32_t name : snapshot.variables()) before.emplace_back(snapshot.text(name));
  return run_of(invocation, part.workspace, part.change.leaves_open(part.open) ? "" : report_of(part.nodes),
                std::move(before));
}

// Writes `draft` over what is kept, when it is a snapshot of the same looks.
bool revise(KeptRun& kept, const LookedAt& part, const NextLooks& looks, SnapshotDraft& draft) {
  if (!part.change.snapshot().is_of(draft.run)) return false;
  std::optional<RevisedLooks> revised = looks.revised();
  if (!revised) return false;
  SnapshotRevision snapshot(kept.snapshot.own_copy());
  for (const auto& [look, stat] : revised->stats)
    if (!snapshot.set(look, stat)) return false;
  GraphRevision graph(kept.graph.own_copy());
  part.change.revise(graph, part.open);
  const bool graph_changed = graph.seal();
  draft.run.graph = graph.sum();
  draft.what = RevisedRun{.kept = &kept, .own = std::move(revised->own), .graph_changed = graph_changed};
  return true;
}

// `kept` is what `part.change` is from, when it may be written over.
std::optional<SnapshotDraft> draft_part(const Invocation& invocation, const LookedAt& part, KeptRun* kept) {
  const std::vector<std::string> own = own_files(part.workspace.state_dir(), own_program());
  NextLooks looks(part.change, own);
  if (part.planned != nullptr && !looks.take(part.planned->tree(), NextLooks::Of::planning)) return std::nullopt;
  if (!looks.take(part.workspace.tree(), NextLooks::Of::everything)) return std::nullopt;
  SnapshotDraft draft{.what = {}, .run = run_of(invocation, part), .state_dir = part.workspace.state_dir()};
  if (kept != nullptr && revise(*kept, part, looks, draft)) return draft;
  NewRun made{.looks = {}, .graph = part.change.index(part.open)};
  if (!looks.add_to(made.looks, made.graph)) return std::nullopt;
  draft.what = std::move(made);
  return draft;
}

// A pipe or a terminal can give something else each time.
bool var_files_are_files(const Invocation& invocation, Session& session) {
  const std::string cwd = working_directory(invocation).value_or("");
  return std::ranges::all_of(invocation.var_files, [&](const std::string& name) {
    const auto there = session.workspace->disk().stat_following(name.starts_with('/') ? name : cwd + "/" + name);
    return there && there->type == FileType::file;
  });
}

bool may_have_snapshot(const Invocation& invocation, Session& session, const RunSummary& summary) {
  Workspace& workspace = *session.workspace;
  return (summary.exit_code == exit_done || summary.exit_code == exit_failed) && session.diagnostics.all().empty() &&
         invocation.file.empty() && workspace.state_dir().starts_with('/') &&
         !workspace.questions().asked_for_this_run() && workspace.environment().get("TRILOCK_SHORT_PATH") != "0" &&
         var_files_are_files(invocation, session) && !own_program().empty();
}

// What `look` drafts of a session that has looked at nothing yet.
std::optional<SnapshotDraft> look_again(Session& session, Workspace::Recall recall,
                                        const std::function<std::optional<SnapshotDraft>(Session&)>& look) {
  SecondLook second(session, recall);
  auto draft = look(second.session());
  return second.keep() ? std::move(draft) : std::nullopt;
}

// What `change` decides, as the next run would find it: as it was planned, while what planning looked at stands.
std::optional<SnapshotDraft> look_again_at(Change& change, KeptRun* kept, const Invocation& invocation,
                                           Session& session, std::size_t nodes) {
  return look_again(session, Workspace::Recall::some, [&](Session& next) -> std::optional<SnapshotDraft> {
    next.workspace->recall(change.paths_to_remember());
    const bool is_planned = session.load_options.choice == &change;
    if (auto scope = is_planned ? scope_of_part(session, change) : std::nullopt) {
      const std::vector<NodeId> open = find_open(*next.workspace, session.planned, *std::move(scope));
      const LookedAt part{change, *next.workspace, session.workspace.get(), nodes, open};
      if (auto done = draft_part(invocation, part, kept)) return done;
    }
    std::optional<RunScope> scope = load_part(invocation, next, change);
    if (!scope) return std::nullopt;
    const std::vector<NodeId> open = find_open(*next.workspace, next.planned, *std::move(scope));
    return draft_part(invocation, {change, *next.workspace, nullptr, nodes, open}, kept);
  });
}

// Most nodes of a run that did something were as they are; what they looked at holds. The others, and those that may
// have seen what is no more, are looked at again.
std::optional<SnapshotDraft> look_again_at(const std::set<NodeId>& nodes, const Invocation& invocation,
                                           Session& session, SnapshotDraft first, std::size_t count) {
  NewRun& made = std::get<NewRun>(first.what);
  const auto bytes = made.graph.finish();
  const auto looks = made.looks.finish(first.run);
  if (!bytes || !looks) return std::nullopt;
  const auto snapshot = SnapshotView::over(*looks);
  const auto graph = GraphView::over(*bytes, GraphIndex::sum_of(*bytes));
  if (!snapshot || !graph) return std::nullopt;
  const std::unique_ptr<Change> change = Change::of(*snapshot, *graph, std::vector<NodeId>(nodes.begin(), nodes.end()));
  return change ? look_again_at(*change, nullptr, invocation, session, count) : std::nullopt;
}

std::optional<SnapshotDraft> look_again_at_all(const Invocation& invocation, Session& session, std::size_t nodes,
                                               const StopSignal& stop) {
  return look_again(session, Workspace::Recall::all, [&](Session& next) -> std::optional<SnapshotDraft> {
    std::vector<NodeId> selected;
    if (load(invocation, next) != exit_done || !next.diagnostics.all().empty() || stop.requested() ||
        select(invocation, next, selected) != exit_done)
      return std::nullopt;
    const std::vector<NodeId> open = find_open(*next.workspace, next.planned, selected);
    std::set<NodeId> again;
    auto draft = draft_whole(invocation, next, nodes, open, again);
    return again.empty() ? std::move(draft) : std::nullopt;
  });
}

}  // namespace

std::optional<SnapshotDraft> draft_snapshot(const Invocation& invocation, Session& session, const RunSummary& summary,
                                            const StopSignal& stop) {
  if (!may_have_snapshot(invocation, session, summary) || summary.touched.size() > most_looked_at_twice)
    return std::nullopt;
  std::set<NodeId> again(summary.touched.begin(), summary.touched.end());
  std::optional<SnapshotDraft> first;  // of a run that touched all of its nodes nothing would stay
  if (again.empty() || again.size() < summary.nodes) first = draft_whole(invocation, session, summary.nodes, {}, again);
  if (first && again.empty()) return first;
  if (again.size() > most_looked_at_twice || stop.requested()) return std::nullopt;
  if (first)
    if (auto next = look_again_at(again, invocation, session, *std::move(first), summary.nodes)) return next;
  return summary.nodes > most_looked_at_twice ? std::nullopt
                                              : look_again_at_all(invocation, session, summary.nodes, stop);
}

std::optional<SnapshotDraft> draft_snapshot(const Invocation& invocation, Session& session, Change& change,
                                            KeptRun& kept, const RunSummary& summary, const StopSignal& stop) {
  if (!may_have_snapshot(invocation, session, summary)) return std::nullopt;
  if (summary.touched.empty())
    if (auto done = draft_part(invocation, {change, *session.workspace, nullptr, summary.nodes, {}}, &kept))
      return done;
  return stop.requested() ? std::nullopt : look_again_at(change, &kept, invocation, session, summary.nodes);
}

void write_graph(SnapshotDraft& draft) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  const std::string path = graph_file(draft.state_dir);
  if (const auto* revised = std::get_if<RevisedRun>(&draft.what)) {
    if (revised->graph_changed) static_cast<void>(disk->write(path, revised->kept->graph.bytes(), 0600));
  } else if (const auto graph = std::get<NewRun>(draft.what).graph.finish()) {
    // Without it the snapshot still serves, and it serves no other.
    draft.run.graph = GraphIndex::sum_of(*graph);
    static_cast<void>(disk->write(path, *graph, 0600));
  }
}

namespace {

// The bytes to write. None when they cannot be told.
std::optional<std::string_view> finish(RevisedRun& revised, const SnapshotRun& run, Disk& disk) {
  SnapshotRevision snapshot(revised.kept->snapshot.own_copy());
  for (const auto& [look, file] : revised.own) {
    const Result<FileStat> stat = disk.stat(file);
    if (!snapshot.set(look, stat ? std::optional(*stat) : std::nullopt)) return std::nullopt;
  }
  snapshot.seal(run.graph);
  return revised.kept->snapshot.bytes();
}

}  // namespace

void publish(SnapshotDraft draft) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  const std::string path = snapshot_file(draft.state_dir);
  if (auto* revised = std::get_if<RevisedRun>(&draft.what)) {
    if (const auto bytes = finish(*revised, draft.run, *disk)) static_cast<void>(disk->write(path, *bytes, 0600));
    return;
  }
  SnapshotBuilder& looks = std::get<NewRun>(draft.what).looks;
  for (const std::string& file : own_files(draft.state_dir, draft.run.program)) add_look(looks, *disk, file);
  if (const auto bytes = looks.finish(draft.run)) static_cast<void>(disk->write(path, *bytes, 0600));
}

}  // namespace trilock::cli
