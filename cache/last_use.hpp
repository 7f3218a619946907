// When a file of a cache was last used, which is what eviction goes by. It is kept in the modification time, since
// access times do not move on most mounts.
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <string>

#include "cache/disk.hpp"

namespace trilock {

inline constexpr std::int64_t last_use_precision_ns = std::int64_t{3600} * 1'000'000'000;

// Sets the time of a file that was last marked an hour ago or earlier. Failing to is no error: the cache may be
// read-only, or belong to someone else.
void mark_used(Disk& disk, const std::string& path, const FileStat& stat);

}  // namespace trilock
