#include "engine/decision.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "cache/glob.hpp"
#include "cache/links.hpp"
#include "cache/output_check.hpp"
#include "cache/outputs.hpp"
#include "cache/recorded_result.hpp"
#include "engine/discovered.hpp"
#include "engine/portable_action.hpp"
#include "engine/programs.hpp"
#include "engine/resolver.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

const Rule& rule_of(const Node& node) {
  return *registry()[node.rule];
}

// --- the conditions of running at all ---

bool skip_for_dependencies(const RunState& state, NodeId id, Decision& decision) {
  for (const NodeId dependency : state.graph.dependencies(id)) {
    const FinishedNode& finished = state.finished[index_of(dependency)];
    if (finished.usable()) continue;
    const std::string& label = state.graph.node(dependency).label;
    decision.next = Next::skip;
    decision.blamed = finished.blamed.empty() ? label : finished.blamed;
    if (finished.outcome == Outcome::skipped && finished.blamed.empty())
      decision.reason = fmt::format("{} was skipped", label);
    else if (finished.outcome == Outcome::waiting || decision.blamed == label)
      decision.reason = fmt::format("{} {}", label,
                                    finished.outcome == Outcome::waiting  ? "waits for approval"
                                    : finished.outcome == Outcome::failed ? "failed"
                                                                          : "was cancelled");
    else
      decision.reason = fmt::format("{} did not come out", decision.blamed);
    if (finished.outcome == Outcome::skipped && finished.blamed.empty()) decision.blamed.clear();
    return true;
  }
  return false;
}

bool skip_for_condition(const Node& node, Resolver& resolver, Decision& decision) {
  for (const Condition& condition : node.when) {
    const std::string left = resolver.fill(condition.left, node.dir);
    const std::string right = resolver.fill(condition.right, node.dir);
    if ((left == right) == condition.equal) continue;
    decision.next = Next::skip;
    decision.reason = fmt::format("`when` does not hold: \"{}\" {} \"{}\"", left, condition.equal ? "==" : "!=", right);
    return true;
  }
  return false;
}

// --- the action, complete ---

void add_environment(const RunState& state, const Node& node, const Target& target, Resolver& resolver,
                     Action& action) {
  const auto set = [&](EnvVar variable) {
    std::erase_if(action.env, [&](const EnvVar& other) { return other.name == variable.name; });
    action.env.push_back(std::move(variable));
  };
  for (const std::string& name : node.pass_env)
    if (auto value = state.environment.get(name)) set({name, std::move(*value), EnvClass::passed});
  for (const std::string& name : node.secret_env)
    if (auto value = state.environment.get(name)) set({name, std::move(*value), EnvClass::secret});
  for (const auto& [name, text] : node.env) set({name, resolver.fill(text, node.dir), EnvClass::declared});
  std::sort(action.env.begin(), action.env.end(), [](const EnvVar& a, const EnvVar& b) { return a.name < b.name; });
  for (const auto& [name, value] : target.env_read) action.fields.push_back({"env." + name, value});
}

}  // namespace

std::vector<InputPattern> present_inputs(std::span<const InputPattern> inputs, SourceTree& tree) {
  std::vector<InputPattern> present;
  for (const InputPattern& input : inputs)
    if (input.exclude || !is_literal_pattern(input.pattern) || tree.exists(input.pattern)) present.push_back(input);
  return present;
}

namespace {

Status add_selected_inputs(RunState& state, const Node& node, Action& action) {
  std::vector<std::string> own;
  for (const std::vector<OutputSpec>* specs : {&node.depfiles, &node.outputs})
    for (const OutputSpec& spec : *specs) {
      own.push_back(spec.path);
      if (!spec.real.empty()) own.emplace_back(spec.real.view());
    }
  Result<std::vector<std::string>> selected = state.comparing
                                                  ? state.tree.select(present_inputs(node.inputs, state.tree), own)
                                                  : state.tree.select(node.inputs, own);
  if (!selected) return std::unexpected(selected.error());
  action.inputs.insert(action.inputs.end(), selected->begin(), selected->end());
  std::sort(action.inputs.begin(), action.inputs.end());
  action.inputs.erase(std::unique(action.inputs.begin(), action.inputs.end()), action.inputs.end());
  return {};
}

}  // namespace

Result<InputState> look_at(SourceTree& tree, const std::string& path, Symlinks symlinks) {
  const Result<FileStat> stat = tree.stat(path);
  if (!stat) return std::unexpected(stat.error());
  InputState input{
      .path = path, .type = EntryType::file, .mode = stat->mode & 0777, .content = {}, .symlink_target = {}};
  if (stat->type == FileType::directory) {
    input.type = EntryType::directory;
    return input;
  }
  if (stat->type == FileType::symlink) {
    Result<std::string> target = tree.read_link(path);
    if (!target) return std::unexpected(target.error());
    input.type = EntryType::symlink;
    input.symlink_target = std::move(*target);
    if (symlinks == Symlinks::as_text) return input;
    const Result<LinkEnd> end = follow_links(tree, path);
    if (!end) return std::unexpected(end.error());
    if (!end->exists || end->type != FileType::file) return input;
    const Result<FastDigest> digest = tree.digest(path);
    if (!digest) return std::unexpected(digest.error());
    input.content = *digest;
    input.mode = end->mode;
    return input;
  }
  if (stat->type == FileType::other)
    return fail(ErrorKind::invalid, fmt::format("input `{}` is neither a file, a directory nor a symlink", path));
  const Result<FastDigest> digest = tree.digest(path);
  if (!digest) return std::unexpected(digest.error());
  input.content = *digest;
  return input;
}

namespace {

// The same on every machine, since it is part of what names a result for all of them.
std::string digest_of_outputs(const ActionResult& result, std::string_view below) {
  StrongHasher hasher;
  const auto text = [&](std::string_view part) {
    hasher.update(fmt::format("{}:", part.size()));
    hasher.update(part);
  };
  for (const OutputEntry& entry : result.outputs) {
    if (!is_at_or_below(entry.path, below) || is_private_output(entry.path)) continue;
    text("output");
    text(entry.path);
    // A symlink has no mode; the cache gives one.
    const std::uint32_t mode = entry.type == EntryType::symlink ? 0 : entry.mode;
    text(fmt::format("{} {:o}", static_cast<int>(entry.type), mode));
    text(entry.blob.view());
    text(entry.symlink_target);
  }
  if (below.empty())
    for (const Field& value : result.values) {
      text("value");
      text(value.name);
      text(value.value);
    }
  return hasher.finish().hex();
}

// What other nodes gave, as it counts for the key: their values and outputs, never their keys (unless asked for by
// name), so that a change upstream that comes out the same ends there.
void add_reference_fields(const RunState& state, const Text& text, std::vector<Field>& upstream) {
  for (const Reference& reference : text.references) {
    NodeId other{};
    if (!state.graph.find(reference.label, other)) continue;
    const FinishedNode& finished = state.finished[index_of(other)];
    if (!finished.result) continue;
    if (const std::string* path = output_value(state.graph.node(other), reference.value))
      upstream.push_back(
          {fmt::format("{}.{}", reference.label, reference.value), digest_of_outputs(*finished.result, *path)});
  }
}

void add_references_in(const RunState& state, const Config& value, std::vector<Field>& upstream) {
  if (const Text* text = value.text()) return add_reference_fields(state, *text, upstream);
  if (const ConfigArray* array = value.array())
    for (const Config& item : *array) add_references_in(state, item, upstream);
  if (const ConfigTable* table = value.table())
    for (const ConfigEntry& entry : table->entries) add_references_in(state, entry.value, upstream);
}

void add_upstream(const RunState& state, NodeId id, const Target& target, std::vector<Field>& upstream) {
  const auto dependencies = state.graph.dependencies(id);
  const auto kinds = state.graph.dependency_kinds(id);
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    if (!kinds[i].has(DependencyKind::needs)) continue;
    if (const auto& result = state.finished[index_of(dependencies[i])].result)
      upstream.push_back({state.graph.node(dependencies[i]).label, digest_of_outputs(*result, "")});
  }
  for (const ConfigEntry& entry : target.table.entries) add_references_in(state, entry.value, upstream);
  std::sort(upstream.begin(), upstream.end(), [](const Field& a, const Field& b) { return a.name < b.name; });
  upstream.erase(std::unique(upstream.begin(), upstream.end()), upstream.end());
}

// An output is put aside before its node runs, so nothing that a rule found to be read may lie in it. What patterns
// select was told at load (engine/output_conflicts.hpp).
Status check_own_inputs(const Node& node, const Action& action) {
  for (const OutputSpec& output : node.outputs) {
    auto input = std::ranges::lower_bound(action.inputs, output.path);
    while (input != action.inputs.end() && input->starts_with(output.path) && !is_at_or_below(*input, output.path))
      ++input;
    if (input == action.inputs.end() || !is_at_or_below(*input, output.path)) continue;
    return fail(ErrorKind::invalid,
                fmt::format("the output `{}` holds `{}`, which the node reads", output.path, *input),
                "an output is replaced as a whole; name a file or a directory of its own");
  }
  return {};
}

Status complete_action(RunState& state, NodeId id, Resolver& resolver, Decision& decision) {
  const Node& node = state.graph.node(id);
  const Target& target = state.pipeline.targets[node.target];
  Result<Action> action = rule_of(node).resolve(node, target, resolver);
  if (!action) return std::unexpected(action.error());
  decision.action = std::move(*action);
  decision.action.rule = rule_of(node).name();
  decision.action.outputs = node.outputs;
  decision.action.cache = std::max(decision.action.cache, node.cache);
  // Outputs tell two equal actions apart. Without any, what the action is for lies outside (an image, a deployment, a
  // check), and two nodes mean it to be done twice.
  if (node.outputs.empty()) decision.action.fields.push_back({"node", node.label});
  add_environment(state, node, target, resolver, decision.action);
  if (Status added = add_programs(state, node, target, resolver, decision.action); !added) return added;
  if (resolver.missing_value()) return std::unexpected(*resolver.missing_value());
  if (Status added = add_selected_inputs(state, node, decision.action); !added) return added;
  if (Status apart = check_own_inputs(node, decision.action); !apart && !state.comparing) return apart;
  decision.inputs.reserve(decision.action.inputs.size());
  // A builder copies the symlinks of a context as they are.
  std::unordered_set<std::string_view> as_text;
  for (const StagedEntry& entry : decision.action.staged)
    if (entry.type == EntryType::symlink) as_text.insert(entry.source);
  for (const std::string& path : decision.action.inputs) {
    const Symlinks symlinks = as_text.contains(path) ? Symlinks::as_text : Symlinks::followed;
    Result<InputState> input = look_at(state.tree, path, symlinks);
    if (!input) return std::unexpected(input.error());
    decision.inputs.push_back(std::move(*input));
  }
  add_upstream(state, id, target, decision.upstream);
  return {};
}

// --- what is known already ---

// Whether what the result had outside of the file system is there, or can be brought back by `revival`. `missing` says
// why not, or why it has to be brought back.
bool is_to_be_had(RunState& state, NodeId id, Resolver& resolver, const ActionResult& result,
                  std::vector<Process>& revival, std::string& missing) {
  revival.clear();
  missing.clear();
  const Node& node = state.graph.node(id);
  const Target& target = state.pipeline.targets[node.target];
  const Result<bool> there = rule_of(node).probe(node, target, result, resolver);
  if (there && *there) return true;
  missing = there ? "what it made is no longer there" : there.error().message;
  if (!there) return false;
  Result<std::vector<Process>> processes = rule_of(node).revive(node, target, result, resolver);
  if (processes) revival = std::move(*processes);
  return !revival.empty();
}

// The key with what is read beyond the declared inputs, as it is now.
void adopt_discovered(RunState& state, std::span<const std::string> paths, Decision& decision) {
  decision.discovered = look_at_discovered(state.tree, paths);
  decision.key = fast_key(material_of(state, decision));
}

bool outputs_are_kept(const RunState& state, const ActionResult& result) {
  return state.cache != nullptr && state.cache->holds(result.outputs);
}

bool use_recorded(RunState& state, NodeId id, Resolver& resolver, Decision& decision) {
  const std::string& label = state.graph.node(id).label;
  const auto recorded = state.recorded.find(label);
  if (recorded == state.recorded.end()) {
    decision.reason = "no earlier result";
    return false;
  }
  Result<ActionResult> result;
  const bool discovers = !decision.action.depfile.empty();
  if (discovers)
    if (result = read_recorded(recorded->second.bytes, decision.action.outputs); result)
      adopt_discovered(state, result->discovered, decision);
  if (recorded->second.key != decision.key) {
    const Result<std::optional<ActionResult>> earlier = state.db.result(label);
    if (earlier && *earlier)
      decision.changes = compare_explanations((*earlier)->explanation, explanation_of(state, decision));
    decision.reason = reason_of(decision.changes);
    return false;
  }
  if (!discovers) result = read_recorded(recorded->second.bytes, decision.action.outputs);
  if (!result) {
    decision.reason = result.error().message;
    return false;
  }
  if (!is_to_be_had(state, id, resolver, *result, decision.revival, decision.reason)) return false;
  const std::string difference = compare_outputs(state.tree, decision.action.outputs, result->outputs);
  // An archive on disk serves as well as one in the cache.
  if (!difference.empty() && !outputs_are_kept(state, *result)) {
    decision.reason = difference;
    return false;
  }
  decision.result = std::move(*result);
  decision.recorded_here = true;
  decision.next = difference.empty() && decision.revival.empty() ? Next::nothing : Next::restore;
  if (!difference.empty()) decision.reason = difference;
  return true;
}

// Asks the caches for the action as it is described by now.
bool ask_cache(RunState& state, Decision& decision) {
  const Result<PortableAction> portable = portable_action_of(state, decision);
  if (!portable) {
    decision.answer_reason = "an input changed meanwhile";
    return false;
  }
  decision.portable = encode_action(*portable);
  CacheAnswer answer = state.cache->find(decision.portable->digest, decision.action.cache);
  decision.answer = answer.from;
  decision.answer_reason = std::move(answer.why);
  if (answer.from == LookupAnswer::miss) return false;
  decision.result = std::move(answer.result);
  return true;
}

// A result of an action that reads more than it declares: under one of the sets of files that it was seen to read, with
// the contents that they have now.
bool ask_with_discovered(RunState& state, Decision& decision) {
  const std::vector<DiscoveredInput> before = decision.discovered;
  const FastDigest key_before = decision.key;
  if (const Result<StrongDigest> discovery = discovery_of(state, decision)) {
    for (const PathSet& paths : state.cache->path_sets(*discovery, decision.action.cache)) {
      adopt_discovered(state, paths, decision);
      if (!ask_cache(state, decision)) continue;
      decision.result->discovered = paths;
      return true;
    }
  }
  decision.discovered = before;
  decision.key = key_before;
  decision.portable.reset();
  if (decision.answer_reason.empty()) decision.answer_reason = "not in the cache";
  return false;
}

bool use_cached(RunState& state, NodeId id, Resolver& resolver, Decision& decision) {
  if (state.cache == nullptr || decision.action.cache > CachePolicy::local) return false;
  decision.answer = LookupAnswer::miss;
  if (!(decision.action.depfile.empty() ? ask_cache(state, decision) : ask_with_discovered(state, decision)))
    return false;
  if (std::string missing; !is_to_be_had(state, id, resolver, *decision.result, decision.revival, missing)) {
    decision.answer = LookupAnswer::miss;
    decision.answer_reason = "what it made is not here";
    decision.result.reset();
    return false;
  }
  decision.result->key = decision.key;
  decision.recorded_here = false;
  decision.next = Next::restore;
  return true;
}

}  // namespace

std::string reason_of(const std::vector<FieldChange>& changes) {
  if (changes.empty()) return "its key changed";
  std::string reason = describe(changes.front());
  if (changes.size() > 1) reason += fmt::format(" and {} more", changes.size() - 1);
  return reason;
}

KeyMaterial material_of(const RunState& state, const Decision& decision) {
  return {.action = decision.action,
          .inputs = decision.inputs,
          .discovered = decision.discovered,
          .upstream = decision.upstream,
          .platform = state.platform};
}

Result<PortableAction> portable_action_of(RunState& state, const Decision& decision) {
  return portable_action(material_of(state, decision), state.tree, state.cache->name_space());
}

Result<StrongDigest> discovery_of(RunState& state, const Decision& decision) {
  KeyMaterial material = material_of(state, decision);
  material.discovered = {};
  Result<PortableAction> declared = portable_action(material, state.tree, state.cache->name_space());
  if (!declared) return std::unexpected(std::move(declared.error()));
  return encode_action(discovery_action(*std::move(declared))).digest;
}

const Redactor& secrets_of(const RunState& state, const Action& action, Redactor& own) {
  const auto secret = [](const EnvVar& variable) { return variable.kind == EnvClass::secret; };
  if (std::none_of(action.env.begin(), action.env.end(), secret)) return state.secrets;
  own = state.secrets.with(action.env);
  return own;
}

std::vector<Field> explanation_of(const RunState& state, const Decision& decision) {
  std::vector<Field> explanation = explain_key(material_of(state, decision));
  Redactor own;
  secrets_of(state, decision.action, own).redact(explanation);
  return explanation;
}

void redact(const RunState& state, Decision& decision) {
  Redactor own;
  const Redactor& secrets = secrets_of(state, decision.action, own);
  if (secrets.empty()) return;
  decision.reason = secrets(std::move(decision.reason));
  decision.error.message = secrets(std::move(decision.error.message));
  decision.error.help = secrets(std::move(decision.error.help));
  for (FieldChange& change : decision.changes) {
    change.field = secrets(std::move(change.field));
    change.was = secrets(std::move(change.was));
    change.now = secrets(std::move(change.now));
  }
}

Decision decide(RunState& state, NodeId id) {
  const SourceTree::AskedFor node(static_cast<std::uint32_t>(index_of(id)));
  Decision decision;
  if (skip_for_dependencies(state, id, decision)) return decision;
  Resolver resolver(state, id);
  if (!state.comparing && skip_for_condition(state.graph.node(id), resolver, decision)) return decision;
  const Status complete = complete_action(state, id, resolver, decision);
  // A rule that was refused one answer may have gone another way, to an action that the run will not have.
  const bool not_known = resolver.not_known() || (!complete && complete.error().kind == ErrorKind::not_known);
  if (not_known || !complete) {
    decision.error = resolver.not_known() ? *resolver.not_known() : complete.error();
    decision.next = not_known ? Next::run : Next::fail;
    decision.not_known = not_known && !state.forced[index_of(id)];
    if (not_known) decision.reason = decision.error.message;
    return decision;
  }
  decision.key = fast_key(material_of(state, decision));
  decision.has_key = true;
  decision.next = Next::run;

  const bool recorded = use_recorded(state, id, resolver, decision);
  if (state.forced[index_of(id)] || decision.action.cache == CachePolicy::none) {
    decision.next = Next::run;
    decision.result.reset();
    decision.reason = state.forced[index_of(id)] ? "forced" : "never cached";
    return decision;
  }
  if (recorded) return decision;
  const std::string why = decision.reason;
  decision.next = Next::run;
  decision.result.reset();
  decision.revival.clear();
  if (use_cached(state, id, resolver, decision)) return decision;
  decision.not_known = resolver.not_known().has_value();
  decision.reason = decision.not_known ? resolver.not_known()->message : why;
  return decision;
}

}  // namespace trilock
