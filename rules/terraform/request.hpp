// What a [terraform.x] table asks for, and what is wrong with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule.hpp"
#include "rules/terraform/configuration.hpp"
#include "rules/terraform/plan_review.hpp"

namespace trilock {

enum class TerraformAction : std::uint8_t { validate, plan, apply, destroy };

// The keys of the table, without the common ones.
[[nodiscard]] std::span<const KeySpec> terraform_keys();

struct TerraformRequest {
  TerraformAction action = TerraformAction::apply;
  Approval approval = Approval::no_destroy;
  std::string workspace;
  std::vector<std::string> exports;
  std::vector<Text> var_files;
  const ConfigTable* vars = nullptr;            // null when absent
  const ConfigTable* backend_config = nullptr;  // null when absent

  [[nodiscard]] bool has_state() const { return action != TerraformAction::validate; }
};

// Of a table whose keys were checked.
[[nodiscard]] TerraformRequest read_request(const ConfigTable& table);

// Reports what Terraform would refuse, or silently ignore, in places of the pipeline.
void check_request(const TerraformRequest& request, const TerraformConfiguration& configuration, const Target& target,
                   const Node& node, PlanContext& context);

}  // namespace trilock
