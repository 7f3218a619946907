// What a Terraform root module consists of, read from its files: which they are, local modules and files that
// functions read included, and what it declares. Remote modules are named but not entered: their sources and versions
// stand in the files.
// Source: Terraform language documentation, "Files and Configuration Structure", "Override Files", "Module Sources";
// compared with what terraform 1.11 opens in tests/integration/terraform_files.sh.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/source_tree.hpp"
#include "schemas/node.hpp"
#include "schemas/result.hpp"

namespace trilock {

struct TerraformVariable {
  std::string name;
  bool sensitive = false;
  bool has_default = false;
};

struct TerraformOutput {
  std::string name;
  bool sensitive = false;
};

struct TerraformModule {
  std::string key;     // "network", "network.subnet": as in modules.json
  std::string source;  // "" when it is no literal
  std::string dir;     // as the source tree has it; "" for a remote one
  bool local = false;
  std::string place;  // "terraform/main.tf:12"
};

struct TerraformBackend {
  std::string type;  // "local", "s3"; "cloud" for a `cloud` block
  std::optional<std::string> path;
  std::optional<std::string> workspace_dir;
};

// Something about the configuration that keeps it from being planned, in the words of a diagnostic.
struct TerraformProblem {
  std::string message;
  std::string help;
};

struct TerraformConfiguration {
  // Paths as the source tree has them: relative to the workspace, or absolute outside of it. Sorted, unique.
  std::vector<std::string> files;
  std::vector<std::string> read_files;  // literal arguments of `file` and its like, where there is such a file
  std::vector<InputPattern> filesets;   // within the workspace
  std::vector<TerraformModule> modules;
  std::vector<TerraformVariable> variables;  // of the root module
  std::vector<TerraformOutput> outputs;      // of the root module
  std::optional<TerraformBackend> backend;
  std::string required_version;
  std::vector<std::string> opaque_reads;  // "terraform/main.tf:12": calls whose path only Terraform knows
  std::vector<TerraformProblem> problems;

  [[nodiscard]] const TerraformVariable* variable(std::string_view name) const;
  [[nodiscard]] const TerraformOutput* output(std::string_view name) const;
};

// `dir` is relative to the workspace. With `tests`, the files of `terraform test` count too: `validate` reads them.
[[nodiscard]] TerraformConfiguration read_terraform(SourceTree& tree, const std::string& dir, bool tests);

// The variable files that Terraform loads by itself, in its order: terraform.tfvars, terraform.tfvars.json,
// *.auto.tfvars and *.auto.tfvars.json.
[[nodiscard]] std::vector<std::string> automatic_variable_files(SourceTree& tree, const std::string& dir);

// `path` as Terraform finds it from `dir`, cleaned, as the source tree has it.
[[nodiscard]] std::string join_path(const SourceTree& tree, std::string_view dir, std::string_view path);

}  // namespace trilock
