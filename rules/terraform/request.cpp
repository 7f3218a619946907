#include "rules/terraform/request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace trilock {
namespace {

constexpr std::array<std::string_view, 4> action_names = {"validate", "plan", "apply", "destroy"};
constexpr std::array<std::string_view, 3> approval_names = {"manual", "no-destroy", "auto"};

constexpr std::array terraform_key_list = {
    KeySpec{"workspace",
            KeyType::literal,
            "The Terraform workspace; made when it does not exist",
            {},
            false,
            "\"default\""},
    KeySpec{"vars", KeyType::any_table, "Values of input variables; they win over `var-files`"},
    KeySpec{"var-files", KeyType::strings, "Files with values of input variables, relative to `dir`; later ones win"},
    KeySpec{"backend-config", KeyType::string_table, "Settings of the backend that its block leaves open"},
    KeySpec{"action", KeyType::choice, "What to do", action_names, false, "\"apply\""},
    KeySpec{"approve", KeyType::choice, "Which changes are applied without asking", approval_names, false,
            "\"no-destroy\""},
    KeySpec{"exports", KeyType::strings, "Outputs of the root module that other nodes may refer to"},
};

template <class Names>
std::size_t index_of(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

const ConfigTable* table_of(const ConfigTable& table, std::string_view key) {
  const Config* value = table.find(key);
  return value == nullptr ? nullptr : value->table();
}

// Terraform takes what survives URL path escaping unchanged.
bool is_workspace_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~$&+=:@").find(c) != std::string_view::npos;
  };
  return !name.empty() && name != "." && name != ".." && std::all_of(name.begin(), name.end(), allowed);
}

template <class Items>
std::vector<std::string_view> names_of(const Items& items) {
  std::vector<std::string_view> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

void check_vars(const TerraformRequest& request, const TerraformConfiguration& configuration,
                Diagnostics& diagnostics) {
  if (request.vars == nullptr) return;
  for (const ConfigEntry& entry : request.vars->entries) {
    if (configuration.variable(entry.key) != nullptr) continue;
    diagnostics.error(entry.place, fmt::format("the configuration declares no variable `{}`", entry.key),
                      did_you_mean(entry.key, names_of(configuration.variables)));
  }
}

void check_exports(const TerraformRequest& request, const TerraformConfiguration& configuration, const Target& target,
                   Diagnostics& diagnostics) {
  const Config* list = target.table.find("exports");
  if (list == nullptr || list->array() == nullptr || request.exports.empty()) return;
  if (request.action != TerraformAction::apply) {
    diagnostics.error(list->place, "only `action = \"apply\"` has outputs to export");
    return;
  }
  for (const Config& item : *list->array()) {
    if (item.text() == nullptr) continue;
    const std::string& name = item.text()->literal;
    const TerraformOutput* output = configuration.output(name);
    if (!item.text()->is_literal()) {
      diagnostics.error(item.place, "`exports` takes names of outputs, without references");
    } else if (output == nullptr) {
      diagnostics.error(item.place, fmt::format("the configuration declares no output `{}`", name),
                        did_you_mean(name, names_of(configuration.outputs)));
    } else if (output->sensitive) {
      diagnostics.error(item.place, fmt::format("output `{}` is sensitive and cannot be exported", name),
                        "values of nodes are kept and shown; let the consumer read the secret where it is stored");
    }
  }
}

void check_var_files(const Target& target, const Node& node, PlanContext& context) {
  const Config* list = target.table.find("var-files");
  if (list == nullptr || list->array() == nullptr) return;
  // What another node makes need not be there yet.
  const bool may_be_made = std::any_of(node.dependencies.begin(), node.dependencies.end(),
                                       [](const Dependency& d) { return d.kind == DependencyKind::needs; });
  for (const Config& item : *list->array()) {
    if (item.text() == nullptr || !item.text()->is_literal()) continue;
    const auto path = join_path(context.tree, node.dir, item.text()->literal);
    if (!path.starts_with('/') && !stays_inside(context, path, item.place)) continue;
    if (may_be_made || context.tree.exists(path)) continue;
    context.diagnostics.error(item.place, fmt::format("file `{}` does not exist", path),
                              node.dir.empty() ? "" : fmt::format("`var-files` are relative to `{}`", node.dir));
  }
}

void check_environment(const Target& target, const Node& node, Diagnostics& diagnostics) {
  const auto refuse = [&](std::string_view key, std::string_view name) {
    if (name != "TF_DATA_DIR" && name != "TF_WORKSPACE") return;
    diagnostics.error(place_of(target.table, key, target.place),
                      fmt::format("`{}` cannot be set for a terraform node: trilock sets it", name),
                      name == "TF_WORKSPACE" ? "the key `workspace` names the workspace" : "");
  };
  for (const auto& [name, value] : node.env) refuse("env", name);
  for (const auto& name : node.pass_env) refuse("pass-env", name);
  for (const auto& name : node.secret_env) refuse("secret-env", name);
}

}  // namespace

std::span<const KeySpec> terraform_keys() {
  return terraform_key_list;
}

TerraformRequest read_request(const ConfigTable& table) {
  TerraformRequest request;
  request.action = static_cast<TerraformAction>(index_of(action_names, literal_or(table, "action", "apply")));
  request.approval = static_cast<Approval>(index_of(approval_names, literal_or(table, "approve", "no-destroy")));
  request.workspace = literal_or(table, "workspace", "default");
  for (const Text& name : texts_of(table, "exports")) request.exports.push_back(name.literal);
  request.var_files = texts_of(table, "var-files");
  request.vars = table_of(table, "vars");
  request.backend_config = table_of(table, "backend-config");
  return request;
}

void check_request(const TerraformRequest& request, const TerraformConfiguration& configuration, const Target& target,
                   const Node& node, PlanContext& context) {
  Diagnostics& diagnostics = context.diagnostics;
  const Place dir = place_of(target.table, "dir", target.place);
  for (const TerraformProblem& problem : configuration.problems) diagnostics.error(dir, problem.message, problem.help);
  if (!is_workspace_name(request.workspace)) {
    diagnostics.error(place_of(target.table, "workspace", target.place),
                      fmt::format("`{}` is no name of a workspace", request.workspace),
                      "letters, digits and `-._~$&+=:@` may stand in it");
  }
  check_environment(target, node, diagnostics);
  check_var_files(target, node, context);
  // Without the whole configuration, what it declares is not known.
  if (!configuration.problems.empty()) return;
  check_vars(request, configuration, diagnostics);
  check_exports(request, configuration, target, diagnostics);
  if (!configuration.opaque_reads.empty() && target.table.find("inputs") == nullptr) {
    diagnostics.warning(dir,
                        fmt::format("a file is read at {} whose path only terraform knows",
                                    fmt::join(configuration.opaque_reads, ", ")),
                        "name such files in `inputs`; `inputs = []` says that there is nothing to name");
  }
}

}  // namespace trilock
