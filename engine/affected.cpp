#include "engine/affected.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/decision.hpp"
#include "engine/discovered.hpp"
#include "engine/revision_world.hpp"
#include "rules/json_document.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

// --- one state of the workspace, with every node finished as far as those that refer to it can tell ---

void add_values(const Text& text, std::map<std::string, std::set<std::string>>& values) {
  for (const Reference& reference : text.references) values[reference.label].insert(reference.value);
}

void add_values(const Config& value, std::map<std::string, std::set<std::string>>& values) {
  if (const Text* text = value.text()) return add_values(*text, values);
  if (const ConfigArray* array = value.array())
    for (const Config& item : *array) add_values(item, values);
  if (const ConfigTable* table = value.table())
    for (const ConfigEntry& entry : table->entries) add_values(entry.value, values);
}

// A text for each value that is asked of a node, the same in both states, and in the form of a digest, which rules
// insist on where an image is named.
std::map<std::string, ActionResult> assumed_results(const Pipeline& pipeline, std::span<const Node> nodes) {
  std::map<std::string, std::set<std::string>> values;
  for (const Node& node : nodes) {
    values[node.label].insert(registry()[node.rule]->values().begin(), registry()[node.rule]->values().end());
    for (const auto& kept : node.kept) add_values(kept.second, values);
  }
  for (const Target& target : pipeline.targets)
    for (const ConfigEntry& entry : target.table.entries) add_values(entry.value, values);
  std::map<std::string, ActionResult> results;
  for (const auto& [label, names] : values)
    for (const std::string& name : names)
      results[label].values.push_back({name, "sha256:" + strong_digest(label + "\n" + name).hex()});
  return results;
}

class State {
 public:
  State(Workspace& workspace, const PlannedPipeline& planned)
      : workspace_(workspace),
        planned_(planned),
        executables_(workspace.environment().path()),
        secrets_(secrets_of(planned.graph, workspace.environment())),
        run_{.pipeline = planned.pipeline,
             .graph = planned.graph,
             .tree = workspace.tree(),
             .cache = nullptr,
             .db = workspace.db(),
             .questions = workspace.questions(),
             .tools = workspace.tools(),
             .runner = workspace.runner(),
             .environment = workspace.environment(),
             .executables = executables_,
             .events = nobody_,
             .secrets = secrets_,
             .options = {},
             .producers = Producers(planned.graph),
             .began_ns = 0,
             .scratch_root = {},
             .platform = {},
             .recorded = {},
             .forced = std::vector<bool>(planned.graph.size(), false),
             .finished = std::vector<FinishedNode>(planned.graph.size()),
             .comparing = true} {
    std::map<std::string, ActionResult> results = assumed_results(planned.pipeline, graph().nodes());
    for (std::size_t i = 0; i < graph().size(); ++i) {
      run_.finished[i].outcome = Outcome::unchanged;
      run_.finished[i].result = std::move(results[graph().node(static_cast<NodeId>(i)).label]);
    }
  }

  // The fields of the node's key; an error when its action cannot be made.
  Result<std::vector<Field>> fields(NodeId id) {
    Decision decision = decide(run_, id);
    if (!decision.has_key) return std::unexpected(decision.error);
    add_discovered(id, decision);
    std::vector<Field> fields = explanation_of(run_, decision);
    add_condition(id, fields);
    return fields;
  }

  // What the pipeline says of the node, and its files as far as that says which. `candidates` are absolute paths.
  std::vector<Field> declared_fields(NodeId id, const Revision::Differences& candidates) {
    const Node& node = graph().node(id);
    SourceTree& tree = workspace_.tree();
    Action action;
    for (const ConfigEntry& entry : planned_.pipeline.targets[node.target].table.entries)
      action.fields.push_back({entry.key, to_source(write_document(document_of(entry.value), 0))});
    for (const auto& [name, text] : node.env) action.env.push_back({name, to_source(text), EnvClass::declared});
    for (const std::string& name : node.pass_env) action.fields.push_back({"pass-env " + name, ""});
    for (const std::string& name : node.secret_env) action.env.push_back({name, "", EnvClass::secret});
    std::set<std::string> paths;
    if (const auto selected = tree.select(present_inputs(node.inputs, tree), {}))
      paths.insert(selected->begin(), selected->end());
    const std::string below = tree.absolute(node.dir) + "/";
    for (const auto& difference : candidates)
      if (difference.first.starts_with(below)) paths.insert(difference.first.substr(tree.root().size() + 1));
    std::vector<InputState> inputs;
    for (const std::string& path : paths)
      if (auto input = look_at(tree, path)) inputs.push_back(std::move(*input));
    std::vector<Field> fields = explain_key({.action = action, .inputs = inputs, .upstream = {}, .platform = {}});
    add_condition(id, fields);
    secrets_.redact(fields);
    return fields;
  }

  [[nodiscard]] const Graph& graph() const { return planned_.graph; }

 private:
  // Files that a depfile named when the node last ran here. Of a node that never did, nobody knows them.
  void add_discovered(NodeId id, Decision& decision) {
    if (decision.action.depfile.empty()) return;
    const Result<std::optional<ActionResult>> last = run_.db.result(graph().node(id).label);
    if (last && *last) decision.discovered = look_at_discovered(run_.tree, (*last)->discovered);
  }

  void add_condition(NodeId id, std::vector<Field>& fields) const {
    for (const Condition& when : graph().node(id).when)
      fields.push_back(
          {"when", fmt::format("{} {} {}", to_source(when.left), when.equal ? "==" : "!=", to_source(when.right))});
  }

  Workspace& workspace_;
  const PlannedPipeline& planned_;
  Executables executables_;
  SilentListener nobody_;
  Redactor secrets_;
  RunState run_;
};

// --- the comparison ---

class Comparison {
 public:
  Comparison(Workspace& workspace, const PlannedPipeline& planned, Revision& revision)
      : planned_(planned), revision_(revision), now_(workspace, planned), origin_(planned.graph.size()) {}

  // Asks all tools about the work tree first: their answers hold in the revision too wherever nothing that they depend
  // on differs, and then no checkout is needed to ask again.
  void look_at_work_tree() {
    for (std::size_t i = 0; i < planned_.graph.size(); ++i) fields_.push_back(now_.fields(static_cast<NodeId>(i)));
  }

  void compare_with(Workspace& then_workspace, const PlannedPipeline& then_planned, AffectedAnswer& answer) {
    State then(then_workspace, then_planned);
    for (const NodeId id : planned_.graph.order()) {
      NodeId earlier{};
      AffectedNode node{.id = id, .kind = AffectedNode::Kind::added, .reason = {}, .changes = {}, .because_of = {}};
      if (then.graph().find(planned_.graph.node(id).label, earlier)) {
        compare_node(node, then, earlier);
      } else {
        node.reason = "is not in the revision";
      }
      if (node.reason.empty()) blame_dependency(node);
      if (node.reason.empty()) continue;
      origin_[index_of(id)] = node.because_of.empty() ? planned_.graph.node(id).label : node.because_of;
      answer.nodes.push_back(std::move(node));
    }
    for (const Target& target : then_planned.pipeline.targets)
      if (NodeId id{}; !planned_.graph.find(target.label, id)) answer.removed.push_back(target.label);
    for (const auto& [message, labels] : coarse_)
      answer.warnings.push_back(fmt::format("{}: {}; every file below its `dir` counts", labels, message));
  }

  void all_affected(const std::string& reason, AffectedAnswer& answer) const {
    for (const NodeId id : planned_.graph.order())
      answer.nodes.push_back(
          {.id = id, .kind = AffectedNode::Kind::added, .reason = reason, .changes = {}, .because_of = {}});
  }

 private:
  void compare_node(AffectedNode& node, State& then, NodeId earlier) {
    node.kind = AffectedNode::Kind::changed;
    const Result<std::vector<Field>>& now = fields_[index_of(node.id)];
    const Result<std::vector<Field>> before = then.fields(earlier);
    if (now && before) {
      node.changes = compare_explanations(*before, *now);
    } else {
      node.changes = compare_explanations(then.declared_fields(earlier, revision_.differences()),
                                          now_.declared_fields(node.id, revision_.differences()));
      const Error& error = now ? before.error() : now.error();
      std::string& labels = coarse_[error.message];
      labels += fmt::format("{}{}", labels.empty() ? "" : ", ", planned_.graph.node(node.id).label);
      if (node.changes.empty() && now.has_value() != before.has_value()) node.reason = error.message;
    }
    // Of several fields that one edit changes, a file is what the user edited.
    const auto file = std::ranges::find_if(
        node.changes, [](const FieldChange& change) { return change.field.starts_with("input "); });
    if (file != node.changes.end()) std::rotate(node.changes.begin(), file, file + 1);
    if (node.changes.empty()) return;
    node.reason = describe(node.changes.front());
    if (node.changes.size() > 1) node.reason += fmt::format(" and {} more", node.changes.size() - 1);
  }

  // In graph order what a node depends on has been looked at before it.
  void blame_dependency(AffectedNode& node) const {
    const auto dependencies = planned_.graph.dependencies(node.id);
    const auto kinds = planned_.graph.dependency_kinds(node.id);
    for (std::size_t i = 0; i < dependencies.size(); ++i) {
      const std::string& origin = origin_[index_of(dependencies[i])];
      if (kinds[i].strongest() == DependencyKind::after || origin.empty()) continue;
      node.kind = AffectedNode::Kind::dependent;
      node.because_of = origin;
      node.reason = "because of " + node.because_of;
      return;
    }
  }

  const PlannedPipeline& planned_;
  Revision& revision_;
  State now_;
  std::vector<Result<std::vector<Field>>> fields_;  // by node
  std::vector<std::string> origin_;                 // by node: the label of the change that affects it, "" for none
  std::map<std::string, std::string> coarse_;       // what went wrong -> labels
};

std::vector<std::string> outputs_of(const Workspace& workspace, const Graph& graph) {
  std::vector<std::string> paths;
  for (const Node& node : graph.nodes())
    for (const OutputSpec& output : node.outputs) paths.push_back(workspace.root() + "/" + output.path);
  return paths;
}

}  // namespace

AffectedAnswer find_affected(Workspace& workspace, const PlannedPipeline& planned, const LoadOptions& load,
                             Revision& revision) {
  AffectedAnswer answer;
  Comparison comparison(workspace, planned, revision);
  comparison.look_at_work_tree();

  RevisionDisk disk(workspace.disk(), revision.top(), revision.differences(), outputs_of(workspace, planned.graph));
  RevisionRunner runner(workspace.runner(), revision);
  Workspace then(workspace.root(), workspace.place(), workspace.environment(), disk, workspace.db(), runner);
  then.questions().ask_quietly();
  then.questions().remember(workspace.questions().take_new_answers());
  if (!then.tree().exists(load.path)) {
    answer.warnings.push_back(fmt::format("the revision has no `{}`", load.path));
    comparison.all_affected("the revision has no pipeline", answer);
    return answer;
  }
  RevisionWorld world(then, revision);
  SourceMap sources;
  Diagnostics diagnostics;
  const PlannedPipeline earlier = plan_pipeline(then, world, load, sources, diagnostics);
  if (diagnostics.has_errors()) {
    const Diagnostic& first = *std::ranges::find(diagnostics.all(), Severity::error, &Diagnostic::severity);
    answer.warnings.push_back(
        fmt::format("the pipeline of the revision cannot be used: {}:{}: {}",
                    first.place.source == SourceId::none ? load.path : sources.path(first.place.source),
                    first.place.line, first.message));
    comparison.all_affected("the pipeline of the revision cannot be used", answer);
    return answer;
  }
  comparison.compare_with(then, earlier, answer);
  return answer;
}

}  // namespace trilock
