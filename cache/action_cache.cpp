#include "cache/action_cache.hpp"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "cache/last_use.hpp"

namespace trilock {

ActionCache::ActionCache(Disk& disk, std::string cache_dir) : disk_(disk), dir_(std::move(cache_dir)) {}

std::string ActionCache::path_of(const FastDigest& key) const {
  const std::string hex = key.hex();
  return fmt::format("{}/results/{}/{}", dir_, std::string_view(hex).substr(0, 2), hex);
}

std::optional<ActionResult> ActionCache::find(const FastDigest& key) {
  const std::string path = path_of(key);
  const Result<FileStat> stat = disk_.stat(path);
  if (!stat) return std::nullopt;
  const Result<std::string> bytes = disk_.read(path);
  if (!bytes) return std::nullopt;
  Result<ActionResult> result = decode(*bytes);
  if (!result || result->key != key) {
    (void)disk_.remove(path);
    return std::nullopt;
  }
  mark_used(disk_, path, *stat);
  return std::move(*result);
}

Status ActionCache::store(const ActionResult& result) {
  return disk_.write(path_of(result.key), encode(result), 0444);
}

}  // namespace trilock
