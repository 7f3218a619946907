// The one way in which a recorded result is taken up. Thread rule: pure function.
#pragma once

#include <span>
#include <string_view>

#include "schemas/action.hpp"
#include "schemas/node.hpp"
#include "schemas/result.hpp"

namespace trilock {

// The result in `bytes` (cache/result_codec.hpp) as that of a node that declares `outputs`. corrupt when the bytes are
// no result, and when no run of that node can have left it: an entry lies in no declared output, leads out of one or
// has a mode that is never kept, or a declared output has no entry.
[[nodiscard]] Result<ActionResult> read_recorded(std::string_view bytes, std::span<const OutputSpec> outputs);

}  // namespace trilock
