#include "cache/last_use.hpp"

namespace trilock {

void mark_used(Disk& disk, const std::string& path, const FileStat& stat) {
  const std::int64_t now = disk.change_clock_ns();
  if (now - stat.mtime_ns >= last_use_precision_ns) (void)disk.set_mtime(path, now);
}

}  // namespace trilock
