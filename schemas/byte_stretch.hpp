// Some of a file's bytes, without the rest being read.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "schemas/result.hpp"

namespace trilock {

struct ByteStretch {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind the last
};

// The bytes of these, one behind the other. An error when one of them leads out of `text`.
[[nodiscard]] inline Result<std::string> cut_out(std::string_view text, std::span<const ByteStretch> stretches) {
  std::string cut;
  for (const ByteStretch& stretch : stretches) {
    if (stretch.begin > stretch.end || stretch.end > text.size()) return fail(ErrorKind::io, "the file ends too early");
    cut.append(text.substr(stretch.begin, stretch.end - stretch.begin));
  }
  return cut;
}

}  // namespace trilock
