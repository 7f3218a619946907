// The language of `when`: LEFT == "RIGHT" or LEFT != "RIGHT". Both sides may hold references; LEFT may stand in quotes
// as well. Single and double quotes mean the same, since one of them is usually taken by TOML.
#pragma once

#include <optional>

#include "schemas/node.hpp"
#include "schemas/text.hpp"

namespace trilock {

// Empty when the text is no condition.
[[nodiscard]] std::optional<Condition> parse_condition(const Text& text);

}  // namespace trilock
