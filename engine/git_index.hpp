// What git's index says, without starting git, which would read a configuration that somebody else may have written:
// whether git tracks something in a directory, and which submodules there are. Git asks each that is checked out for
// its state by a process of its own, which takes the settings of that repository, so they must be known before.
// Source: gitformat-index(5), versions 2 to 4.
// Thread rule: free functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/disk.hpp"
#include "schemas/result.hpp"

namespace trilock {

// Whether an entry of the index is `path` (relative to the top of the work tree) or lies below it. What a split index
// leaves to another file is in `shared`, the hex name of that file. None when the bytes are no index.
struct IndexAnswer {
  bool found = false;
  std::string shared;
  std::vector<std::string> submodules;  // paths of entries of mode 160000
};
[[nodiscard]] std::optional<IndexAnswer> look_into_index(std::string_view index, std::string_view path);

// `hash_bytes` is 20, or 32 in a repository with SHA-256. invalid: it is no index, or of a version that is not known.
[[nodiscard]] Result<std::vector<std::string>> submodules_in_index(std::string_view index, std::size_t hash_bytes);

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
