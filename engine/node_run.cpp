#include "engine/node_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "cache/output_check.hpp"
#include "cache/outputs.hpp"
#include "engine/command_text.hpp"
#include "engine/discovered.hpp"
#include "engine/foreign_outputs.hpp"
#include "engine/node_output.hpp"
#include "engine/portable_action.hpp"
#include "engine/process_start.hpp"
#include "engine/recheck.hpp"
#include "engine/revival.hpp"
#include "engine/scratch.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

using Clock = std::chrono::steady_clock;

const Rule& rule_of(const Node& node) {
  return *registry()[node.rule];
}

constexpr std::uint64_t full_disk_bytes = 64 * 1024;  // less is no room for anything: some blocks are never given out

// After the first failure half a second, then twice as long each time, at most half a minute.
std::uint64_t retry_delay_ms(std::uint32_t failures) {
  return std::min<std::uint64_t>(30'000, 500ull << std::min(failures - 1, 6u));
}

// The C library's words, and Go's; every process has LANG=C.UTF-8.
bool speaks_of_full_disk(std::string_view output) {
  return output.find("o space left on device") != std::string_view::npos ||
         output.find("isk quota exceeded") != std::string_view::npos;
}

// Why an attempt ended, when it did not end well.
struct Trouble {
  Outcome outcome = Outcome::failed;
  std::string reason;
  std::string help;
  bool environment = false;
};

Trouble trouble_of(const Error& error) {
  const bool environment =
      error.kind == ErrorKind::tool_missing || error.kind == ErrorKind::no_space || error.kind == ErrorKind::io;
  return {error.kind == ErrorKind::interrupted ? Outcome::cancelled : Outcome::failed, error.message, error.help,
          environment};
}

bool uses_scratch(const Action& action) {
  return !action.staged.empty() || !action.collect.empty() || uses_scratch(action.env, action.processes);
}

// Whether all that a node writes stays where it may: found before anything of it is begun, since trilock cannot keep a
// process from following a symlink that leads out.
Status check_places(SourceTree& tree, const Action& action) {
  const auto check = [&](const std::string& path) { return tree.disk().check_place(tree.absolute(path)); };
  for (const OutputSpec& output : action.outputs)
    if (Status status = check(output.path); !status) return status;
  for (const FileWrite& write : action.writes)
    if (!write.path.starts_with('\x1f'))
      if (Status status = check(write.path); !status) return status;
  return action.depfile.empty() || action.depfile.starts_with('\x1f') ? Status{} : check(action.depfile);
}

// One attempt to run an action: its processes in order, in a scratch directory.
class Attempt {
 public:
  Attempt(RunState& state, NodeId id, Decision& decision, NodeReport& report)
      : state_(state),
        id_(id),
        node_(state.graph.node(id)),
        decision_(decision),
        action_(decision.action),
        report_(report),
        secrets_(secrets_of(state, action_, own_secrets_)),
        output_(secrets_, state.events, id, report),
        scratch_(state.tree, scratch_dir_of(state, id), state.journal),
        starts_(state, action_, scratch_.dir()) {}

  // Empty when every process ended well and the outputs are there.
  std::optional<Trouble> run(ActionResult& result) {
    std::optional<Trouble> trouble = prepare();
    if (!trouble) trouble = run_noted();
    if (!trouble) trouble = gather(result);
    remove_passing_depfile();
    if (!trouble)
      if (Status settled = settle_foreign(state_, id_, foreign_, scratch_); !settled)
        trouble = trouble_of(settled.error());
    if (!trouble) {
      scratch_.accept();
      return trouble;
    }
    if (Status back = scratch_.bring_back(); !back) {
      state_.events.warning(fmt::format("{}: its old outputs are not back; the next run tries again: {}", node_.label,
                                        back.error().message));
      note_left();
    }
    return trouble;
  }

 private:
  // What could not be removed is the action's own, and must not pass for somebody else's in the next run.
  void note_left() {
    std::vector<OutputEntry> entries;
    for (const OutputSpec& output : scratch_.left())
      if (Result<OutputScan> scan = scan_outputs(state_.tree, {&output, 1}))
        std::ranges::move(scan->entries, std::back_inserter(entries));
    if (!entries.empty()) state_.db.record_made(node_.label, entries);
  }

  std::optional<Trouble> run_noted() {
    if (state_.journal == nullptr) return run_processes();
    const Result<std::uint64_t> entry = state_.journal->enter(node_.label, action_.leaves);
    if (!entry) return trouble_of(entry.error());
    std::optional<Trouble> trouble = run_processes();
    // A process that did not end by itself may not have taken back what it made outside (buildah does not, even after
    // TERM): the entry stays for the next run.
    if (!cut_short_) state_.journal->end(*entry);
    return trouble;
  }

  std::optional<Trouble> prepare() {
    if (Status within = check_places(state_.tree, action_); !within) return trouble_of(within.error());
    if (state_.journal != nullptr)  // a kill from here on leaves a scratch directory
      if (Status begun = state_.journal->begin(); !begun) return trouble_of(begun.error());
    const std::vector<OutputSpec> written = written_paths();
    Result<std::vector<ForeignFile>> foreign = find_foreign(state_, id_, decision_, written);
    if (!foreign) return trouble_of(foreign.error());
    foreign_ = std::move(*foreign);
    if (uses_scratch(action_))
      if (Status made = scratch_.make(); !made) return trouble_of(made.error());
    if (Status staged = scratch_.stage(action_.staged); !staged) return trouble_of(staged.error());
    if (!action_.processes.empty() || !foreign_.empty())
      if (Status aside = scratch_.set_aside(written, node_.label); !aside) return trouble_of(aside.error());
    is_clear_ = true;
    if (std::optional<Trouble> trouble = prepare_depfile()) return trouble;
    return write_files();
  }

  // What the attempt may write to in the workspace.
  [[nodiscard]] std::vector<OutputSpec> written_paths() const {
    std::vector<OutputSpec> written = node_.outputs;
    if (has_passing_depfile() && !action_.depfile.starts_with('\x1f'))
      written.insert(written.end(), node_.depfiles.begin(), node_.depfiles.end());
    return written;
  }

  void remove_passing_depfile() {
    if (!is_clear_ || !has_passing_depfile()) return;
    static_cast<void>(state_.tree.disk().remove(depfile_path()));
    if (!action_.depfile.starts_with('\x1f')) state_.tree.forget(action_.depfile);
  }

  // A depfile of before must not pass for the one that this attempt failed to write.
  std::optional<Trouble> prepare_depfile() {
    if (action_.depfile.empty()) return std::nullopt;
    // So that what was edited just before the run began cannot look as if it was edited now. Waits once a run.
    state_.tree.disk().wait_for_clock(state_.began_ns);
    decision_.began_ns = state_.tree.disk().change_clock_ns();
    if (!has_passing_depfile()) return std::nullopt;
    const std::string path = depfile_path();
    if (Status removed = state_.tree.disk().remove(path); !removed) return trouble_of(removed.error());
    const Status made = state_.tree.disk().make_directories(path.substr(0, path.rfind('/')));
    return made ? std::nullopt : std::optional(trouble_of(made.error()));
  }

  // One that is no output, nor part of one, is read and removed.
  [[nodiscard]] bool has_passing_depfile() const {
    return !action_.depfile.empty() && std::ranges::none_of(node_.outputs, [&](const OutputSpec& output) {
      return is_at_or_below(action_.depfile, output.path);
    });
  }

  [[nodiscard]] std::string depfile_path() const {
    const bool marked = action_.depfile.starts_with('\x1f');
    return marked ? replace_markers(action_.depfile, starts_.paths()) : state_.tree.absolute(action_.depfile);
  }

  std::optional<Trouble> read_depfile(ActionResult& result) {
    if (action_.depfile.empty()) return std::nullopt;
    const Result<std::string> text = state_.tree.disk().read(depfile_path());
    if (!text && text.error().kind == ErrorKind::not_found)
      return Trouble{Outcome::failed, fmt::format("the depfile `{}` was not made", action_.depfile), {}, false};
    if (!text) return trouble_of(text.error());
    const std::string dir =
        action_.processes.empty() ? state_.tree.root() : starts_.directory_of(action_.processes.front());
    Result<std::vector<std::string>> discovered = discovered_paths(state_, id_, action_, decision_.inputs, dir, *text);
    if (!discovered)
      return Trouble{Outcome::failed, fmt::format("depfile `{}`: {}", action_.depfile, discovered.error().message),
                     discovered.error().help, false};
    result.discovered = std::move(*discovered);
    return std::nullopt;
  }

  std::optional<Trouble> write_files() {
    for (const FileWrite& write : action_.writes) {
      const bool marked = write.path.starts_with('\x1f');
      const std::string path = marked ? replace_markers(write.path, starts_.paths()) : state_.tree.absolute(write.path);
      if (!marked && holds(path, write)) continue;
      Disk& disk = state_.tree.disk();
      Status written = marked ? disk.write(path, write.content, write.mode) : write_output(path, write);
      if (!written) return trouble_of(written.error());
      if (!marked) state_.tree.forget(write.path);
    }
    return std::nullopt;
  }

  // Made in the scratch directory, so that a kill leaves no temporary beside the output.
  Status write_output(const std::string& path, const FileWrite& write) {
    Disk& disk = state_.tree.disk();
    const std::string made = scratch_.dir() + "/written";
    if (Status done = scratch_.make(); !done) return done;
    if (Status done = disk.write(made, write.content, write.mode); !done) return done;
    if (Status done = disk.make_directories(path.substr(0, path.rfind('/'))); !done) return done;
    Status renamed = disk.rename(made, path);
    if (!renamed && renamed.error().kind == ErrorKind::io) return disk.write(path, write.content, write.mode);
    return renamed;
  }

  bool holds(const std::string& path, const FileWrite& write) {
    const Result<FileStat> stat = state_.tree.disk().stat(path);
    if (!stat || stat->type != FileType::file || stat->size != write.content.size() || stat->mode != write.mode)
      return false;
    const Result<std::string> content = state_.tree.disk().read(path);
    return content && *content == write.content;
  }

  std::optional<Trouble> run_processes() {
    for (std::size_t i = 0; i < action_.processes.size(); ++i) {
      const Process& process = action_.processes[i];
      Result<ProcessSpec> spec = starts_.spec_of(process);
      if (!spec) return trouble_of(spec.error());
      spec->timeout_ms = node_.timeout_ms;
      if (!process.quiet)
        spec->on_output = [this](Stream stream, std::string_view text) { output_.write(stream, text); };
      Result<ProcessResult> ended = state_.runner.run(*spec);
      if (!ended) return trouble_of(ended.error());
      cut_short_ = cut_short_ || ended->end != ProcessEnd::exited;
      const bool well = ended_well(process, *ended);
      if (process.quiet && !well) {
        output_.write(Stream::out, ended->out);
        output_.write(Stream::err, ended->err);
      }
      output_.process_ended();
      if (!well) {
        report_.command = secrets_(command_line(spec->argv));
        return trouble_of_end(process, *ended);
      }
      run_.processes.push_back({ended->exit_code, std::move(ended->out), std::move(ended->err), ended->duration_ms});
      if (!process.review) continue;
      const Verdict verdict = rule_of(node_).review(node_, target(), run_, i);
      if (verdict.kind == Verdict::Kind::wait) return Trouble{Outcome::waiting, verdict.message, {}, false};
      if (verdict.kind == Verdict::Kind::fail) return Trouble{Outcome::failed, verdict.message, {}, false};
    }
    return std::nullopt;
  }

  // A tool rarely says so in its exit code when it failed for lack of space; the disk does, while what the tool left
  // is still there.
  Trouble trouble_of_end(const Process& process, const ProcessResult& ended) {
    Trouble trouble{ended.end == ProcessEnd::cancelled ? Outcome::cancelled : Outcome::failed,
                    describe_end(process, ended, node_.timeout_ms),
                    {},
                    false};
    if (trouble.outcome != Outcome::failed) return trouble;
    const Result<std::uint64_t> free_bytes = state_.tree.disk().free_bytes(state_.tree.root());
    const bool full = free_bytes && *free_bytes < full_disk_bytes;
    if (!full && !speaks_of_full_disk(ended.out) && !speaks_of_full_disk(ended.err)) return trouble;
    trouble.help = full ? fmt::format("there is no space left on the disk of `{}`", state_.tree.root())
                        : "a disk that it writes to has no space left";
    trouble.environment = true;
    return trouble;
  }

  std::optional<Trouble> gather(ActionResult& result) {
    for (const std::string& name : action_.collect)
      if (Result<std::string> content = state_.tree.disk().read(scratch_.dir() + "/" + name))
        run_.files.emplace(name, std::move(*content));
    Result<Collected> collected = rule_of(node_).collect(node_, action_, run_);
    if (!collected) return trouble_of(collected.error());
    result.values = std::move(collected->values);
    result.witness = std::move(collected->witness);
    for (const OutputSpec& output : node_.outputs) state_.tree.forget(output.path);
    Result<OutputScan> outputs = scan_outputs(state_.tree, node_.outputs);
    if (!outputs) return trouble_of(outputs.error());
    result.outputs = std::move(outputs->entries);
    decision_.unkept = std::move(outputs->unkept);
    return read_depfile(result);
  }

  [[nodiscard]] const Target& target() const { return state_.pipeline.targets[node_.target]; }

  RunState& state_;
  NodeId id_;
  const Node& node_;
  Decision& decision_;
  const Action& action_;
  NodeReport& report_;
  Redactor own_secrets_;
  const Redactor& secrets_;
  OutputTap output_;
  Scratch scratch_;
  std::vector<ForeignFile> foreign_;
  bool is_clear_ = false;  // what was at the outputs is set aside
  ProcessStart starts_;
  Run run_;
  bool cut_short_ = false;  // a process, by a signal
};

// What describes an action to others may hold what a secret says, where a user wrote it down twice.
void drop_secrets(const RunState& state, const Action& action, ActionMessages& messages) {
  Redactor own;
  const Redactor& secrets = secrets_of(state, action, own);
  if (secrets.empty()) return;
  std::erase_if(messages.messages, [&](const Message& message) { return secrets(message.bytes) != message.bytes; });
}

// Gives the result to the cache. False when it must not be used again.
bool keep_in_cache(RunState& state, NodeId id, Decision& decision) {
  const Node& node = state.graph.node(id);
  const ActionResult& result = *decision.result;
  // What it read may be more than what was known when the cache was asked.
  const bool discovers = !decision.action.depfile.empty();
  if (!decision.portable || discovers) {
    const Result<PortableAction> portable = portable_action_of(state, decision);
    if (!portable) return false;
    decision.portable = encode_action(*portable);
  }
  drop_secrets(state, decision.action, *decision.portable);
  const CachePolicy policy = decision.action.cache;
  if (!state.cache->keep(state.tree, node.label, *decision.portable, result, node.outputs, policy)) return false;
  if (!discovers) return true;
  const Result<StrongDigest> discovery = discovery_of(state, decision);
  if (!discovery) return false;
  state.cache->keep_path_set(*discovery, result.discovered, policy);
  return true;
}

// The result becomes the recorded one of its node, and where its policy allows one that other checkouts find.
void keep(RunState& state, NodeId id, Decision& decision) {
  const Node& node = state.graph.node(id);
  std::string why = why_unkept(state, id, decision);
  if (why.empty() && decision.action.cache <= CachePolicy::local && !keep_in_cache(state, id, decision))
    why = fmt::format("a file changed while the result of {} was stored: it is used now but not kept", node.label);
  ActionResult& result = *decision.result;
  if ((!why.empty() || decision.action.cache == CachePolicy::none) && !result.outputs.empty())
    state.db.record_made(node.label, result.outputs);
  if (!why.empty()) {
    state.events.warning(why);
    state.db.forget_result(node.label);
    return;
  }
  result.explanation = explanation_of(state, decision);
  if (decision.action.cache != CachePolicy::none) state.db.record_result(node.label, result);
}

// What the action said that it read becomes part of its key, as it is now; keep() sees to it that it was so before.
void look_at_what_was_read(RunState& state, Decision& decision, ActionResult& result) {
  for (const std::string& path : result.discovered) state.tree.look_again(path);
  decision.discovered = look_at_discovered(state.tree, result.discovered);
  decision.key = result.key = fast_key(material_of(state, decision));
}

void run_action(RunState& state, NodeId id, Decision& decision, NodeReport& report) {
  const Node& node = state.graph.node(id);
  ActionResult result;
  result.key = decision.key;
  const Clock::time_point started = Clock::now();
  std::optional<Trouble> trouble;
  for (std::uint32_t attempt = 1;; ++attempt) {
    report.out.clear();
    report.err.clear();
    report.order.clear();
    report.command.clear();
    trouble = Attempt(state, id, decision, report).run(result);
    if (!trouble || trouble->outcome != Outcome::failed || attempt > node.retries) break;
    const std::uint64_t delay_ms = retry_delay_ms(attempt);
    state.events.warning(fmt::format("{}: {}; retry {} of {} in {} s", node.label, trouble->reason, attempt,
                                     node.retries, static_cast<double>(delay_ms) / 1000));
    if (!state.runner.pause(delay_ms)) {
      trouble = Trouble{Outcome::cancelled, "interrupted", {}, false};
      break;
    }
  }
  report.duration_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started).count());
  if (trouble) {
    report.outcome = trouble->outcome;
    report.reason = trouble->reason;
    report.help = trouble->help;
    report.environment_failed = trouble->environment;
    return;
  }
  report.outcome = Outcome::ran;
  report.reason = decision.reason;
  if (!decision.action.depfile.empty()) look_at_what_was_read(state, decision, result);
  result.out = report.out;
  result.err = report.err;
  result.duration_ms = report.duration_ms;
  decision.result = std::move(result);
}

// False when the cache lost what it had, or what was elsewhere does not come back: the node has to run after all.
bool restore(RunState& state, NodeId id, Decision& decision, NodeReport& report) {
  Status restored = check_places(state.tree, decision.action);
  if (restored && state.journal != nullptr) restored = state.journal->begin();
  const LookupAnswer from =
      decision.recorded_here ? LookupAnswer::local : decision.answer.value_or(LookupAnswer::local);
  MadeWay way(state, id);
  if (restored) restored = way.make(decision.action.outputs, decision.result->outputs);
  const bool is_free = restored.has_value();
  if (restored)
    restored = restore_outputs(state.tree, state.cache->source(from), decision.action.outputs, decision.result->outputs,
                               state.scratch_root);
  if (restored)
    way.say();
  else
    way.undo();
  if (!restored && !is_free) {
    const Trouble trouble = trouble_of(restored.error());
    report.outcome = trouble.outcome;
    report.reason = trouble.reason;
    report.help = trouble.help;
    report.environment_failed = trouble.environment;
    decision.result.reset();
    return true;
  }
  if (!restored && (restored.error().kind == ErrorKind::not_found || restored.error().kind == ErrorKind::corrupt)) {
    decision.reason = restored.error().message;
    return false;
  }
  if (!restored) {
    report.reason = restored.error().message;
    report.help = restored.error().help;
    report.outcome = Outcome::failed;
    report.environment_failed = restored.error().kind != ErrorKind::invalid;
    decision.result.reset();
    return true;
  }
  if (!decision.revival.empty()) {
    const Status revived = revive(state, id, decision);
    if (!revived) decision.result.reset();
    if (!revived && revived.error().kind == ErrorKind::interrupted) {
      report.reason = revived.error().message;
      report.outcome = Outcome::cancelled;
      return true;
    }
    if (!revived) {
      decision.reason = revived.error().message;
      if (decision.answer) decision.answer = LookupAnswer::miss;
      decision.answer_reason = "what it made is not here";
      return false;
    }
  }
  report.outcome = Outcome::restored;
  report.reason = decision.reason;
  // The workspace's own result is recorded already, with its output.
  if (decision.recorded_here) return true;
  const Node& node = state.graph.node(id);
  // Of a shared tier only once.
  if (from == LookupAnswer::shared)
    static_cast<void>(state.cache->keep(state.tree, node.label, *decision.portable, *decision.result, node.outputs,
                                        CachePolicy::local));
  decision.result->explanation = explanation_of(state, decision);
  state.db.record_result(node.label, *decision.result);
  return true;
}

// What the node wrote when it ran, from the record or from the cache that it came out of.
void replay(RunState& state, NodeId id, const Decision& decision, NodeReport& report) {
  if (!decision.result) return;
  report.out = decision.result->out;
  report.err = decision.result->err;
  if (!decision.recorded_here) return;
  Result<std::optional<ActionResult>> recorded = state.db.result(state.graph.node(id).label);
  if (!recorded || !*recorded || (*recorded)->key != decision.key) return;
  report.out = std::move((*recorded)->out);
  report.err = std::move((*recorded)->err);
}

void redact(const RunState& state, const Decision& decision, NodeReport& report) {
  Redactor own;
  const Redactor& secrets = secrets_of(state, decision.action, own);
  if (secrets.empty()) return;
  report.reason = secrets(std::move(report.reason));
  report.help = secrets(std::move(report.help));
  secrets.redact(report.values);
}

void finish(RunState& state, NodeId id, Decision& decision, NodeReport& report) {
  const bool old = report.outcome == Outcome::unchanged || report.outcome == Outcome::restored;
  if (old && state.options.replay) replay(state, id, decision, report);
  if (report.outcome != Outcome::unchanged) redact(state, decision);
  FinishedNode& finished = state.finished[index_of(id)];
  finished.outcome = report.outcome;
  finished.key = decision.key;
  finished.blamed = decision.blamed;
  finished.result = std::move(decision.result);
  if (finished.result) report.values = finished.result->values;
  report.key = decision.key;
  report.has_key = decision.has_key;
  report.changes = std::move(decision.changes);
  report.answer = decision.answer;
  report.answer_reason = std::move(decision.answer_reason);
  redact(state, decision, report);
}

}  // namespace

NodeReport run_node(RunState& state, NodeId id) {
  const SourceTree::AskedFor node_itself(static_cast<std::uint32_t>(index_of(id)));
  NodeReport report;
  Decision decision = decide(state, id);
  switch (decision.next) {
    case Next::nothing:
      report.outcome = Outcome::unchanged;
      break;
    case Next::skip:
      report.outcome = Outcome::skipped;
      report.reason = decision.reason;
      break;
    case Next::fail: {
      const Trouble trouble = trouble_of(decision.error);
      report.outcome = trouble.outcome;
      report.reason = trouble.reason;
      report.help = trouble.help;
      report.environment_failed = trouble.environment;
      break;
    }
    case Next::restore:
      if (restore(state, id, decision, report)) break;
      [[fallthrough]];
    case Next::run:
      run_action(state, id, decision, report);
      if (report.outcome == Outcome::ran) keep(state, id, decision);
      break;
  }
  finish(state, id, decision, report);
  return report;
}

}  // namespace trilock
