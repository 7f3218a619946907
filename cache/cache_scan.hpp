// What is in a cache directory, as its housekeeping sees it. Thread rule: functions of a disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/cache_directory.hpp"
#include "cache/disk.hpp"

namespace trilock {

struct CacheFile {
  CacheKind kind = CacheKind::cas;
  FileType type = FileType::file;  // anything else is damage
  StrongDigest digest;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
};

// A file of `tmp/` or `quarantine/`.
struct SideFile {
  std::string path;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  // mtime of a temporary, ctime of what is in quarantine
};

struct CacheScan {
  std::vector<CacheFile> files;  // in the order of their paths
  std::vector<SideFile> temporaries;
  std::vector<SideFile> quarantine;
};

// Files with names that are none of ours are left out, and so is what disappears meanwhile. A directory that does not
// exist is empty; an error is one that cannot be read.
Result<CacheScan> scan_cache(Disk& disk, const std::string& root);

struct Amount {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  void add(std::uint64_t size) {
    ++files;
    bytes += size;
  }
};

struct CacheStats {
  Amount results;
  Amount blobs;
  Amount temporaries;
  Amount quarantine;
};
[[nodiscard]] CacheStats stats_of(const CacheScan& scan);

// One thing that `trilock cache verify` finds.
struct CacheFault {
  CacheKind kind = CacheKind::cas;
  StrongDigest digest;
  std::string what;  // "has other bytes"
  bool repaired = false;
};

struct VerifyReport {
  CacheStats checked;
  std::vector<CacheFault> faults;  // in the order of their paths
};

enum class Repair : std::uint8_t { no, quarantine };

// Hashes every blob, and checks of every result that it is whole and that what it refers to is there. Results of other
// programs must only be readable. With Repair::quarantine, what is damaged is moved away; a result that only lacks a
// blob is then damaged too. May run beside builds.
Result<VerifyReport> verify_cache(Disk& disk, CacheDirectory& directory, Repair repair);

}  // namespace trilock
