// What actions with one declared key were seen to read: sets of paths, the newest first. With the contents that those
// paths have now, a set gives the key of a result; see docs/design/0006-depfiles.md.
//
//   "trilockD"                8 bytes
//   format version            1 byte, 1
//   sets                      each the number of its paths, and each path after its length; numbers are four bytes,
//                             little-endian
//   XXH3-128 of all before    16 bytes
//
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

using PathSet = std::vector<std::string>;  // sorted, unique

[[nodiscard]] std::string encode_path_sets(const std::vector<PathSet>& sets);
// Never trusts its input: anything else than what encode_path_sets writes is ErrorKind::corrupt.
[[nodiscard]] Result<std::vector<PathSet>> decode_path_sets(std::string_view bytes);

inline constexpr std::size_t most_path_sets = 16;
// Puts the set first, and drops the oldest beyond `most_path_sets`. False when it was the first already.
bool put_first(std::vector<PathSet>& sets, const PathSet& set);

}  // namespace trilock
