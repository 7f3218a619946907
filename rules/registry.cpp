#include <array>

#include "rules/command/command_rule.hpp"
#include "rules/devcontainer/devcontainer_rule.hpp"
#include "rules/go/go_rule.hpp"
#include "rules/image/image_rule.hpp"
#include "rules/rule.hpp"
#include "rules/terraform/terraform_rule.hpp"

namespace trilock {

std::span<const Rule* const> registry() {
  // Rules have no state: these are constants that happen to have virtual functions.
  static const ImageRule image;
  static const DevcontainerRule devcontainer;
  static const TerraformRule terraform;
  static const GoRule go;
  static const CommandRule command;
  static const std::array<const Rule*, 5> rules = {&image, &devcontainer, &terraform, &go, &command};
  return rules;
}

std::vector<RuleKeys> rule_keys() {
  std::vector<RuleKeys> all;
  for (const Rule* rule : registry())
    all.push_back({rule->name(), rule->keys(), rule->values(), rule->description(), rule->one_of()});
  return all;
}

}  // namespace trilock
