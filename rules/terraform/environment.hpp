// The environment that terraform gets besides the base one and what the pipeline declares. trilock passes on what it
// knows by name; anything else needs `pass-env` or `secret-env`.
#pragma once

#include <string>
#include <vector>

#include "rules/rule.hpp"
#include "rules/terraform/configuration.hpp"

namespace trilock {

struct TerraformSettings {
  std::string workspace;
  bool reaches_out = true;  // false for `validate`, which asks no provider and no backend
  // `TF_VAR_*` of these are passed on when they are set.
  std::vector<TerraformVariable> variables;
};

// Where terraform keeps providers, modules and the chosen workspace of one node. `state` is the directory of disposable
// state: an absolute path or a marker.
[[nodiscard]] std::string data_dir(std::string_view state, std::string_view label);

// Sorted by name; without what the node names in `env`, `pass-env` or `secret-env`.
[[nodiscard]] std::vector<EnvVar> terraform_environment(const Node& node, const TerraformSettings& settings,
                                                        std::string_view state, ResolveContext& context);

}  // namespace trilock
