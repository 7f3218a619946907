#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "engine/cli/console.hpp"
#include "engine/cli/json_events.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/signals.hpp"

namespace trilock::cli {
namespace {

std::unique_ptr<EventListener> make_listener(const Invocation& invocation, const Graph& graph,
                                             const Environment& environment) {
  if (invocation.json) return std::make_unique<JsonEvents>(graph);
  const bool terminal = ::isatty(STDOUT_FILENO) == 1 && environment.get("TERM").value_or("dumb") != "dumb";
  const bool color = terminal && environment.get("NO_COLOR").value_or("").empty();
  return std::make_unique<Console>(graph,
                                   ConsoleOptions{.live = terminal, .color = color, .verbose = invocation.verbose});
}

void print_json_diagnostics(const Session& session) {
  for (const Diagnostic& diagnostic : session.diagnostics.all()) {
    JsonObject event;
    event.set("event", "diagnostic");
    for (JsonMember& member : to_json(diagnostic, session.sources).members)
      event.set(member.first, std::move(member.second));
    fmt::print("{}\n", write_json(Json(std::move(event))));
  }
}

// A run that could not begin still ends with the event that every reader waits for.
int end_before_start(const Invocation& invocation, int code) {
  if (!invocation.json) return code;
  JsonObject event;
  event.set("event", "run_finished");
  event.set("exit_code", code);
  JsonObject counts;
  for (std::size_t i = 0; i < outcome_count; ++i)
    counts.set(std::string(to_string(static_cast<Outcome>(i))), std::uint64_t{0});
  event.set("counts", std::move(counts));
  event.set("duration_ms", std::uint64_t{0});
  fmt::print("{}\n", write_json(Json(std::move(event))));
  return code;
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

int dry_run(const Session& session, const std::vector<NodeId>& selected, const RunOptions& options,
            EventListener& events) {
  const auto started = std::chrono::steady_clock::now();
  RunSummary summary;
  summary.dry = true;
  std::vector<Forecast> forecasts = forecast(*session.workspace, session.planned, selected, options);
  summary.nodes = forecasts.size();
  events.run_started(0, forecasts.size());
  for (Forecast& next : forecasts) {
    NodeReport report;
    report.outcome = outcome_of(next.decision.next);
    report.reason = next.decision.next == Next::fail ? next.decision.error.message : next.decision.reason;
    report.help = next.decision.error.help;
    if (!next.after.empty()) {
      // Until the node before it has run nobody can say more of this one.
      report.reason = fmt::format("{} would run before it", next.after);
      report.outcome = Outcome::ran;
    }
    report.key = next.decision.key;
    report.has_key = next.decision.has_key;
    if (report.outcome == Outcome::failed) summary.exit_code = exit_failed;
    ++summary.counts[static_cast<std::size_t>(report.outcome)];
    events.node_finished(next.id, report);
  }
  summary.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count());
  events.run_finished(summary);
  return summary.exit_code;
}

int take_lock(const Invocation& invocation, const Session& session, std::unique_ptr<WorkspaceLock>& lock) {
  std::string holder;
  Result<std::unique_ptr<WorkspaceLock>> taken = WorkspaceLock::acquire(session.workspace->state_dir(), false, holder);
  if (taken && !*taken) {
    if (invocation.no_wait) {
      print_error({ErrorKind::io, fmt::format("another run (process {}) owns this workspace", holder), {}});
      return exit_environment;
    }
    fmt::print(stderr, "waiting for another run (process {}) in this workspace\n", holder);
    taken = WorkspaceLock::acquire(session.workspace->state_dir(), true, holder);
  }
  if (!taken) {
    print_error(taken.error());
    return exit_environment;
  }
  lock = std::move(*taken);
  return exit_done;
}

}  // namespace

int run_command(const Invocation& invocation) {
  Session session;
  const Workspace::State state = invocation.dry_run ? Workspace::State::use : Workspace::State::make;
  if (const int code = open_workspace(invocation, state, session); code != 0) return end_before_start(invocation, code);
  const SignalWatch signals(session.workspace->runner());

  std::unique_ptr<WorkspaceLock> lock;
  if (!invocation.dry_run)
    if (const int code = take_lock(invocation, session, lock); code != 0) return end_before_start(invocation, code);

  const int loaded = load(invocation, session);
  invocation.json ? print_json_diagnostics(session) : print_diagnostics(session);
  if (loaded != 0) return end_before_start(invocation, loaded);

  std::vector<NodeId> selected;
  if (const int code = select(invocation, session, selected); code != 0) return end_before_start(invocation, code);

  const RunOptions options{
      .jobs = invocation.jobs != 0 ? invocation.jobs : std::max(1u, std::thread::hardware_concurrency()),
      .keep_going = invocation.keep_going,
      .force = invocation.force};
  const auto events = make_listener(invocation, session.planned.graph, session.workspace->environment());
  if (invocation.dry_run) return dry_run(session, selected, options, *events);
  return run_pipeline(*session.workspace, session.planned, selected, options, signals, *events).exit_code;
}

}  // namespace trilock::cli
