#include "cache/recorded_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "cache/output_check.hpp"
#include "cache/result_codec.hpp"

namespace trilock {

Result<ActionResult> read_recorded(std::string_view bytes, std::span<const OutputSpec> outputs) {
  Result<ActionResult> result = decode(bytes);
  if (!result) return result;
  std::string fault = unusable_entry(outputs, result->outputs);
  for (const OutputSpec& output : outputs) {
    if (!fault.empty()) break;
    // They are ascending by now.
    const auto found = std::ranges::lower_bound(result->outputs, output.path, {}, &OutputEntry::path);
    if (found == result->outputs.end() || found->path != output.path)
      fault = fmt::format("`{}` is declared and not recorded", output.path);
  }
  if (!fault.empty()) return fail(ErrorKind::corrupt, "the recorded result cannot be used: " + fault);
  return result;
}

}  // namespace trilock
