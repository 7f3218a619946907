#include "engine/process_tag.hpp"

#include <sys/random.h>

#include <chrono>

namespace trilock {

Brands new_brands() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    random = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) << 24;
  return {Brands::lowest | (random & (Brands::lowest - 1) & ~(Brands::count - 1))};
}

}  // namespace trilock
