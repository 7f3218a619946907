// Process tags: the numbers by which processes of a run are known, see engine/descendants.hpp. Thread rule: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace trilock {

// The process tags that one trilock gives: `first` and those after it. No two runs on a machine have the same.
struct Brands {
  std::uint64_t first = 0;
  [[nodiscard]] bool hold(std::uint64_t brand) const { return brand >= first && brand - first < count; }
  static constexpr std::uint64_t count = std::uint64_t{1} << 24;
  // All tags are from here up to twice that. Small numbers and RLIM_INFINITY are what limits of people look like.
  static constexpr std::uint64_t lowest = std::uint64_t{1} << 62;
  // Whether `new_brands` can have given it.
  [[nodiscard]] static constexpr bool is_first(std::uint64_t number) {
    return number >= lowest && number < 2 * lowest && number % count == 0;
  }
};
[[nodiscard]] Brands new_brands();

// A run whose trilock is gone, of this user in this workspace, that began since the machine started.
struct DeadRun {
  Brands brands;
  pid_t process = -1;         // its trilock
  std::uint64_t started = 0;  // when that was started, as ProcessFacts has it
};

}  // namespace trilock
