// Action results of this machine by their fast key: `<cache directory>/results/<first two hex digits>/<32 hex digits>`.
// The index that lets another checkout, or one whose state was deleted, find what was built before. It holds
// CachePolicy::shared and ::local results only. Thread rule: any thread; several processes.
#pragma once

#include <optional>
#include <string>

#include "cache/disk.hpp"
#include "cache/result_codec.hpp"
#include "schemas/action.hpp"

namespace trilock {

class ActionCache {
 public:
  ActionCache(Disk& disk, std::string cache_dir);
  [[nodiscard]] std::optional<ActionResult> find(const FastDigest& key);  // a damaged entry is a miss and is removed
  Status store(const ActionResult& result);

 private:
  [[nodiscard]] std::string path_of(const FastDigest& key) const;
  Disk& disk_;
  std::string dir_;
};

}  // namespace trilock
