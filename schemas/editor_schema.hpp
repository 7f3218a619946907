// The JSON Schema of the pipeline language, for editors: completion, hover texts, and faults while one types. It is
// made from the same lists as the checks at load. Pure; any thread.
#pragma once

#include <span>

#include "schemas/json.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// Draft-07, which taplo and "Even Better TOML" read. Strict: what it accepts has known keys of the right types. It
// refuses no pipeline that loads, but it sees one file: what [defaults] of another file may give is not demanded of a
// file that has `include`.
[[nodiscard]] Json editor_schema(std::span<const RuleKeys> rules);

}  // namespace trilock
