// A FileStat from what the kernel says. For the real Disk, and for the check of a snapshot, which has no Disk.
#pragma once

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cache/disk.hpp"

namespace trilock {

inline constexpr unsigned statx_wanted = STATX_TYPE | STATX_MODE | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_INO;

[[nodiscard]] inline FileType file_type_of(unsigned mode) {
  if (S_ISREG(mode)) return FileType::file;
  if (S_ISDIR(mode)) return FileType::directory;
  return S_ISLNK(mode) ? FileType::symlink : FileType::other;
}

[[nodiscard]] inline FileStat file_stat_of(const struct statx& raw) {
  const auto nanoseconds = [](const statx_timestamp& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return {.type = file_type_of(raw.stx_mode),
          .mode = raw.stx_mode & 07777U,
          .size = raw.stx_size,
          .mtime_ns = nanoseconds(raw.stx_mtime),
          .ctime_ns = nanoseconds(raw.stx_ctime),
          .inode = raw.stx_ino,
          .device = ::makedev(raw.stx_dev_major, raw.stx_dev_minor)};
}

}  // namespace trilock
