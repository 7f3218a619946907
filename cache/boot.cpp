#include "cache/boot.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <ctime>

namespace trilock {
namespace {

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Boot current_boot() {
  constexpr std::int64_t slack_ns = 60'000'000'000;  // by which the clock may have been slewed meanwhile
  Boot boot{.id = {}, .started_ns = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME) - slack_ns};
  const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) return boot;
  std::array<char, 36> id{};
  if (::read(file, id.data(), id.size()) == static_cast<ssize_t>(id.size())) boot.id.assign(id.data(), id.size());
  ::close(file);
  return boot;
}

}  // namespace trilock
