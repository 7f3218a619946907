// A devcontainer template: a JSONC file whose strings may hold references of the pipeline language beside the variables
// of devcontainer.json itself. `${var.go}` and `${image.dev.digest}` are ours and replaced; `${localEnv:HOME}` and
// `${containerWorkspaceFolder}` are left as they are.
#pragma once

#include <optional>
#include <string>

#include "rules/json_document.hpp"
#include "rules/rule.hpp"

namespace trilock {

// Reads and parses the template at `path`; references to nodes are linked. Everything that is wrong with it is reported
// at `place`, the place of the key in the pipeline, with file, line and column in the message. Empty when it is no
// JSON object.
[[nodiscard]] std::optional<Document> read_template(const std::string& path, Place place, const Target& target,
                                                    PlanContext& context);

}  // namespace trilock
