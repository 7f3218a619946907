#include "engine/cli/snapshot_writer.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "engine/cli/report_text.hpp"
#include "engine/workspace_search.hpp"

namespace trilock::cli {
namespace {

// Looking once more costs as much as a run with nothing to do. Of more nodes than these it is left to the next run,
// which has to do it anyway.
constexpr std::size_t most_looked_at_twice = 20'000;

class NoProcesses final : public ProcessRunner {
 public:
  Result<ProcessResult> run(const ProcessSpec&) override { return fail(ErrorKind::tool_failed, "nothing is started"); }
  void stop(Stop) override {}
  bool pause(std::uint64_t) override { return false; }
};

// "" when it has no name that it could be found by again: it was replaced, or carried in the front.
std::string own_program() {
  std::string program = own_file();
  return program.starts_with("/memfd:") || program.ends_with(" (deleted)") ? std::string() : program;
}

void add_look(SnapshotBuilder& looks, Disk& disk, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const Result<FileStat> stat = disk.stat(path);
  looks.add(slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1), false, stat ? &*stat : nullptr);
}

// Flags that only say what is shown, or that make a run do more than it has to, are gone when there is nothing to do
// and nothing to show: what they left is what the plain command finds.
std::vector<std::string> plain_words(const Invocation& invocation) {
  if (!invocation.json && !invocation.verbose && !invocation.force && invocation.output.empty())
    return invocation.words;
  std::vector<std::string> words;
  if (!invocation.directory.empty()) words.insert(words.end(), {"-C", invocation.directory});
  for (const auto& [name, value] : invocation.vars) words.insert(words.end(), {"--var", name + "=" + value});
  for (const std::string& file : invocation.var_files) words.insert(words.end(), {"--var-file", file});
  words.insert(words.end(), invocation.labels.begin(), invocation.labels.end());
  return words;
}

std::optional<SnapshotDraft> draft(const Invocation& invocation, const Session& session, const RunSummary& summary,
                                   std::string program) {
  Workspace& workspace = *session.workspace;
  SnapshotDraft draft;
  const auto add = [&](const SourceTree::Look& look) {
    draft.looks.add(look.directory, look.name, look.followed, look.stat);
  };
  if (workspace.tree().account(add) != SourceTree::Account::settled) return std::nullopt;
  const auto& variables = workspace.environment().all();
  std::vector<std::string> asked = workspace.environment().asked_for();
  const std::vector<std::string_view> names(asked.begin(), asked.end());
  const FastDigest environment = environment_digest(names, [&](std::string_view name) {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  });
  RunSummary next;  // what it will count
  next.nodes = summary.nodes;
  next.counts[static_cast<std::size_t>(Outcome::unchanged)] = summary.nodes;
  utsname machine{};
  ::uname(&machine);
  draft.run = {.words = plain_words(invocation),
               .variables = std::move(asked),
               .environment = environment,
               .user = ::geteuid(),
               .group = ::getegid(),
               .root = workspace.root(),
               .directory = invocation.var_files.empty() ? "" : working_directory(invocation).value_or("?"),
               .program = std::move(program),
               .machine = machine.machine,
               .report = summary_counts(next)};
  draft.state_dir = workspace.state_dir();
  return draft;
}

// The workspace as the next run would find it.
std::unique_ptr<Workspace> opened_anew(Workspace& workspace, ProcessRunner& runner) {
  auto again = std::make_unique<Workspace>(workspace.root(), Environment::of_process(), workspace.disk(),
                                           workspace.db(), runner);
  again->tree().keep_account();
  return again;
}

bool still_unchanged(const Invocation& invocation, Session& again, std::size_t nodes, const StopSignal& stop) {
  std::vector<NodeId> selected;
  if (load(invocation, again) != exit_done || !again.diagnostics.all().empty() || stop.requested()) return false;
  return select(invocation, again, selected) == exit_done &&
         count_unchanged(*again.workspace, again.planned, selected) == nodes;
}

// A pipe or a terminal can give something else each time.
bool var_files_are_files(const Invocation& invocation, Session& session) {
  const std::string cwd = working_directory(invocation).value_or("");
  return std::ranges::all_of(invocation.var_files, [&](const std::string& name) {
    const auto there = session.workspace->disk().stat_following(name.starts_with('/') ? name : cwd + "/" + name);
    return there && there->type == FileType::file;
  });
}

}  // namespace

std::optional<SnapshotDraft> draft_snapshot(const Invocation& invocation, Session& session, const RunSummary& summary,
                                            const StopSignal& stop) {
  Workspace& workspace = *session.workspace;
  if (summary.exit_code != exit_done || !session.diagnostics.all().empty() || !invocation.file.empty() ||
      !workspace.state_dir().starts_with('/') || workspace.questions().asked_for_this_run() ||
      workspace.environment().get("TRILOCK_SHORT_PATH") == "0" || !var_files_are_files(invocation, session))
    return std::nullopt;
  std::string program = own_program();
  if (program.empty()) return std::nullopt;
  if (summary.counts[static_cast<std::size_t>(Outcome::unchanged)] == summary.nodes)
    if (auto done = draft(invocation, session, summary, program)) return done;
  if (workspace.tree().account([](const SourceTree::Look&) {}) == SourceTree::Account::unknown) return std::nullopt;
  if (summary.nodes > most_looked_at_twice || stop.requested()) return std::nullopt;

  workspace.disk().wait_for_clock(workspace.disk().latest_stamp_ns());  // what was written now is no longer young
  NoProcesses runner;
  Session again;
  again.pipeline_path = session.pipeline_path;
  again.workspace = opened_anew(workspace, runner);
  if (!still_unchanged(invocation, again, summary.nodes, stop)) return std::nullopt;
  if (again.workspace->questions().asked_for_this_run() || !again.workspace->save()) return std::nullopt;
  return draft(invocation, again, summary, std::move(program));
}

void publish(SnapshotDraft draft) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  for (const char* name : {"/state.db", "/state.db-wal", "/state.db-journal"})
    add_look(draft.looks, *disk, draft.state_dir + name);
  add_look(draft.looks, *disk, draft.run.program);
  if (const auto bytes = draft.looks.finish(draft.run))
    static_cast<void>(disk->write(snapshot_file(draft.state_dir), *bytes, 0600));
}

}  // namespace trilock::cli
