#include "cache/cache_gc.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "cache/last_use.hpp"

namespace trilock {
namespace {

std::int64_t last_use(const CacheFile& file) {
  return file.kind == CacheKind::ac ? file.mtime_ns - last_use_precision_ns : file.mtime_ns;
}

class Collection {
 public:
  Collection(Disk& disk, const std::string& root, const GcLimits& limits, DryRun dry_run)
      : disk_(disk), directory_(disk, root), limits_(limits), dry_run_(dry_run), now_ns_(disk.change_clock_ns()) {}

  GcReport run(CacheScan scan) {
    report_.before = stats_of(scan);
    report_.bytes_left = report_.before.results.bytes + report_.before.blobs.bytes;
    remove_side(scan.temporaries, temporaries_age_ns, report_.temporaries);
    remove_side(scan.quarantine, quarantine_age_ns, report_.quarantine);
    std::ranges::sort(scan.files, {},
                      [](const CacheFile& file) { return std::tuple(last_use(file), file.kind, file.digest.data); });
    for (const CacheFile& file : scan.files) {
      // Files come by their last use, so the first that may stay or must stay ends it.
      const bool too_old = limits_.max_age_ns && now_ns_ - last_use(file) > *limits_.max_age_ns;
      const bool too_much = limits_.max_size && report_.bytes_left > *limits_.max_size;
      if (!too_old && !too_much) break;
      if (now_ns_ - last_use(file) < limits_.min_age_ns) {
        report_.limit_is_too_small = too_much;
        break;
      }
      remove(file);
    }
    return report_;
  }

 private:
  void remove_side(const std::vector<SideFile>& files, std::int64_t age_ns, Amount& removed) {
    for (const SideFile& file : files) {
      if (now_ns_ - file.changed_ns < age_ns) continue;
      if (dry_run_ == DryRun::yes || disk_.remove(file.path)) removed.add(file.size);
    }
  }

  // Looks once more first: since the scan, the file may have been used.
  void remove(const CacheFile& file) {
    if (file.type != FileType::file) return;  // is for `verify` to deal with
    const std::string path = directory_.path_of(file.kind, file.digest);
    if (dry_run_ == DryRun::no) {
      const Result<FileStat> stat = disk_.stat(path);
      if (!stat || stat->mtime_ns != file.mtime_ns || stat->size != file.size || stat->type != FileType::file) return;
      if (!disk_.remove(path)) return;
    }
    (file.kind == CacheKind::ac ? report_.results : report_.blobs).add(file.size);
    report_.bytes_left -= file.size;
  }

  Disk& disk_;
  const CacheDirectory directory_;
  const GcLimits& limits_;
  const DryRun dry_run_;
  const std::int64_t now_ns_;
  GcReport report_;
};

}  // namespace

Result<std::optional<GcReport>> collect_garbage(Disk& disk, const std::string& root, const GcLimits& limits,
                                                DryRun dry_run) {
  if (!disk.stat(root)) return GcReport{};  // nothing was ever kept
  std::unique_ptr<DiskLock> held;
  if (dry_run == DryRun::no) {
    Result<std::unique_ptr<DiskLock>> lock = disk.try_lock(root + "/gc/lock");
    if (!lock) return std::unexpected(lock.error());
    if (*lock == nullptr) return std::nullopt;
    held = std::move(*lock);
  }
  Result<CacheScan> scan = scan_cache(disk, root);
  if (!scan) return std::unexpected(scan.error());
  return Collection(disk, root, limits, dry_run).run(std::move(*scan));
}

Result<std::optional<GcReport>> collect_garbage_if_due(Disk& disk, const std::string& root, std::uint64_t max_size) {
  constexpr std::int64_t day_ns = std::int64_t{24 * 3600} * 1'000'000'000;
  const std::string last = root + "/gc/last";
  const Result<FileStat> stat = disk.stat(last);
  const std::int64_t age = stat ? disk.change_clock_ns() - stat->mtime_ns : day_ns;
  if (age >= 0 && age < day_ns) return std::nullopt;
  // First the mark: a directory that cannot be cleared is not scanned again and again. Who may not set it leaves the
  // work to those who may.
  constexpr NewFileMode mode{NewFileMode::Rule::less_umask, 0666};
  if (Status marked = stat ? disk.touch(last) : disk.write_new(last, "", mode); !marked) return std::nullopt;
  return collect_garbage(disk, root, {.max_size = max_size, .max_age_ns = {}});
}

std::string describe_small_limit(const GcReport& report, const GcLimits& limits) {
  return fmt::format("the cache may take {}, but what was used in the last {} hours takes {}",
                     format_size(limits.max_size.value_or(0)), limits.min_age_ns / (std::int64_t{3600} * 1'000'000'000),
                     format_size(report.bytes_left));
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < units.size()) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, units[unit]);
}

}  // namespace trilock
