// Eviction from a cache directory, safe beside builds and beside other programs that use it.
//
// Files go in the order of their last use (cache/last_use.hpp). A result counts as an hour older than it is: times of
// use are set at most once an hour, so a blob may look up to an hour older than a result that was used with it, and a
// result must go before the blobs that it refers to. Equal times: results first, then by path.
//
// Nothing that was last used less than `min_age` ago goes, whatever the limits: a build rests on what it found, so this
// must be more than the longest build and twice the hour that times of use are exact to. Readers take no lock; what
// goes away under them is a miss. Thread rule: functions of a disk; one process at a time does it for a directory, the
// others are told so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cache/cache_scan.hpp"

namespace trilock {

inline constexpr std::int64_t default_min_age_ns = std::int64_t{6 * 3600} * 1'000'000'000;
inline constexpr std::int64_t temporaries_age_ns = std::int64_t{24 * 3600} * 1'000'000'000;
inline constexpr std::int64_t quarantine_age_ns = std::int64_t{30 * 24 * 3600} * 1'000'000'000;

enum class DryRun : std::uint8_t { no, yes };

struct GcLimits {
  std::optional<std::uint64_t> max_size;   // of results and blobs together, in bytes
  std::optional<std::int64_t> max_age_ns;  // since the last use
  std::int64_t min_age_ns = default_min_age_ns;
};

struct GcReport {
  CacheStats before;
  Amount results;  // removed; with DryRun::yes, to be removed
  Amount blobs;
  Amount temporaries;  // left by crashes
  Amount quarantine;
  std::uint64_t bytes_left = 0;  // of results and blobs
  // What is younger than the minimum age is more than the limit: with so little room a build evicts what it made
  // itself.
  bool limit_is_too_small = false;
};

// None when another process is at it.
Result<std::optional<GcReport>> collect_garbage(Disk& disk, const std::string& root, const GcLimits& limits,
                                                DryRun dry_run = DryRun::no);

// The same at most once a day, by the time of `gc/last`; for the end of a run. None when it is not due.
Result<std::optional<GcReport>> collect_garbage_if_due(Disk& disk, const std::string& root, std::uint64_t max_size);

// "the cache may take 1.0 GiB, but what was used in the last 6 hours takes 2.5 GiB"; for GcReport::limit_is_too_small.
[[nodiscard]] std::string describe_small_limit(const GcReport& report, const GcLimits& limits);

// "512 B", "1.5 MiB"
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace trilock
