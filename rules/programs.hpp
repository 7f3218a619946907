// Programs that the pipeline names, as they count for a key. Thread rule: as the ResolveContext.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/rule.hpp"

namespace trilock {

// A program as it is started from `dir`, with references replaced by values. An `out` in the same directory has no
// slash; it is still a file and no name in PATH.
[[nodiscard]] std::string fill_program(const Text& text, std::string_view dir, ResolveContext& context);

// Makes what `program` is a part of the key. A name without a slash is looked up in PATH and added to `tools`, and so
// is an absolute path; any other is a source of the workspace, seen from `dir`, and becomes an input of the action.
// ErrorKind::tool_missing when there is none, ErrorKind::invalid for a path that leaves the workspace.
Status add_program(const std::string& program, std::string_view dir, ResolveContext& context, std::vector<Tool>& tools,
                   Action& action);

// What every system has and hardly ever says something else: coreutils, findutils, diffutils, grep, sed, awk, tar,
// compressors, and shells.
[[nodiscard]] bool is_standard_program(std::string_view name);

}  // namespace trilock
