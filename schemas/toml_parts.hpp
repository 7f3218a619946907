// Joins what the parts of a document hold (see TomlScan::parts). Used by toml.cpp alone; includes no library.
#pragma once

#include <optional>
#include <vector>

#include "schemas/config.hpp"

namespace trilock {

// `parts` are in the order of the document, each read by itself without an error, with places in the whole. Empty when
// the whole may be an error, or mean something else than its parts do; when not empty, it is what reading the whole
// gives.
[[nodiscard]] std::optional<ConfigTable> join_toml_parts(std::vector<ConfigTable> parts, const SourceMap& sources);

}  // namespace trilock
