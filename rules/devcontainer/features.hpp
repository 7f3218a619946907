// Local features of a devcontainer.json: folders named by a relative path.
#pragma once

#include <string>

#include "rules/json_document.hpp"
#include "rules/rule.hpp"

namespace trilock {

// Reports local features that do not exist, or lie where the reference implementation refuses them: a path is relative
// to the configuration file and must stay below the `.devcontainer` folder.
// Source: Dev Container Features, "Referencing a Feature"; `config_file` is the file to be written, relative to the
// workspace.
void check_local_features(const Document& document, const std::string& config_file, Place place, PlanContext& context);

}  // namespace trilock
