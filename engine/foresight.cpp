// A decision is made with what the nodes before gave last. It is final when none of these can come out different, or
// when that cannot matter: the node does not see what they make, or would run anyway.
#include "engine/foresight.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cache/glob.hpp"
#include "cache/output_check.hpp"
#include "engine/resolver.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

template <class Visit>
void each_reference(const Config& value, const Visit& visit) {
  if (const Text* text = value.text()) std::ranges::for_each(text->references, visit);
  if (const ConfigArray* array = value.array())
    for (const Config& item : *array) each_reference(item, visit);
  if (const ConfigTable* table = value.table())
    for (const ConfigEntry& entry : table->entries) each_reference(entry.value, visit);
}

// Whether a pattern that leaves out surely leaves out the output, whatever will be in it.
bool excludes(const std::string& pattern, const std::string& path, bool may_be_directory) {
  if (is_literal_pattern(pattern)) return is_at_or_below(path, pattern);
  return !may_be_directory && glob_match(pattern, path);
}

bool includes(const std::string& pattern, const std::string& path, bool may_be_directory) {
  if (is_literal_pattern(pattern))
    return is_at_or_below(path, pattern) || (may_be_directory && is_at_or_below(pattern, path));
  return glob_match(pattern, path) || (may_be_directory && may_match_below(pattern, path));
}

bool selects(std::span<const InputPattern> patterns, const std::string& path, bool may_be_directory) {
  bool selected = false;
  for (const InputPattern& input : patterns) {
    if (input.exclude && excludes(input.pattern, path, may_be_directory)) selected = false;
    if (!input.exclude && includes(input.pattern, path, may_be_directory)) selected = true;
  }
  return selected;
}

std::string_view relation(DependencyKinds kinds) {
  return kinds.has(DependencyKind::needs) ? "which it needs" : "to which it refers";
}

std::string with_reason(std::string_view what, const std::string& reason) {
  return reason.empty() ? std::string(what) : fmt::format("{}: {}", what, reason);
}

}  // namespace

Foresight::Foresight(const RunState& state) : state_(state), seen_(state.graph.size()) {}

bool Foresight::changes(NodeId id) const {
  const Standing standing = seen_[index_of(id)].standing;
  return standing == Standing::runs || standing == Standing::may_run;
}

std::optional<Uncertainty> Foresight::judge(NodeId id, Decision& decision) {
  Seen seen;
  for (const NodeId before : state_.graph.dependencies(id)) {
    const Seen& other = seen_[index_of(before)];
    seen.may_be_skipped = seen.may_be_skipped || other.may_be_skipped;
    if (!seen.moving) seen.moving = other.moving;
  }
  const bool is_blocked = std::ranges::any_of(
      state_.graph.dependencies(id), [&](NodeId before) { return !state_.finished[index_of(before)].usable(); });
  const bool waits = waits_for_condition(id);
  const bool is_left_out = decision.next == Next::skip && !waits;  // by a condition that is known already
  const std::optional<Cause> cause = is_blocked || is_left_out ? std::nullopt : cause_of(id, decision, seen);
  seen.may_be_skipped = !is_blocked && (seen.may_be_skipped || waits);
  if (!cause) {
    remember(id, decision, std::move(seen));
    return std::nullopt;
  }
  if (!seen.may_be_skipped && runs_whatever_comes(id, decision)) {
    if (decision.next != Next::run) decision.reason = state_.forced[index_of(id)] ? "forced" : "no earlier result";
    decision.next = Next::run;
    remember(id, decision, std::move(seen));
    return std::nullopt;
  }
  const Seen& by = seen_[index_of(cause->node)];
  const std::string& label = state_.graph.node(cause->node).label;
  const std::string& origin = state_.graph.node(by.origin).label;
  Uncertainty open{.label = label, .origin = origin, .because = {}, .short_because = {}};
  open.because = fmt::format("{}, {}, {}", label, cause->how, by.doing);
  open.short_because = by.standing == Standing::restored ? fmt::format("once {} is restored", label)
                       : state_.recorded.contains(state_.graph.node(id).label)
                           ? fmt::format("if {} comes out different", label)
                           : fmt::format("no earlier result here, and a cache may have one once {} has run", label);
  seen.standing = Standing::may_run;
  seen.origin = by.origin;
  seen.doing = by.standing == Standing::may_run ? by.doing : fmt::format("may run, since {} {}", label, by.doing);
  seen.moving = id;
  remember(id, decision, std::move(seen));
  return open;
}

// The first node before it that makes a difference, by what the node takes from it.
std::optional<Foresight::Cause> Foresight::cause_of(NodeId id, const Decision& decision, const Seen& seen) const {
  const auto dependencies = state_.graph.dependencies(id);
  const auto kinds = state_.graph.dependency_kinds(id);
  for (std::size_t i = 0; i < dependencies.size(); ++i)
    if (changes(dependencies[i]) && kinds[i].strongest() != DependencyKind::after)
      return Cause{dependencies[i], relation(kinds[i])};
  for (const NodeId before : dependencies)
    if (seen_[index_of(before)].may_be_skipped) return Cause{before, "which comes before it"};
  if (!seen.moving) return std::nullopt;
  if (const auto producer = output_read_by(id, decision)) return Cause{*producer, "whose output it reads"};
  return std::nullopt;
}

// Its `when` looks at a value of a node that may come out different.
bool Foresight::waits_for_condition(NodeId id) const {
  const auto is_open = [&](const Reference& reference) {
    NodeId other{};
    return state_.graph.find(reference.label, other) && changes(other);
  };
  return std::ranges::any_of(state_.graph.node(id).when, [&](const Condition& when) {
    return std::ranges::any_of(when.left.references, is_open) || std::ranges::any_of(when.right.references, is_open);
  });
}

bool Foresight::runs_whatever_comes(NodeId id, const Decision& decision) const {
  const Node& node = state_.graph.node(id);
  const CachePolicy policy = decision.has_key ? decision.action.cache : node.cache;
  if (state_.forced[index_of(id)] || policy == CachePolicy::none) return true;
  if (state_.recorded.contains(node.label)) return decision.next == Next::run && has_own_change(id, decision);
  if (policy > CachePolicy::local || state_.cache == nullptr || !state_.cache->may_hold_results()) return true;
  // A fresh checkout may find everything in a cache. In one that has results a node without one is new, and known to
  // others only where these share theirs.
  return !state_.recorded.empty() && !(policy == CachePolicy::shared && state_.cache->has_shared_tier());
}

// Whether a part of its key is another one than in its last result, and nothing that comes before it has a say in that.
bool Foresight::has_own_change(NodeId id, const Decision& decision) const {
  const Node& node = state_.graph.node(id);
  const auto path = std::ranges::find(node.env, "PATH", &std::pair<std::string, Text>::first);
  const bool own_path = path == node.env.end() || path->second.is_literal();
  std::optional<bool> values;
  return std::ranges::any_of(decision.changes, [&](const FieldChange& change) {
    const std::string_view field = change.field;
    if (field.starts_with("from ")) return false;
    if (field.starts_with("input ")) return !output_over(field.substr(6));
    if (field.starts_with("tool ") || field.starts_with("identity of ") || field.starts_with("program "))
      return own_path;
    if (!values) values = takes_values(id);
    return !*values;
  });
}

// Whether a text of it may hold a value of a node that may come out different. A path of an output is none.
bool Foresight::takes_values(NodeId id) const {
  const auto dependencies = state_.graph.dependencies(id);
  const auto kinds = state_.graph.dependency_kinds(id);
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    if (!changes(dependencies[i]) || !kinds[i].has(DependencyKind::reference)) continue;
    const Node& other = state_.graph.node(dependencies[i]);
    bool named = false;  // in the table; a rule may have found the edge elsewhere
    bool value = false;
    const auto visit = [&](const Reference& reference) {
      if (reference.label != other.label) return;
      named = true;
      value = value || output_value(other, reference.value) == nullptr;
    };
    for (const ConfigEntry& entry : state_.pipeline.targets[state_.graph.node(id).target].table.entries)
      each_reference(entry.value, visit);
    if (value || !named) return true;
  }
  return false;
}

// --- files that a node before it makes ---

std::optional<NodeId> Foresight::output_over(std::string_view path) const {
  for (;;) {
    if (const auto found = moving_.find(path); found != moving_.end()) return found->second.node;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos || slash == 0) return std::nullopt;
    path = path.substr(0, slash);
  }
}

// An output that patterns select may be a file that is not there yet.
std::optional<NodeId> Foresight::output_in(std::span<const InputPattern> patterns) const {
  for (const InputPattern& input : patterns) {
    if (input.exclude) continue;
    const std::string_view base =
        is_literal_pattern(input.pattern) ? std::string_view(input.pattern) : literal_prefix(input.pattern);
    const auto is_selected = [&](const auto& output) {
      return selects(patterns, output.first, output.second.may_be_directory);
    };
    for (auto at = moving_.lower_bound(base); at != moving_.end() && at->first.starts_with(base); ++at)
      if (is_selected(*at)) return at->second.node;
    for (std::string_view above = base; !above.empty();) {
      if (const auto found = moving_.find(above); found != moving_.end() && is_selected(*found))
        return found->second.node;
      const std::size_t slash = above.rfind('/');
      above = above.substr(0, slash == std::string_view::npos ? 0 : slash);
    }
  }
  return std::nullopt;
}

std::optional<NodeId> Foresight::output_read_by(NodeId id, const Decision& decision) const {
  if (moving_.empty()) return std::nullopt;
  for (const std::string& path : decision.action.inputs)
    if (const auto node = output_over(path)) return node;
  for (const StagedEntry& entry : decision.action.staged)
    if (const auto node = output_over(entry.source)) return node;
  for (const DiscoveredInput& input : decision.discovered) {
    if (const auto node = output_over(input.path)) return node;
    const auto below = moving_.lower_bound(input.path + "/");  // a directory counts by its names
    if (below != moving_.end() && is_at_or_below(below->first, input.path)) return below->second.node;
  }
  if (const auto node = output_in(state_.graph.node(id).inputs)) return node;
  if (!registry()[state_.graph.node(id).rule]->reads_undeclared_files()) return std::nullopt;
  const std::vector<bool> upstream = state_.graph.closure({&id, 1});
  for (const auto& [path, output] : moving_)
    if (output.may_be_directory && upstream[index_of(output.node)]) return output.node;
  return std::nullopt;
}

void Foresight::remember(NodeId id, const Decision& decision, Seen seen) {
  const Node& node = state_.graph.node(id);
  if (seen.standing == Standing::settled && decision.next == Next::run) {
    seen.standing = Standing::runs;
    seen.doing = with_reason("would run", decision.reason);
  } else if (seen.standing == Standing::settled && decision.next == Next::restore &&
             !compare_outputs(state_.tree, node.outputs, decision.result->outputs).empty()) {
    seen.standing = Standing::restored;
    seen.doing = "would be restored";
  }
  if (seen.standing != Standing::settled) {
    if (seen.standing != Standing::may_run) seen.origin = id;
    seen.moving = id;
    for (const OutputSpec& output : node.outputs) {
      if (is_private_output(output.path)) continue;  // which no node reads
      const Result<FileStat> now = state_.tree.stat(output.path);
      moving_.insert_or_assign(output.path, Output{id, !now || now->type != FileType::file});
    }
    for (const OutputSpec& depfile : node.depfiles) moving_.insert_or_assign(depfile.path, Output{id, false});
  }
  seen_[index_of(id)] = std::move(seen);
}

}  // namespace trilock
