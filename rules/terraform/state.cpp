#include "rules/terraform/state.hpp"

#include <fmt/format.h>

#include "schemas/json.hpp"

namespace trilock {

Result<StateVersion> read_state(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return StateVersion{};
  const auto document = parse_json(text);
  if (!document) return fail(ErrorKind::invalid, "cannot read the terraform state: " + document.error().message);
  const Json* lineage = document->at("lineage");
  const Json* serial = document->at("serial");
  if (lineage == nullptr || lineage->string() == nullptr || serial == nullptr) {
    return fail(ErrorKind::invalid, "cannot read the terraform state: it has no lineage or no serial");
  }
  return StateVersion{*lineage->string(), write_json(*serial)};
}

std::string local_state_path(const SourceTree& tree, const std::string& dir, const TerraformBackend& backend,
                             const std::string& workspace) {
  if (workspace == "default") return join_path(tree, dir, backend.path.value_or("terraform.tfstate"));
  const auto folder = join_path(tree, dir, backend.workspace_dir.value_or("terraform.tfstate.d"));
  return join_path(tree, folder, workspace + "/terraform.tfstate");
}

}  // namespace trilock
