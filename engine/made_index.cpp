#include "engine/made_index.hpp"

#include <algorithm>
#include <utility>

#include "cache/result_codec.hpp"

namespace trilock {

bool is_content_of(SourceTree& tree, const OutputEntry& entry) {
  const Result<FileStat> stat = tree.stat(entry.path);
  if (!stat) return false;
  if (entry.type == EntryType::symlink) {
    if (stat->type != FileType::symlink) return false;
    const Result<std::string> target = tree.read_link(entry.path);
    return target && *target == entry.symlink_target;
  }
  if (entry.type != EntryType::file || stat->type != FileType::file || stat->size != entry.size) return false;
  if (entry.content == FastDigest{}) {  // it came out of a cache
    const Result<ContentDigests> digests = tree.strong_digest(entry.path);
    return digests && digests->strong == entry.blob;
  }
  const Result<FastDigest> digest = tree.digest(entry.path);
  return digest && *digest == entry.content;
}

MadeIndex::ByPath MadeIndex::read() const {
  ByPath by_path;
  const auto add = [&](std::vector<OutputEntry>& entries) {
    for (OutputEntry& entry : entries)
      if (entry.type != EntryType::directory) by_path[entry.path].push_back(std::move(entry));
  };
  if (const Result<std::vector<StoredResult>> results = db_.results())
    for (const StoredResult& stored : *results)
      if (Result<ActionResult> result = decode(stored.bytes)) add(result->outputs);
  if (Result<std::vector<OutputEntry>> made = db_.made()) add(*made);
  return by_path;
}

bool MadeIndex::holds(SourceTree& tree, const std::string& path) {
  const ByPath* entries = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!entries_) entries_ = read();
    entries = &*entries_;
  }
  const auto found = entries->find(path);
  return found != entries->end() &&
         std::ranges::any_of(found->second, [&](const OutputEntry& entry) { return is_content_of(tree, entry); });
}

}  // namespace trilock
