#include "rules/terraform/terraform_rule.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cache/hash.hpp"
#include "rules/json_document.hpp"
#include "rules/terraform/configuration.hpp"
#include "rules/terraform/environment.hpp"
#include "rules/terraform/request.hpp"
#include "rules/terraform/state.hpp"
#include "rules/terraform/state_questions.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

constexpr std::string_view init_name = "terraform init";
constexpr std::string_view select_name = "terraform workspace select";
constexpr std::string_view validate_name = "terraform validate";
constexpr std::string_view plan_name = "terraform plan";
constexpr std::string_view show_name = "terraform show";
constexpr std::string_view apply_name = "terraform apply";
constexpr std::string_view output_name = "terraform output";
constexpr std::string_view state_name = "terraform state pull";

// What terraform itself writes beside the configuration. Even `inputs = ["**"]` must not make a state part of the key.
constexpr std::array<std::string_view, 6> written_by_terraform = {".terraform/**",
                                                                  "terraform.tfstate",
                                                                  "terraform.tfstate.backup",
                                                                  "terraform.tfstate.d/**",
                                                                  ".terraform.tfstate.lock.info",
                                                                  "errored.tfstate"};

TerraformBackend backend_of(const TerraformConfiguration& configuration, const TerraformRequest& request) {
  auto backend = configuration.backend.value_or(TerraformBackend{"local", {}, {}});
  if (backend.type != "local" || request.backend_config == nullptr) return backend;
  const auto given = [&](std::string_view key, std::optional<std::string>& into) {
    const Config* value = request.backend_config->find(key);
    if (value != nullptr && value->text() != nullptr) into = value->text()->literal;
  };
  given("path", backend.path);
  given("workspace_dir", backend.workspace_dir);
  return backend;
}

const std::string* field(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &found->value;
}

Result<Tool> find_terraform(ResolveContext& context) {
  const auto found = context.find_executables("terraform");
  if (found.empty()) {
    return fail(ErrorKind::tool_missing, "`terraform` is not in PATH",
                "Debian has no package of it: add HashiCorp's Debian repository and install `terraform`, or unpack a "
                "release from HashiCorp's releases page into a folder of PATH");
  }
  Question question{{found.front(), "version", "-json"}};
  question.env = {{"CHECKPOINT_DISABLE", "1", EnvClass::ambient}};
  const auto answer = context.ask(question);
  if (!answer) return std::unexpected(answer.error());
  const auto version = parse_json(answer->out);
  const auto text = [&](std::string_view key) -> std::string {
    const Json* value = version ? version->at(key) : nullptr;
    return value == nullptr || value->string() == nullptr ? "" : *value->string();
  };
  if (answer->exit_code != 0 || text("terraform_version").empty()) {
    return fail(ErrorKind::tool_failed, fmt::format("`{} version -json` did not tell a version", found.front()),
                "trilock needs terraform 1.4 or later");
  }
  return Tool{"terraform", found.front(), fmt::format("{} {}", text("terraform_version"), text("platform")),
              text("terraform_version")};
}

// Builds the processes and the files that they read.
class ActionBuilder {
 public:
  ActionBuilder(const Node& node, const TerraformRequest& request, Action& action)
      : node_(node), request_(request), action_(action) {}

  void validate() {
    add(init_name, {"init", "-input=false", "-no-color", "-backend=false"});
    add(validate_name, {"validate", "-no-color"});
  }

  void with_state(ResolveContext& context, const TerraformConfiguration& configuration) {
    init(context);
    if (request_.workspace != "default") {
      add(select_name, {"workspace", "select", "-no-color", "-or-create=true", request_.workspace});
    }
    plan(context, configuration);
    if (request_.action != TerraformAction::plan) {
      const std::string saved = fmt::format("{}/plan", scratch_marker);
      auto& show = add(show_name, {"show", "-no-color", "-json", saved});
      show.quiet = true;
      show.review = true;
      add(apply_name, {"apply", "-input=false", "-no-color", saved});
    }
    if (!request_.exports.empty()) add(output_name, {"output", "-no-color", "-json"}).quiet = true;
    add(state_name, {"state", "pull"}).quiet = true;
  }

 private:
  Process& add(std::string_view name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "terraform");
    action_.processes.push_back({std::string(name), std::move(arguments), node_.dir});
    return action_.processes.back();
  }

  // Settings and variables may be secrets, and every user of the machine can read the arguments of a process.
  std::string scratch_file(std::string_view name, const ConfigTable& table, ResolveContext& context) {
    auto path = fmt::format("{}/{}", scratch_marker, name);
    action_.writes.push_back(
        {path, fill_document(write_document(document_of(table), 2), node_.dir, context) + "\n", 0600});
    return path;
  }

  void init(ResolveContext& context) {
    auto& process = add(init_name, {"init", "-input=false", "-no-color"});
    if (request_.backend_config == nullptr) return;
    const auto path = scratch_file("trilock.tfbackend.json", *request_.backend_config, context);
    process.argv.push_back("-backend-config=" + path);
  }

  void plan(ResolveContext& context, const TerraformConfiguration& configuration) {
    auto& process = add(plan_name, {"plan", "-input=false", "-no-color", "-detailed-exitcode"});
    process.ok_codes = {0, 2};
    if (request_.action == TerraformAction::destroy) process.argv.emplace_back("-destroy");
    for (const Text& file : request_.var_files) process.argv.push_back("-var-file=" + context.fill(file, node_.dir));
    if (request_.vars != nullptr && !request_.vars->entries.empty()) {
      process.argv.push_back("-var-file=" + scratch_file("trilock.tfvars.json", *request_.vars, context));
      variables(context, configuration);
    }
    if (request_.action != TerraformAction::plan) process.argv.push_back(fmt::format("-out={}/plan", scratch_marker));
  }

  // The file of variables decides; these fields name the one that changed.
  void variables(ResolveContext& context, const TerraformConfiguration& configuration) {
    for (const ConfigEntry& entry : request_.vars->entries) {
      auto value = fill_document(write_document(document_of(entry.value), 0), node_.dir, context);
      const auto* variable = configuration.variable(entry.key);
      if (variable != nullptr && variable->sensitive) value = "sha256:" + strong_digest(value).hex();
      action_.fields.push_back({"var." + entry.key, std::move(value)});
    }
  }

  const Node& node_;
  const TerraformRequest& request_;
  Action& action_;
};

// The files that decide what terraform does. Both `plan` and `resolve` look: a file may be made by a node in between.
std::vector<std::string> deciding_files(const TerraformConfiguration& configuration, const TerraformRequest& request,
                                        const std::string& dir, SourceTree& tree) {
  auto paths = configuration.files;
  paths.insert(paths.end(), configuration.read_files.begin(), configuration.read_files.end());
  if (request.has_state()) {
    for (auto& path : automatic_variable_files(tree, dir)) paths.push_back(std::move(path));
  }
  return paths;
}

void add_inputs(const TerraformConfiguration& configuration, const TerraformRequest& request, PlanContext& context,
                Node& node) {
  auto paths = deciding_files(configuration, request, node.dir, context.tree);
  for (const Text& file : request.var_files) {
    if (request.has_state() && file.is_literal()) paths.push_back(join_path(context.tree, node.dir, file.literal));
  }
  std::vector<InputPattern> inputs;
  for (const auto& path : paths) {
    if (!path.starts_with('/')) inputs.push_back({quote_pattern(path), false, node.place});
  }
  inputs.insert(inputs.end(), configuration.filesets.begin(), configuration.filesets.end());
  inputs.insert(inputs.end(), node.inputs.begin(), node.inputs.end());
  for (const auto pattern : written_by_terraform) {
    const auto folder = node.dir.empty() ? std::string() : quote_pattern(node.dir) + "/";
    inputs.push_back({folder + std::string(pattern), true, node.place});
  }
  const auto state = local_state_path(context.tree, node.dir, backend_of(configuration, request), request.workspace);
  if (!state.starts_with('/')) inputs.push_back({quote_pattern(state), true, node.place});
  node.inputs = std::move(inputs);
}

Status add_files(const Node& node, const TerraformRequest& request, const TerraformConfiguration& configuration,
                 ResolveContext& context, Action& action) {
  auto paths = deciding_files(configuration, request, node.dir, context.tree());
  for (const Text& file : request.var_files) {
    if (request.has_state()) paths.push_back(join_path(context.tree(), node.dir, context.fill(file, node.dir)));
  }
  const auto selected = context.tree().select(configuration.filesets, {}, Symlinks::as_text);
  if (!selected) return std::unexpected(selected.error());
  paths.insert(paths.end(), selected->begin(), selected->end());
  for (auto& path : paths) {
    if (auto status = add_file(context.tree(), std::move(path), action); !status) return status;
  }
  std::sort(action.inputs.begin(), action.inputs.end());
  action.inputs.erase(std::unique(action.inputs.begin(), action.inputs.end()), action.inputs.end());
  return {};
}

Status collect_outputs(const Action& action, const std::string& json, Collected& collected) {
  const auto outputs = parse_json(json);
  if (!outputs) return fail(ErrorKind::tool_failed, "cannot read terraform's outputs: " + outputs.error().message);
  std::string_view rest = *field(action.fields, "exports");
  while (!rest.empty()) {
    const std::string name(rest.substr(0, rest.find(',')));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    const Json* output = outputs->at(name);
    const Json* value = output == nullptr ? nullptr : output->at("value");
    if (value == nullptr) {
      return fail(ErrorKind::tool_failed, fmt::format("terraform has no output `{}` after the apply", name),
                  "an output that is null does not exist for terraform");
    }
    const Json* sensitive = output->at("sensitive");
    if (sensitive != nullptr && write_json(*sensitive) == "true") {
      return fail(ErrorKind::invalid, fmt::format("output `{}` is sensitive and cannot be exported", name));
    }
    collected.values.push_back({"output." + name, value->string() != nullptr ? *value->string() : write_json(*value)});
  }
  return {};
}

Status collect_state(const Action& action, const std::string& text, Collected& collected) {
  const auto version = read_state(text);
  if (!version) return std::unexpected(version.error());
  collected.values.push_back({"lineage", version->lineage});
  collected.values.push_back({"serial", version->serial});
  collected.witness = {{"lineage", version->lineage}, {"serial", version->serial}};
  for (const char* name : {"backend", "state"}) {
    if (const auto* value = field(action.fields, name)) collected.witness.push_back({name, *value});
  }
  return {};
}

}  // namespace

std::string_view TerraformRule::description() const {
  return "Validates, plans, applies or destroys a Terraform module";
}

std::span<const KeySpec> TerraformRule::keys() const {
  return terraform_keys();
}

std::span<const std::string_view> TerraformRule::values() const {
  static constexpr std::array<std::string_view, 3> names = {"lineage", "output.", "serial"};
  return names;
}

void TerraformRule::plan(const Target& target, PlanContext& context, Node& node) const {
  if (!context.tree.check_inside(node.dir)) return;  // plan_node has said so
  const auto request = read_request(target.table);
  const auto configuration = read_terraform(context.tree, node.dir, !request.has_state());
  check_request(request, configuration, target, node, context);
  add_inputs(configuration, request, context, node);
  if (!request.has_state()) return;
  // A state belongs to the world, not to the machine's cache: what was applied cannot be restored from there.
  node.cache = std::max(node.cache, CachePolicy::machine);
  node.exclusive.push_back(fmt::format("terraform state {}/{}", node.dir.empty() ? "." : node.dir, request.workspace));
}

Result<Action> TerraformRule::resolve(const Node& node, const Target& target, ResolveContext& context) const {
  const auto request = read_request(target.table);
  const auto configuration = read_terraform(context.tree(), node.dir, !request.has_state());
  if (!configuration.problems.empty()) {
    return fail(ErrorKind::invalid, configuration.problems.front().message, configuration.problems.front().help);
  }
  auto tool = find_terraform(context);
  if (!tool) return std::unexpected(tool.error());

  Action action;
  action.rule = name();
  action.cache = node.cache;
  action.outputs = node.outputs;
  action.tools.push_back(std::move(*tool));
  if (auto status = add_files(node, request, configuration, context, action); !status) {
    return std::unexpected(status.error());
  }
  const auto backend = backend_of(configuration, request);
  action.fields.push_back({"action", literal_or(target.table, "action", "apply")});
  ActionBuilder builder(node, request, action);
  if (request.has_state()) {
    action.fields.push_back({"workspace", request.workspace});
    action.fields.push_back({"backend", backend.type});
    action.fields.push_back({"exports", fmt::format("{}", fmt::join(request.exports, ","))});
    action.leaves.push_back({"backend", backend.type});
    if (backend.type == "local") {
      action.fields.push_back({"state", local_state_path(context.tree(), node.dir, backend, request.workspace)});
      action.leaves.push_back({"lock file", lock_file_of(action.fields.back().value)});
    }
    builder.with_state(context, configuration);
  } else {
    builder.validate();
  }
  auto variables = configuration.variables;
  std::erase_if(variables, [&](const TerraformVariable& variable) {
    return request.vars != nullptr && request.vars->find(variable.name) != nullptr;
  });
  action.env = terraform_environment(node, {request.workspace, request.has_state(), std::move(variables)}, state_marker,
                                     context);
  return action;
}

Verdict TerraformRule::review(const Node&, const Target& target, const Run& run, std::size_t index) const {
  const auto plan = read_plan(run.processes[index].out);
  if (!plan) return {Verdict::Kind::fail, plan.error().message};
  return judge(*plan, read_request(target.table).approval);
}

Result<Collected> TerraformRule::collect(const Node&, const Action& action, const Run& run) const {
  Collected collected;
  for (std::size_t i = 0; i < action.processes.size() && i < run.processes.size(); ++i) {
    Status status;
    if (action.processes[i].name == output_name) status = collect_outputs(action, run.processes[i].out, collected);
    if (action.processes[i].name == state_name) status = collect_state(action, run.processes[i].out, collected);
    if (!status) return std::unexpected(status.error());
  }
  std::sort(collected.values.begin(), collected.values.end(),
            [](const Field& a, const Field& b) { return a.name < b.name; });
  return collected;
}

Result<bool> TerraformRule::probe(const Node& node, const Target& target, const ActionResult& result,
                                  ResolveContext& context) const {
  const auto request = read_request(target.table);
  if (!request.has_state()) return true;
  const auto* lineage = field(result.witness, "lineage");
  const auto* serial = field(result.witness, "serial");
  if (lineage == nullptr || serial == nullptr) return false;
  const auto* path = field(result.witness, "state");
  const auto now = path != nullptr ? local_state(*path, context) : pulled_state(node, request, context);
  if (!now) return std::unexpected(now.error());
  return *now == StateVersion{*lineage, *serial};
}

Result<std::vector<Leftover>> TerraformRule::leftovers(const Node& node, const Target& target,
                                                       std::span<const Field> leaves, std::int64_t,
                                                       ResolveContext& context) const {
  const auto* path = field(leaves, "lock file");
  return path != nullptr ? lock_file_left(*path, context) : lock_left(node, read_request(target.table), context);
}

}  // namespace trilock
