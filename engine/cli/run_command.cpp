#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <thread>

#include "cache/own_file.hpp"
#include "cache/thread_start.hpp"
#include "engine/cli/bare_output.hpp"
#include "engine/cli/console.hpp"
#include "engine/cli/github_log.hpp"
#include "engine/cli/json_events.hpp"
#include "engine/cli/part_run.hpp"
#include "engine/cli/run_looks.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/signals.hpp"
#include "engine/cli/snapshot_writer.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/leftovers.hpp"
#include "engine/old_state.hpp"
#include "engine/result_cache.hpp"
#include "engine/workspace_lock.hpp"

namespace trilock::cli {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool leaks_are_looked_for = true;
#elif defined(__has_feature)
constexpr bool leaks_are_looked_for = __has_feature(address_sanitizer);
#else
constexpr bool leaks_are_looked_for = false;
#endif

OutputMode output_mode(const Invocation& invocation, OutputMode otherwise) {
  if (invocation.output == "full") return OutputMode::full;
  if (invocation.output == "new") return OutputMode::fresh;
  if (invocation.output == "errors") return OutputMode::errors;
  if (invocation.output == "none") return OutputMode::none;
  return otherwise;
}

std::unique_ptr<EventListener> make_listener(const Invocation& invocation, const Session& session) {
  const Graph& graph = session.planned.graph;
  const Environment& environment = session.workspace->environment();
  if (invocation.json) return std::make_unique<JsonEvents>(graph, output_mode(invocation, OutputMode::fresh));
  if (in_github_actions(environment))
    return std::make_unique<GithubLog>(
        graph, session.sources,
        GithubOptions{.output = output_mode(invocation, OutputMode::fresh),
                      .color = use_color(environment.all(), false),
                      .verbose = invocation.verbose,
                      .dry = invocation.dry_run,
                      .workspace = session.workspace->root(),
                      .repository = environment.get("GITHUB_WORKSPACE").value_or(""),
                      .summary_file = environment.get("GITHUB_STEP_SUMMARY").value_or("")});
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  return std::make_unique<Console>(
      graph, ConsoleOptions{.output = output_mode(invocation, OutputMode::errors),
                            .live = is_live_terminal(terminal, environment.get("TERM").value_or("dumb")),
                            .color_out = use_color(environment.all(), terminal),
                            .color_err = use_color(environment.all(), ::isatty(STDERR_FILENO) == 1),
                            .verbose = invocation.verbose,
                            .dry = invocation.dry_run,
                            .log_dir = session.workspace->state_dir() + "/logs"});
}

void report_diagnostics(const Invocation& invocation, const Session& session) {
  if (invocation.json) {
    for (const Diagnostic& diagnostic : findings(session))
      print_event(diagnostic_event(to_json(diagnostic, session.sources)));
    return;
  }
  print_diagnostics(session);
  print_annotations(session);
}

Outcome outcome_of(Next next) {
  switch (next) {
    case Next::nothing:
      return Outcome::unchanged;
    case Next::restore:
      return Outcome::restored;
    case Next::run:
      return Outcome::ran;
    case Next::skip:
      return Outcome::skipped;
    case Next::fail:
      return Outcome::failed;
  }
  return Outcome::failed;
}

NodeReport foretold(const Forecast& next) {
  const Decision& decision = next.decision;
  NodeReport report;
  report.may_run = next.open.has_value();
  report.outcome = report.may_run ? Outcome::ran : outcome_of(decision.next);
  report.reason = report.may_run                ? next.open->short_because
                  : decision.next == Next::fail ? decision.error.message
                                                : decision.reason;
  if (!report.may_run) report.help = decision.error.help;
  // The key of one that may run is that of last results.
  report.key = decision.key;
  report.has_key = decision.has_key && !report.may_run;
  return report;
}

int dry_run(const Invocation& invocation, const Session& session, const std::vector<NodeId>& selected,
            const RunOptions& options, EventListener& events) {
  const auto started = std::chrono::steady_clock::now();
  RunSummary summary;
  summary.dry = true;
  const std::vector<Forecast> forecasts = forecast(*session.workspace, session.planned, selected, options);
  summary.nodes = forecasts.size();
  events.run_started(0, forecasts.size());
  for (const Forecast& next : forecasts) {
    const NodeReport report = foretold(next);
    const bool runs = report.outcome == Outcome::ran;
    if (report.outcome == Outcome::failed || (runs && invocation.exit_code)) summary.exit_code = exit_failed;
    ++(report.may_run ? summary.may_run : summary.counts[static_cast<std::size_t>(report.outcome)]);
    events.node_finished(next.id, report);
  }
  const auto unasked = unasked_server(*session.workspace, session.planned.pipeline.cache);
  if (unasked && summary.counts[static_cast<std::size_t>(Outcome::ran)] > 0)
    events.warning(fmt::format("{}; {}", unasked->message, unasked->help));
  summary.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count());
  events.run_finished(summary);
  return summary.exit_code;
}

// Not the arguments as they were typed: `--var` may hold what is nobody else's business.
std::string shown_command(const Invocation& invocation) {
  std::string text = "trilock run";
  for (const std::string& label : invocation.labels) text += " " + label;
  return text;
}

// What the workspace holds on to for a run that owns it. It outlives the session, and with it the open state database.
struct Held {
  std::unique_ptr<WorkspaceLock> lock;
  std::optional<KeptRun> kept;  // when something is known of what has changed since
  std::optional<SnapshotDraft> snapshot;
  std::optional<RunLooksDraft> looks;  // for a watcher
};

int take_lock(const Invocation& invocation, Session& session, const StopSignal& stop, Held& held) {
  constexpr int looks_for_a_name = 5;  // the other one may just have begun, and not have written who it is
  int looks = 0;
  bool said = false;
  const auto ask = [&](const LockHolder& holder) {
    ++looks;
    if (stop.requested()) return WorkspaceLock::Answer::give_up;
    if (said || (holder.process == 0 && looks < looks_for_a_name)) return WorkspaceLock::Answer::wait;
    said = true;
    if (invocation.no_wait) {
      report(session, {ErrorKind::io, fmt::format("this workspace is in use by {}", describe(holder)), {}});
      return WorkspaceLock::Answer::give_up;
    }
    print_err("waiting for {}\n", describe(holder));
    return WorkspaceLock::Answer::wait;
  };
  Result<std::unique_ptr<WorkspaceLock>> taken =
      WorkspaceLock::acquire(session.workspace->state_dir(), shown_command(invocation), ask);
  if (!taken) {
    report(session, taken.error());
    return exit_environment;
  }
  held.lock = std::move(*taken);
  const std::string& state_dir = session.workspace->state_dir();
  if (held.lock && invocation.changes) held.kept.emplace(state_dir);
  if (held.lock) ::unlink(snapshot_file(state_dir).c_str());
  return held.lock ? exit_done : stop.requested() ? exit_interrupted : exit_environment;
}

// Told by the journal that they left, whose last line was written when the outputs of a node that ended were there, and
// by the database, which hears of a run when it begins.
RunOptions::KilledRuns killed_runs(Workspace& workspace) {
  constexpr std::int64_t millisecond = 1'000'000;
  constexpr std::int64_t tick_ns = 10 * millisecond;  // by which stamps of the disk may lie behind the clock
  constexpr std::size_t most_runs = 20;
  constexpr int cut_short = -1;
  const Result<FileStat> journal = workspace.disk().stat(workspace.state_dir() + "/journal");
  if (!journal || journal->type != FileType::file) return {};
  RunOptions::KilledRuns killed{.any = true, .began_ns = 0, .last_ns = journal->mtime_ns};
  const Result<std::vector<RunRow>> runs = workspace.db().runs(most_runs);
  for (std::size_t i = 0; runs && i < runs->size() && (*runs)[i].exit_code == cut_short; ++i)
    killed.began_ns = (*runs)[i].started_ms * millisecond - tick_ns;
  return killed;
}

// What a killed run left is cleared away before anything is read.
void clear(Session& session, RunOptions& options) {
  Workspace& workspace = *session.workspace;
  options.killed = killed_runs(workspace);
  options.doubted_since_ns = workspace.db().doubted_since_ns();
  for (const std::string& text : clear_leftovers(workspace, options.unfinished)) print_err("warning: {}\n", text);
  static_cast<void>(make_own_directory(workspace.state_dir() + "/tmp"));  // may have been removed
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  remove_old_state(workspace.disk(), workspace.root(), workspace.place(),
                   std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

// Drafts the snapshot of a run while what that made is being published.
int run_and_draft(RunOptions& options, Held& held, const std::function<RunSummary()>& run,
                  const std::function<std::optional<SnapshotDraft>(const RunSummary&)>& draft) {
  int drafted = exit_done;
  options.meanwhile = [&](const RunSummary& summary) {
    held.snapshot = draft(summary);
    drafted = summary.exit_code;
  };
  const RunSummary summary = run();
  options.meanwhile = {};
  if (summary.exit_code != drafted) held.snapshot.reset();
  return summary.exit_code;
}

// A run of what the changes that are known can have to do with. None when that cannot be told, and all has to be
// planned; then nothing has been done.
std::optional<int> run_part(const Invocation& invocation, Session& session, SignalWatch& stop, RunOptions& options,
                            Held& held) {
  const std::unique_ptr<Change> change = change_since(*held.kept, *invocation.changes, *session.workspace);
  if (!change || !options.unfinished.empty()) return std::nullopt;
  std::optional<RunScope> scope = load_part(invocation, session, *change);
  if (!scope) return std::nullopt;
  stop.end_by_stopping();
  if (stop.requested()) return end_without_result(invocation, session, exit_interrupted);
  const auto events = make_listener(invocation, session);
  return run_and_draft(
      options, held,
      [&] { return run_pipeline(*session.workspace, session.planned, *std::move(scope), options, stop, *events); },
      [&](const RunSummary& summary) {
        return draft_snapshot(invocation, session, *change, *held.kept, summary, stop);
      });
}

int load_and_run(const Invocation& invocation, Session& session, SignalWatch& stop, RunOptions& options, Held& held) {
  stop.end_at_once([&] {
    if (invocation.json) print_event(run_finished_event({.exit_code = exit_interrupted}));
  });
  if (stop.requested()) return end_without_result(invocation, session, exit_interrupted);
  if (held.kept) {
    if (const auto code = run_part(invocation, session, stop, options, held)) return *code;
    forget_part(session);
    session.workspace->recall_all();
  }
  const int loaded = load(invocation, session);
  report_diagnostics(invocation, session);
  if (loaded != 0) return end_without_result(invocation, session, loaded);

  std::vector<NodeId> selected;
  if (const int code = select(invocation, session, selected); code != 0)
    return end_without_result(invocation, session, code);
  const auto events = make_listener(invocation, session);
  if (invocation.dry_run) return dry_run(invocation, session, selected, options, *events);
  stop.end_by_stopping();
  if (stop.requested()) return end_without_result(invocation, session, exit_interrupted);
  return run_and_draft(
      options, held,
      [&] { return run_pipeline(*session.workspace, session.planned, selected, options, stop, *events); },
      [&](const RunSummary& summary) { return draft_snapshot(invocation, session, summary, stop); });
}

int run_in_session(const Invocation& invocation, Session& session, Held& held) {
  const Workspace::State state = invocation.dry_run ? Workspace::State::use : Workspace::State::make;
  const auto recall = invocation.changes && !invocation.dry_run ? Workspace::Recall::some : Workspace::Recall::all;
  if (const int code = open_workspace(invocation, state, session, recall); code != 0)
    return end_without_result(invocation, session, code);
  const Result<std::unique_ptr<SignalWatch>> watch = SignalWatch::start(session.workspace->runner());
  if (!watch) {
    report(session, watch.error());
    return end_without_result(invocation, session, exit_environment);
  }
  SignalWatch& signals = **watch;
  RunOptions options{.jobs = invocation.jobs != 0 ? invocation.jobs : std::max(1u, std::thread::hardware_concurrency()),
                     .keep_going = invocation.keep_going,
                     .force = invocation.force,
                     .overwrite = invocation.overwrite,
                     .replay = invocation.output == "full"};
  if (invocation.dry_run) return load_and_run(invocation, session, signals, options, held);

  if (const int code = take_lock(invocation, session, signals, held); code != 0)
    return end_without_result(invocation, session, code);
  clear(session, options);
  session.workspace->tree().keep_account();
  const int code = load_and_run(invocation, session, signals, options, held);
  if (invocation.watched && !signals.requested())
    held.looks = draft_run_looks(invocation, session, code, held.snapshot);
  session.workspace->journal()->close();  // while the workspace is still ours
  return code;
}

// What has only memory left, when the process is about to end: the kernel takes that back at once, where destructors
// would visit every piece of it. Where leaks are looked for they run.
template <class Object>
void leave_to_the_kernel(std::unique_ptr<Object> object) {
  if (!leaks_are_looked_for) static_cast<void>(object.release());
}

}  // namespace

int run_command(const Invocation& invocation) {
  ::signal(SIGPIPE, SIG_IGN);  // a reader that goes away stops no run; processes get the default back
  if (invocation.watched) ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // a watcher that is killed leaves no run behind
  Held held;
  auto session = std::make_unique<Session>();
  const int code = run_in_session(invocation, *session, held);
  // While the state database is closed, which waits for the disk.
  std::thread graph;
  if (held.snapshot) graph = start_thread([&] { write_graph(*held.snapshot); });
  if (session->workspace) session->workspace->close();
  if (graph.joinable())
    graph.join();
  else if (held.snapshot)
    write_graph(*held.snapshot);
  if (held.snapshot) publish(*std::move(held.snapshot));
  if (held.looks) publish_run_looks(*std::move(held.looks));
  leave_to_the_kernel(std::move(session));
  return code;
}

}  // namespace trilock::cli
