// What terraform is asked about a state: which version it has, and whether a dead process still holds its lock.
// Thread rule: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule.hpp"
#include "rules/terraform/request.hpp"
#include "rules/terraform/state.hpp"

namespace trilock {

// Of the local backend, from its file: as the source tree names it. No process is started.
[[nodiscard]] Result<StateVersion> local_state(const std::string& path, ResolveContext& context);
// Of any other backend.
[[nodiscard]] Result<StateVersion> pulled_state(const Node& node, const TerraformRequest& request,
                                                ResolveContext& context);

// What the local backend writes beside a state while it is locked.
// Source: Terraform's `internal/states/statemgr/filesystem.go`.
[[nodiscard]] std::string lock_file_of(const std::string& state_path);
[[nodiscard]] Result<std::vector<Leftover>> lock_file_left(const std::string& path, ResolveContext& context);
// Of any other backend.
[[nodiscard]] Result<std::vector<Leftover>> lock_left(const Node& node, const TerraformRequest& request,
                                                      ResolveContext& context);

// The id of the lock that kept a command of terraform from its state; none when that was not its trouble.
[[nodiscard]] std::optional<std::string> held_lock(std::string_view messages);

}  // namespace trilock
