// Reads the plain form of TOML in which nearly all of a long pipeline is written, in less than half the library's time:
// headers `[a]` and `[a.b]`; bare keys that are not dotted; strings of one line without escapes; whole decimal numbers;
// booleans; arrays and inline tables of these; comments. Used by toml.cpp alone; includes no library.
#pragma once

#include <optional>
#include <string_view>

#include "schemas/config.hpp"

namespace trilock {

// `text` is a part of the source's text that begins with a line, `lines_before` after its start, and that scan_toml
// found no fault in. Empty when anything in it is not plain, is an error, or depends on a rule that this does not know;
// else what the library gives, places included.
[[nodiscard]] std::optional<ConfigTable> read_plain_toml(std::string_view text, SourceId source,
                                                         std::uint32_t lines_before);

}  // namespace trilock
