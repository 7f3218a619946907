// Where a path leads once its symlinks are followed, as the system follows them; asked of a Disk and written down by
// nobody. For what is refused because it lies elsewhere, before it is read.
#pragma once

#include <string>
#include <string_view>

#include "cache/disk.hpp"

namespace trilock {

// `path` is absolute, or seen from `root`, which is absolute and has no symlinks in it. The result is absolute and has
// none, and no `.` or `..`; what does not exist counts as written. A loop ends where it is noticed: reading it fails.
[[nodiscard]] std::string real_path(Disk& disk, std::string_view root, std::string_view path);

// Whether an absolute path without symlinks is `root` or below it.
[[nodiscard]] bool lies_in(std::string_view path, std::string_view root);

}  // namespace trilock
