// What the files of one Terraform module declare, as far as trilock must know it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/terraform/configuration.hpp"
#include "rules/terraform/hcl.hpp"

namespace trilock {

struct DeclaredModule {
  std::string name;
  std::string source;  // "" when it is no literal
  std::string place;
};

struct TerraformDeclarations {
  std::vector<DeclaredModule> modules;
  std::vector<TerraformVariable> variables;
  std::vector<TerraformOutput> outputs;
  std::optional<TerraformBackend> backend;
  std::string required_version;
  std::vector<HclFileCall> file_calls;
};

// Adds what a file says; of two declarations of one name, the later one wins attribute by attribute, as in override
// files. `is_json`: HCL's JSON syntax. Text that cannot be read adds nothing.
void read_declarations(std::string_view text, bool is_json, const std::string& path, TerraformDeclarations& into);

}  // namespace trilock
