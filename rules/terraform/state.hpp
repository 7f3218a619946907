// What identifies a version of a Terraform state: its lineage and its serial.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/terraform/configuration.hpp"
#include "schemas/result.hpp"

namespace trilock {

// Both are empty of a state that does not exist yet.
struct StateVersion {
  std::string lineage;
  std::string serial;
  friend bool operator==(const StateVersion&, const StateVersion&) = default;
};

// `text` is a state file, or what `terraform state pull` prints: nothing when there is no state.
[[nodiscard]] Result<StateVersion> read_state(std::string_view text);

// Where the local backend keeps the state of a workspace, as the source tree has it.
// Source: Terraform's "Backend Type: local" and "Workspace Internals".
[[nodiscard]] std::string local_state_path(const SourceTree& tree, const std::string& dir,
                                           const TerraformBackend& backend, const std::string& workspace);

}  // namespace trilock
