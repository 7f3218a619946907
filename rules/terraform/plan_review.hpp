// What a saved Terraform plan would do, and whether it may be applied without asking.
// Source: Terraform's "JSON Output Format", "Plan Representation" (format version 1.x).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule.hpp"
#include "schemas/result.hpp"

namespace trilock {

enum class Approval : std::uint8_t {
  manual,      // every change waits
  no_destroy,  // a change waits that destroys something, or that would undo what was changed outside Terraform
  automatic,
};

// Counted as Terraform counts in "Plan: 1 to add, 0 to change, 1 to destroy": a replacement is an addition and a
// destruction.
struct PlanSummary {
  std::size_t add = 0;
  std::size_t change = 0;
  std::size_t destroy = 0;
  std::vector<std::string> destroyed;  // addresses; of a replacement with " (replaced)"
  std::vector<std::string> drifted;    // addresses of what changed outside Terraform
  bool has_changes = false;            // outputs and moved addresses count
  bool errored = false;
  bool complete = true;
};

// `json` is what `terraform show -json PLAN` prints.
[[nodiscard]] Result<PlanSummary> read_plan(std::string_view json);

[[nodiscard]] Verdict judge(const PlanSummary& plan, Approval approval);

}  // namespace trilock
