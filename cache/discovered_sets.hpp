// What actions with one declared key were seen to read: sets of paths, the newest first. With the contents that those
// paths have now, a set gives the key of a result; see docs/design/0006-depfiles.md.
//
// `<cache directory>/discovered/<first two hex digits>/<32 hex digits of the declared key>`:
//
//   "trilockD"                8 bytes
//   format version            1 byte, 1
//   sets                      each the number of its paths, and each path after its length; numbers are four bytes,
//                             little-endian
//   XXH3-128 of all before    16 bytes
//
// An index, as the action cache is: what is lost costs time. Two processes that add at once may lose one set.
// Thread rule: any thread; several processes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/disk.hpp"
#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

using PathSet = std::vector<std::string>;  // sorted, unique

[[nodiscard]] std::string encode_path_sets(const std::vector<PathSet>& sets);
// Never trusts its input: anything else than what encode_path_sets writes is ErrorKind::corrupt.
[[nodiscard]] Result<std::vector<PathSet>> decode_path_sets(std::string_view bytes);

class DiscoveredSets {
 public:
  DiscoveredSets(Disk& disk, std::string cache_dir);
  [[nodiscard]] std::vector<PathSet> find(const FastDigest& declared_key);
  // Puts the set first. The oldest beyond sixteen are dropped.
  Status add(const FastDigest& declared_key, const PathSet& set);

 private:
  [[nodiscard]] std::string path_of(const FastDigest& declared_key) const;
  Disk& disk_;
  std::string dir_;
};

}  // namespace trilock
