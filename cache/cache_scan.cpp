#include "cache/cache_scan.hpp"

#include <fmt/format.h>

#include <utility>

#include "cache/remote_api/messages.hpp"

namespace trilock {
namespace {

// The entries of a directory; none when there is no such directory, or something else in its place.
Result<std::vector<DirEntry>> entries_of(Disk& disk, const std::string& path) {
  Result<std::vector<DirEntry>> entries = disk.list(path);
  if (entries || entries.error().kind != ErrorKind::not_found) return entries;
  return std::vector<DirEntry>{};
}

Status scan_shard(Disk& disk, CacheKind kind, const std::string& shard, std::vector<CacheFile>& files) {
  const Result<std::vector<DirEntry>> entries = entries_of(disk, shard);
  if (!entries) return std::unexpected(entries.error());
  const std::string_view digits = std::string_view(shard).substr(shard.size() - 2);
  for (const DirEntry& entry : *entries) {
    const std::optional<StrongDigest> digest = StrongDigest::from_hex(entry.name);
    if (!digest || digest->hex() != entry.name || !entry.name.starts_with(digits)) continue;
    const Result<FileStat> stat = disk.stat(shard + "/" + entry.name);
    if (!stat) continue;
    files.push_back({kind, stat->type, *digest, stat->size, stat->mtime_ns});
  }
  return {};
}

Status scan_half(Disk& disk, CacheKind kind, const std::string& root, std::vector<CacheFile>& files) {
  const std::string half = fmt::format("{}/{}", root, to_string(kind));
  const Result<std::vector<DirEntry>> shards = entries_of(disk, half);
  if (!shards) return std::unexpected(shards.error());
  for (const DirEntry& shard : *shards) {
    if (shard.type != FileType::directory || shard.name.size() != 2) continue;
    if (Status scanned = scan_shard(disk, kind, half + "/" + shard.name, files); !scanned) return scanned;
  }
  return {};
}

enum class Clock : std::uint8_t { mtime, ctime };

Status scan_side(Disk& disk, const std::string& directory, Clock clock, std::vector<SideFile>& files) {
  const Result<std::vector<DirEntry>> entries = entries_of(disk, directory);
  if (!entries) return std::unexpected(entries.error());
  for (const DirEntry& entry : *entries) {
    const std::string path = directory + "/" + entry.name;
    const Result<FileStat> stat = disk.stat(path);
    if (!stat) continue;
    files.push_back({path, stat->size, clock == Clock::mtime ? stat->mtime_ns : stat->ctime_ns});
  }
  return {};
}

class Verification {
 public:
  Verification(Disk& disk, CacheDirectory& directory, Repair repair)
      : disk_(disk), directory_(directory), repair_(repair) {}

  // Blobs first: results that refer to what is moved away are found then.
  VerifyReport run(const CacheScan& scan) {
    report_.checked = stats_of(scan);
    for (const CacheKind kind : {CacheKind::cas, CacheKind::ac})
      for (const CacheFile& file : scan.files)
        if (file.kind == kind) check(file);
    return std::move(report_);
  }

 private:
  void check(const CacheFile& file) {
    std::string fault = file.type != FileType::file   ? "is not a regular file"
                        : file.kind == CacheKind::cas ? fault_of_blob(file)
                                                      : fault_of_result(file);
    if (fault.empty()) return;
    CacheFault found{file.kind, file.digest, std::move(fault), false};
    if (repair_ == Repair::quarantine) {
      directory_.quarantine(file.kind, file.digest, found.what);
      const Result<FileStat> left = disk_.stat(directory_.path_of(file.kind, file.digest));
      found.repaired = !left && left.error().kind == ErrorKind::not_found;
    }
    report_.faults.push_back(std::move(found));
  }

  std::string fault_of_blob(const CacheFile& file) {
    const Result<StrongDigest> digest = disk_.hash_plain(directory_.path_of(file.kind, file.digest));
    if (digest) return *digest == file.digest ? "" : "has other bytes";
    return digest.error().kind == ErrorKind::not_found ? "" : "cannot be read: " + digest.error().message;
  }

  std::string fault_of_result(const CacheFile& file) {
    const Result<std::string> bytes = disk_.read_plain(directory_.path_of(file.kind, file.digest), largest_result);
    if (!bytes) return bytes.error().kind == ErrorKind::not_found ? "" : "cannot be read: " + bytes.error().message;
    const Result<ResultWriter> writer = check_seal(*bytes, file.digest);
    if (!writer) return "is damaged, or was made for another action";
    if (*writer == ResultWriter::other) return "";
    bool fetching = false;
    const Result<std::vector<BlobReference>> references =
        references_of(*bytes, [&](const StrongDigest& digest, std::uint64_t) {
          Result<std::string> message = disk_.read_plain(directory_.path_of(CacheKind::cas, digest), largest_message);
          fetching = !message;
          return message;
        });
    if (!references) return fetching ? "refers to a blob that is missing" : "refers to what it cannot refer to";
    for (const BlobReference& reference : *references)
      if (!directory_.has(reference.digest, reference.size)) return "refers to a blob that is missing";
    return {};
  }

  Disk& disk_;
  CacheDirectory& directory_;
  const Repair repair_;
  VerifyReport report_;
};

}  // namespace

Result<CacheScan> scan_cache(Disk& disk, const std::string& root) {
  CacheScan scan;
  Status status = scan_half(disk, CacheKind::ac, root, scan.files);
  if (status) status = scan_half(disk, CacheKind::cas, root, scan.files);
  if (status) status = scan_side(disk, root + "/tmp", Clock::mtime, scan.temporaries);
  if (status) status = scan_side(disk, root + "/quarantine", Clock::ctime, scan.quarantine);
  if (!status) return std::unexpected(status.error());
  return scan;
}

CacheStats stats_of(const CacheScan& scan) {
  CacheStats stats;
  for (const CacheFile& file : scan.files) (file.kind == CacheKind::ac ? stats.results : stats.blobs).add(file.size);
  for (const SideFile& file : scan.temporaries) stats.temporaries.add(file.size);
  for (const SideFile& file : scan.quarantine) stats.quarantine.add(file.size);
  return stats;
}

Result<VerifyReport> verify_cache(Disk& disk, CacheDirectory& directory, Repair repair) {
  const Result<CacheScan> scan = scan_cache(disk, directory.root());
  if (!scan) return std::unexpected(scan.error());
  return Verification(disk, directory, repair).run(*scan);
}

}  // namespace trilock
