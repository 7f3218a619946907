#include "engine/revival.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/process_start.hpp"
#include "engine/resolver.hpp"
#include "engine/scratch.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

constexpr std::uint64_t shortest_limit_ms = 60'000;

std::uint64_t limit_ms(const Node& node, const ActionResult& result) {
  const std::uint64_t limit = std::max(shortest_limit_ms, result.duration_ms);
  return node.timeout_ms == 0 ? limit : std::min(limit, node.timeout_ms);
}

// The last line that is not empty: where tools say what went wrong.
std::string_view last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  return text.substr(text.rfind('\n') + 1);
}

Status run_processes(RunState& state, NodeId id, const Decision& decision) {
  const Node& node = state.graph.node(id);
  Scratch scratch(state.tree, scratch_dir_of(state, id));
  if (uses_scratch(decision.action.env, decision.revival))
    if (Status made = scratch.make(); !made) return made;
  const ProcessStart starts(state, decision.action, scratch.dir());
  for (const Process& process : decision.revival) {
    Result<ProcessSpec> spec = starts.spec_of(process);
    if (!spec) return std::unexpected(spec.error());
    spec->timeout_ms = limit_ms(node, *decision.result);
    const Result<ProcessResult> ended = state.runner.run(*spec);
    if (!ended) return std::unexpected(ended.error());
    if (ended_well(process, *ended)) continue;
    const std::string end = describe_end(process, *ended, spec->timeout_ms);
    if (ended->end == ProcessEnd::cancelled) return fail(ErrorKind::interrupted, end);
    const std::string_view said = last_line(ended->err.empty() ? ended->out : ended->err);
    return fail(ErrorKind::tool_failed, said.empty() ? end : fmt::format("{}: {}", end, said));
  }
  return {};
}

}  // namespace

Status revive(RunState& state, NodeId id, const Decision& decision) {
  const Node& node = state.graph.node(id);
  Status done = run_processes(state, id, decision);
  if (done) {
    Resolver resolver(state, id, Questions::Look::again);
    const Result<bool> there =
        registry()[node.rule]->probe(node, state.pipeline.targets[node.target], *decision.result, resolver);
    if (there && *there) return {};
    done = there ? fail(ErrorKind::not_found, "what came back is not what it made") : std::unexpected(there.error());
  }
  if (done.error().kind == ErrorKind::interrupted) return done;
  return fail(done.error().kind, fmt::format("cannot be restored: {}", done.error().message));
}

}  // namespace trilock
