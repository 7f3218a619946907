#include "rules/terraform/plan_review.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/json.hpp"

namespace trilock {
namespace {

constexpr std::size_t most_names = 5;

bool flag(const Json& value, std::string_view key, bool otherwise) {
  const Json* member = value.at(key);
  const bool* given = member == nullptr ? nullptr : std::get_if<bool>(&member->data);
  return given == nullptr ? otherwise : *given;
}

std::string text(const Json& value, std::string_view key) {
  const Json* member = value.at(key);
  return member == nullptr || member->string() == nullptr ? std::string() : *member->string();
}

std::vector<std::string> actions_of(const Json* change) {
  std::vector<std::string> names;
  const Json* actions = change == nullptr ? nullptr : change->at("actions");
  if (actions == nullptr || actions->array() == nullptr) return names;
  for (const Json& action : *actions->array()) {
    if (action.string() != nullptr) names.push_back(*action.string());
  }
  return names;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool acts(const std::vector<std::string>& actions) {
  return !actions.empty() && !contains(actions, "no-op") && !contains(actions, "read");
}

void count(const Json& resource, PlanSummary& plan) {
  const auto actions = actions_of(resource.at("change"));
  const bool creates = contains(actions, "create");
  const bool deletes = contains(actions, "delete");
  plan.add += creates ? 1 : 0;
  plan.change += contains(actions, "update") ? 1 : 0;
  plan.destroy += deletes ? 1 : 0;
  if (deletes) plan.destroyed.push_back(text(resource, "address") + (creates ? " (replaced)" : ""));
  plan.has_changes |= acts(actions) || resource.at("previous_address") != nullptr;
}

// "`a`, `b` (replaced) and 3 more"
std::string enumerate(const std::vector<std::string>& names) {
  std::string list;
  const auto shown = std::min(names.size(), most_names);
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string_view name = names[i];
    const auto remark = name.find(" (");
    list += fmt::format("{}`{}`{}", i == 0 ? "" : ", ", name.substr(0, remark),
                        remark == std::string_view::npos ? "" : name.substr(remark));
  }
  return names.size() > shown ? fmt::format("{} and {} more", list, names.size() - shown) : list;
}

}  // namespace

Result<PlanSummary> read_plan(std::string_view json) {
  const auto document = parse_json(json);
  if (!document) return fail(ErrorKind::invalid, "cannot read the plan: " + document.error().message);
  if (document->at("format_version") == nullptr) return fail(ErrorKind::invalid, "cannot read the plan: it is none");
  PlanSummary plan;
  plan.errored = flag(*document, "errored", false);
  plan.complete = flag(*document, "complete", true);
  if (const Json* changes = document->at("resource_changes"); changes != nullptr && changes->array() != nullptr) {
    for (const Json& resource : *changes->array()) count(resource, plan);
  }
  if (const Json* outputs = document->at("output_changes"); outputs != nullptr && outputs->object() != nullptr) {
    for (const auto& [name, change] : outputs->object()->members) plan.has_changes |= acts(actions_of(&change));
  }
  if (const Json* drift = document->at("resource_drift"); drift != nullptr && drift->array() != nullptr) {
    for (const Json& resource : *drift->array()) {
      if (acts(actions_of(resource.at("change")))) plan.drifted.push_back(text(resource, "address"));
    }
  }
  // Terraform 1.7 and later say it themselves, and know of changes that are in no list.
  plan.has_changes = flag(*document, "applyable", plan.has_changes);
  return plan;
}

Verdict judge(const PlanSummary& plan, Approval approval) {
  if (plan.errored) return {Verdict::Kind::fail, "terraform could not finish the plan; nothing was applied"};
  if (!plan.complete) {
    return {Verdict::Kind::fail,
            "the plan is not complete: terraform deferred changes until others are made; nothing was applied"};
  }
  if (!plan.has_changes || approval == Approval::automatic) return {};
  const auto counts = fmt::format("the plan waits for approval: {} to add, {} to change, {} to destroy", plan.add,
                                  plan.change, plan.destroy);
  if (approval == Approval::manual) {
    return {Verdict::Kind::wait, counts + "; `approve = \"no-destroy\"` or `approve = \"auto\"` applies it"};
  }
  if (!plan.destroyed.empty()) {
    return {Verdict::Kind::wait,
            fmt::format("{}; it destroys {}; `approve = \"auto\"` allows that", counts, enumerate(plan.destroyed))};
  }
  if (!plan.drifted.empty()) {
    return {Verdict::Kind::wait, fmt::format("{}; {} changed outside terraform; `approve = \"auto\"` applies over it",
                                             counts, enumerate(plan.drifted))};
  }
  return {};
}

}  // namespace trilock
