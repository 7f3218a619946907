// Whether git tracks something in a directory, without starting git, which would read a configuration that somebody
// else may have written: from the index, as gitformat-index(5) has it, versions 2 to 4.
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/disk.hpp"

namespace trilock {

// Whether an entry of the index is `path` (relative to the top of the work tree) or lies below it. What a split index
// leaves to another file is in `shared`, the hex name of that file. None when the bytes are no index.
struct IndexAnswer {
  bool found = false;
  std::string shared;
};
[[nodiscard]] std::optional<IndexAnswer> look_into_index(std::string_view index, std::string_view path);

// The index of the work tree that `path` (absolute) lies in, and where `path` is in it. None outside of every work
// tree.
struct GitPlace {
  std::string index;     // absolute; it need not exist
  std::string relative;  // `path`, as seen from the top
};
[[nodiscard]] std::optional<GitPlace> git_place_of(Disk& disk, const std::string& path);

// Whether git tracks `place.relative` or something below it. An index that is missing or damaged tracks nothing.
[[nodiscard]] bool is_tracked(Disk& disk, const GitPlace& place);

}  // namespace trilock
