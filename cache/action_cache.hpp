// Action results of this machine by their fast key: `<cache directory>/results/<first two hex digits>/<32 hex digits>`.
// The index that lets another checkout, or one whose state was deleted, find what was built before. It holds
// CachePolicy::shared and ::local results only. Thread rule: any thread; several processes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/disk.hpp"
#include "schemas/action.hpp"

namespace trilock {

// The stored form of a result: a magic, a format version, tagged length-delimited fields, XXH3-128 of all before it.
[[nodiscard]] std::string encode(const ActionResult& result);
// Never trusts its input: any truncation, excess or unknown version is ErrorKind::corrupt.
[[nodiscard]] Result<ActionResult> decode(std::string_view bytes);

class ActionCache {
 public:
  ActionCache(Disk& disk, std::string cache_dir);
  [[nodiscard]] std::optional<ActionResult> find(const FastDigest& key);  // a damaged entry is a miss and is removed
  Status store(const ActionResult& result);

 private:
  Disk& disk_;
  std::string dir_;
};

}  // namespace trilock
