#include "engine/run.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <tuple>

#include "cache/recorded_result.hpp"
#include "engine/executor.hpp"
#include "engine/foreign_outputs.hpp"
#include "engine/leftovers.hpp"
#include "engine/node_run.hpp"
#include "engine/output_conflicts.hpp"
#include "engine/output_links.hpp"
#include "engine/portable_action.hpp"
#include "engine/read_variables.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

std::string platform_of_machine() {
  utsname names{};
  ::uname(&names);
  std::string machine = names.machine;
  if (machine == "x86_64") machine = "amd64";
  if (machine == "aarch64") machine = "arm64";
  return "linux/" + machine;
}

std::unordered_map<std::string, StoredResult> recorded_results(StateDb& db, EventListener& events) {
  std::unordered_map<std::string, StoredResult> by_label;
  Result<std::vector<StoredResult>> results = db.results();
  if (!results) {
    events.warning(results.error().message);
    return by_label;
  }
  by_label.reserve(results->size());
  for (StoredResult& stored : *results) {
    std::string label = stored.label;
    by_label.emplace(std::move(label), std::move(stored));
  }
  return by_label;
}

// Those of a part are asked for one by one.
std::vector<std::uint64_t> expected_durations(const Graph& graph, const std::vector<bool>& wanted, bool part,
                                              StateDb& db) {
  std::vector<std::uint64_t> expected(graph.size(), 0);
  std::vector<std::string> labels;
  for (std::size_t i = 0; part && i < graph.size(); ++i)
    if (wanted[i]) labels.push_back(graph.node(static_cast<NodeId>(i)).label);
  if (const auto durations = part ? db.durations(labels) : db.durations())
    for (const auto& [label, milliseconds] : *durations)
      if (NodeId id{}; graph.find(label, id)) expected[index_of(id)] = std::max<std::uint64_t>(milliseconds, 1);
  return expected;
}

// What a run counts while its bodies run at once.
class Tally {
 public:
  explicit Tally(bool keep_going) : keep_going_(keep_going) {}

  [[nodiscard]] bool may_start() const { return !stopped_.load(std::memory_order_relaxed); }
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  void add(NodeId id, const std::string& label, std::string_view rule, const NodeReport& report) {
    const std::lock_guard lock(mutex_);
    if (report.outcome != Outcome::unchanged) summary_.touched.push_back(id);
    if (report.answer) ++answers_[{std::string(rule), *report.answer, report.answer_reason}];
    ++summary_.counts[static_cast<std::size_t>(report.outcome)];
    if (report.outcome != Outcome::failed) return;
    (report.environment_failed ? environment_failed_ : failed_) = true;
    if (first_failed_.empty()) first_failed_ = label;
    if (!keep_going_) stop();
  }

  [[nodiscard]] std::string first_failed() {
    const std::lock_guard lock(mutex_);
    return first_failed_;
  }

  // What the cache answered, by rule.
  [[nodiscard]] std::vector<LookupCount> answers() {
    const std::lock_guard lock(mutex_);
    std::vector<LookupCount> counts;
    for (const auto& [what, count] : answers_)
      counts.push_back({std::get<0>(what), std::get<1>(what), std::get<2>(what), count});
    return counts;
  }

  // Nodes that are unchanged, and of which nothing is to be said.
  void add_unchanged(std::size_t count) {
    const std::lock_guard lock(mutex_);
    summary_.counts[static_cast<std::size_t>(Outcome::unchanged)] += count;
  }

  RunSummary finish(bool interrupted) {
    const std::lock_guard lock(mutex_);
    const auto waiting = summary_.counts[static_cast<std::size_t>(Outcome::waiting)];
    summary_.exit_code = interrupted ? 130 : failed_ ? 1 : environment_failed_ ? 5 : waiting > 0 ? 4 : 0;
    return summary_;
  }

 private:
  bool keep_going_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  RunSummary summary_;               // guarded by mutex_
  bool failed_ = false;              // guarded by mutex_
  bool environment_failed_ = false;  // guarded by mutex_
  std::string first_failed_;         // guarded by mutex_
  // By rule, answer and reason; guarded by mutex_.
  std::map<std::tuple<std::string, LookupAnswer, std::string>, std::uint64_t> answers_;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<std::string> secret_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.insert(names.end(), node.secret_env.begin(), node.secret_env.end());
  return names;
}

Redactor values_of(const std::vector<std::string>& names, const Environment& environment) {
  std::vector<EnvVar> secrets;
  for (const std::string& name : names)
    if (auto value = environment.get(name)) secrets.push_back({name, std::move(*value), EnvClass::secret});
  return Redactor(secrets);
}

// The parts of a run state that live as long as one run.
struct Stage {
  Stage(Workspace& workspace, const PlannedPipeline& planned, RunScope scope, const RunOptions& options,
        ResultCache::Use use, EventListener& events)
      : cache(workspace, planned.pipeline.cache, planned.pipeline.name, use),
        executables(workspace.environment().path()),
        secrets(values_of(scope.secrets, workspace.environment())),
        care(workspace.db(), workspace.disk(), workspace.state_dir()),
        state{.pipeline = planned.pipeline,
              .graph = planned.graph,
              .tree = workspace.tree(),
              .cache = &cache,
              .db = workspace.db(),
              .questions = workspace.questions(),
              .tools = workspace.tools(),
              .runner = workspace.runner(),
              .environment = workspace.environment(),
              .executables = executables,
              .events = events,
              .secrets = secrets,
              .journal = workspace.journal(),
              .options = options,
              .producers = Producers(planned.graph),
              .began_ns = workspace.disk().latest_stamp_ns(),
              .scratch_root = workspace.state_dir() + "/tmp",
              .platform = platform_of_machine(),
              .recorded = std::move(scope.recorded),
              .forced = std::vector<bool>(planned.graph.size(), false),
              .finished = std::move(scope.found),
              .around = scope.around,
              .care = &care} {}

  ResultCache cache;
  Executables executables;
  Redactor secrets;
  OutputCare care;
  RunState state;
};

NodeReport not_started(RunState& state, NodeId id, const std::string& failed, bool interrupted) {
  // A node behind the failed one is skipped because of it; any other was merely not begun.
  NodeReport report;
  FinishedNode& finished = state.finished[index_of(id)];
  for (const NodeId dependency : state.graph.dependencies(id)) {
    const FinishedNode& before = state.finished[index_of(dependency)];
    if (before.outcome == Outcome::failed) finished.blamed = state.graph.node(dependency).label;
    if (before.outcome == Outcome::skipped && !before.blamed.empty()) finished.blamed = before.blamed;
    if (!finished.blamed.empty()) break;
  }
  report.outcome = finished.blamed.empty() ? Outcome::cancelled : Outcome::skipped;
  report.reason = interrupted               ? "interrupted"
                  : finished.blamed.empty() ? fmt::format("not started, since {} failed", failed)
                                            : fmt::format("{} failed", finished.blamed);
  finished.outcome = report.outcome;
  return report;
}

// What the environment says over the settings, and whether a run could use them.
void check_cache(Workspace& workspace, CacheSettings& settings, Diagnostics& diagnostics) {
  const auto variable = [&](const std::string& name) { return workspace.environment().get(name); };
  Status usable = apply_environment(settings, variable);
  if (usable && !diagnostics.has_errors()) {
    Result<std::unique_ptr<CacheTier>> tier = open_shared_tier(workspace, settings);
    if (!tier) usable = std::unexpected(std::move(tier.error()));
  }
  if (!usable) diagnostics.error({}, usable.error().message, usable.error().help);
}

}  // namespace

Redactor secrets_of(const Graph& graph, const Environment& environment) {
  return values_of(secret_names(graph), environment);
}

namespace {

RunScope whole_scope(Workspace& workspace, const PlannedPipeline& planned, const std::vector<NodeId>& selected,
                     EventListener& events) {
  RunScope scope{.decide = planned.graph.closure(selected),
                 .found = std::vector<FinishedNode>(planned.graph.size()),
                 .recorded = recorded_results(workspace.db(), events),
                 .secrets = secret_names(planned.graph)};
  scope.nodes = static_cast<std::size_t>(std::ranges::count(scope.decide, true));
  return scope;
}

constexpr std::size_t at_once = 256;  // targets of one turn of a loop

// Findings come in the order of the targets, whoever planned them when.
std::vector<Node> plan_nodes(const Pipeline& pipeline, SourceTree& tree, const Loop& loop, Diagnostics& diagnostics) {
  std::vector<Node> nodes(pipeline.targets.size());
  std::vector<Diagnostics> found((nodes.size() + at_once - 1) / at_once);
  ExpansionBudget budget;
  loop(found.size(), [&](std::size_t turn) {
    PlanContext context{pipeline, tree, found[turn], &budget};
    for (std::size_t i = turn * at_once; i < std::min((turn + 1) * at_once, nodes.size()); ++i) {
      const SourceTree::AskedFor node(static_cast<std::uint32_t>(i) | SourceTree::for_planning);
      nodes[i] = plan_node(pipeline.targets[i], static_cast<std::uint32_t>(i), context);
    }
  });
  for (Diagnostics& findings : found) diagnostics.append(std::move(findings));
  return nodes;
}

// What was read to know the pipeline; its own files are the sources from the given one on.
std::vector<LoadedFile> files_of(const LoadOptions& options, const SourceMap& sources, std::size_t first) {
  std::vector<LoadedFile> files;
  for (std::size_t i = first; i < sources.size(); ++i) {
    std::string path(sources.path(static_cast<SourceId>(i)));
    const bool included = path != options.path;
    files.push_back({std::move(path), included ? "included by the pipeline" : "the pipeline"});
  }
  for (const std::string& path : options.var_files) files.push_back({path, "given by `--var-file`"});
  return files;
}

void release_planned_keys(std::span<Target> targets, const Loop& loop) {
  loop((targets.size() + at_once - 1) / at_once, [&](std::size_t turn) {
    for (Target& target : targets.subspan(turn * at_once, std::min(at_once, targets.size() - turn * at_once)))
      release_planned_keys(target);
  });
}

}  // namespace

PlannedPipeline plan_pipeline(Workspace& workspace, const LoadOptions& options, SourceMap& sources,
                              Diagnostics& diagnostics) {
  WorkspaceWorld world(workspace);
  return plan_pipeline(workspace, world, options, sources, diagnostics);
}

PlannedPipeline plan_pipeline(Workspace& workspace, PipelineWorld& world, const LoadOptions& options,
                              SourceMap& sources, Diagnostics& diagnostics) {
  PlannedPipeline planned;
  const std::vector<RuleKeys> rules = rule_keys();
  const std::size_t before = sources.size();
  planned.pipeline = load_pipeline(options, rules, world, sources, diagnostics);
  check_cache(workspace, planned.pipeline.cache, diagnostics);
  if (diagnostics.has_errors()) return planned;

  std::vector<Node> nodes = plan_nodes(planned.pipeline, workspace.tree(), world.loop(), diagnostics);
  follow_output_links(nodes, workspace.tree());
  planned.graph = Graph::link(std::move(nodes), diagnostics);
  report_outputs_over_files(planned.graph, files_of(options, sources, before), diagnostics);
  report_written_variables(planned.graph, planned.pipeline.read_files, workspace.tree(), diagnostics);
  release_planned_keys(planned.pipeline.targets, world.loop());
  planned.pipeline.targets.shrink_to_fit();
  diagnostics.sort_by_place();
  return planned;
}

namespace {

RunSummary run_scope(Workspace& workspace, const PlannedPipeline& planned, RunScope scope,
                     const std::vector<NodeId>& forced, const RunOptions& options, const StopSignal& stop,
                     EventListener& events) {
  const auto started = std::chrono::steady_clock::now();
  const std::int64_t started_ms = now_ms();
  const std::vector<bool> wanted = scope.decide;
  const std::size_t count = scope.nodes;
  const auto settled = count - static_cast<std::size_t>(std::ranges::count(wanted, true));
  const bool part = scope.around != nullptr;
  Stage stage(workspace, planned, std::move(scope), options, ResultCache::Use::keep, events);
  RunState& state = stage.state;
  for (const NodeId id : forced) state.forced[index_of(id)] = true;
  StateDb& db = workspace.db();
  const std::int64_t run = db.begin_run(started_ms).value_or(0);
  const std::vector<std::uint64_t> expected_ms = expected_durations(planned.graph, wanted, part, db);
  events.run_expected({.wanted = wanted, .expected_ms = expected_ms, .jobs = options.jobs, .settled = settled});
  events.run_started(run, count);
  if (const std::string damage = db.take_warning(); !damage.empty()) events.warning(damage);
  if (state.journal != nullptr) name_leftovers(state, *state.journal, options.unfinished);

  Tally tally(options.keep_going);
  tally.add_unchanged(settled);
  const auto body = [&](NodeId id) {
    const Node& node = planned.graph.node(id);
    NodeReport report;
    if (stop.requested()) tally.stop();
    if (tally.may_start()) {
      events.node_started(id);
      report = run_node(state, id);
    } else {
      report = not_started(state, id, tally.first_failed(), stop.requested());
    }
    tally.add(id, node.label, registry()[node.rule]->name(), report);
    if (report.outcome != Outcome::unchanged)
      db.record_run_node({run, node.label, report.outcome, report.key, report.duration_ms, report.reason});
    events.node_finished(id, report);
  };
  execute(planned.graph, planned.pipeline.pools, wanted, {.jobs = options.jobs, .expected_ms = expected_ms}, body);
  if (const std::vector<Survivor> left = workspace.runner().end_all(); !left.empty())
    events.warning(fmt::format("nodes left {}", describe_unended(left)));

  RunSummary summary = tally.finish(stop.requested());
  summary.nodes = count;
  stage.cache.hurry();
  Status saved = workspace.save();
  if (saved && options.meanwhile) options.meanwhile(summary);

  const ResultCache::End end = stop.requested() ? ResultCache::End::interrupted : ResultCache::End::done;
  for (const std::string& warning : stage.cache.finish(end)) events.warning(warning);
  if (std::vector<LookupCount> answers = tally.answers(); !answers.empty()) db.record_lookups(run, std::move(answers));

  summary.exit_code = tally.finish(stop.requested()).exit_code;
  summary.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started).count());
  db.end_run({run, started_ms, static_cast<std::int64_t>(summary.duration_ms), summary.exit_code});
  if (Status ended = workspace.save(); saved) saved = std::move(ended);
  if (!saved) {
    events.warning(fmt::format("the state of this run was not saved: {}", saved.error().message));
    if (summary.exit_code == 0) summary.exit_code = 5;
    if (state.journal != nullptr) state.journal->keep();
  }
  if (const std::string damage = db.take_warning(); !damage.empty()) events.warning(damage);
  events.run_finished(summary);
  return summary;
}

}  // namespace

RunSummary run_pipeline(Workspace& workspace, const PlannedPipeline& planned, const std::vector<NodeId>& selected,
                        const RunOptions& options, const StopSignal& stop, EventListener& events) {
  return run_scope(workspace, planned, whole_scope(workspace, planned, selected, events),
                   options.force ? selected : std::vector<NodeId>(), options, stop, events);
}

RunSummary run_pipeline(Workspace& workspace, const PlannedPipeline& planned, RunScope scope, const RunOptions& options,
                        const StopSignal& stop, EventListener& events) {
  return run_scope(workspace, planned, std::move(scope), {}, options, stop, events);
}

namespace {

// A node that never ran here is compared with its last action anywhere, as far as the caches know it.
void compare_with_elsewhere(RunState& state, const std::string& label, Decision& decision) {
  if (decision.next != Next::run || !decision.has_key || state.recorded.contains(label)) return;
  const std::optional<PortableAction> was = state.cache->latest(label);
  if (!was) return;
  const Result<PortableAction> now = portable_action_of(state, decision);
  if (!now) return;
  decision.changes = compare_explanations(explain(*was), explain(*now));
  if (!decision.changes.empty()) decision.reason = reason_of(decision.changes) + ", since it ran elsewhere";
}

}  // namespace

std::vector<NodeId> find_open(Workspace& workspace, const PlannedPipeline& planned, RunScope scope) {
  SilentListener nobody;
  const RunOptions options;
  const std::vector<bool> wanted = scope.decide;
  Stage stage(workspace, planned, std::move(scope), options, ResultCache::Use::look, nobody);
  RunState& state = stage.state;
  state.cache = nullptr;
  std::vector<NodeId> open;
  for (const NodeId id : planned.graph.order()) {
    if (!wanted[index_of(id)]) continue;
    Decision decision = decide(state, id);
    if (decision.next != Next::nothing) {
      open.push_back(id);
      continue;
    }
    FinishedNode& finished = state.finished[index_of(id)];
    finished.outcome = Outcome::unchanged;
    finished.key = decision.key;
    finished.result = std::move(decision.result);
  }
  return open;
}

std::vector<NodeId> find_open(Workspace& workspace, const PlannedPipeline& planned,
                              const std::vector<NodeId>& selected) {
  SilentListener nobody;
  return find_open(workspace, planned, whole_scope(workspace, planned, selected, nobody));
}

std::vector<Forecast> forecast(Workspace& workspace, const PlannedPipeline& planned,
                               const std::vector<NodeId>& selected, const RunOptions& options) {
  SilentListener nobody;
  RunScope scope = whole_scope(workspace, planned, selected, nobody);
  const std::vector<bool> wanted = scope.decide;
  Stage stage(workspace, planned, std::move(scope), options, ResultCache::Use::look, nobody);
  RunState& state = stage.state;
  if (options.force)
    for (const NodeId id : selected) state.forced[index_of(id)] = true;
  Foresight foresight(state);
  std::vector<Forecast> forecasts;
  for (const NodeId id : planned.graph.order()) {
    if (!wanted[index_of(id)]) continue;
    Forecast next{.id = id, .decision = decide(state, id), .fields = {}, .open = {}};
    compare_with_elsewhere(state, planned.graph.node(id).label, next.decision);
    if (next.decision.has_key) next.fields = explanation_of(state, next.decision);
    redact(state, next.decision);
    next.open = foresight.judge(id, next.decision);
    const Next what = next.open ? Next::run : next.decision.next;
    FinishedNode& finished = state.finished[index_of(id)];
    finished.outcome = what == Next::nothing   ? Outcome::unchanged
                       : what == Next::restore ? Outcome::restored
                       : what == Next::run     ? Outcome::ran
                       : what == Next::skip    ? Outcome::skipped
                                               : Outcome::failed;
    finished.key = next.decision.key;
    finished.blamed = next.decision.blamed;
    finished.result = next.decision.result;
    // Downstream is decided with what the node gave last time, if it gave something.
    if (what == Next::run)
      if (const auto recorded = state.recorded.find(planned.graph.node(id).label); recorded != state.recorded.end())
        if (auto result = read_recorded(recorded->second.bytes, planned.graph.node(id).outputs))
          finished.result = std::move(*result);
    forecasts.push_back(std::move(next));
  }
  return forecasts;
}

}  // namespace trilock
