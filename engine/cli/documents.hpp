// What commands print with `--json`: one object with "version": 1. docs/cli.md has the shapes.
#pragma once

#include <vector>

#include "engine/key.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {

// An object that has its version already.
[[nodiscard]] JsonObject versioned_document();
void print_document(JsonObject document);

[[nodiscard]] JsonArray to_json(const std::vector<FieldChange>& changes);

}  // namespace trilock::cli
