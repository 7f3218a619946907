// Which values of a node others may refer to, as far as its table tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schemas/config.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

struct ValueFault {
  std::string message;
  std::string help;
};

// What is wrong with `${<title>.<value>}`; empty when the node has this value. `table` is that of the node.
[[nodiscard]] std::optional<ValueFault> check_value(const RuleKeys& rule, const std::string& title,
                                                    const ConfigTable& table, std::string_view value);

}  // namespace trilock
