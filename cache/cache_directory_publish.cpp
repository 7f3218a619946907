// Writing: N temporaries, one sync, N renames of blobs, a sync of their directories, and then the same for the results.
// A crash at any moment leaves temporaries, which eviction removes, or blobs that nothing refers to yet. Without the
// sync before the renames both ext4 and xfs show files of length zero afterwards, all of them.
#include <fmt/format.h>

#include <set>
#include <unordered_set>
#include <utility>

#include "cache/cache_directory.hpp"
#include "cache/hash.hpp"

namespace trilock {
namespace {

constexpr NewFileMode file_mode{NewFileMode::Rule::less_umask, 0666};
constexpr std::uint32_t directory_mode = 0777;  // less the umask

using Digests = std::unordered_set<StrongDigest, DigestHash<StrongDigest>>;

}  // namespace

// A file in `tmp/` and the name that it gets.
struct CacheDirectory::Staged {
  StrongDigest digest;
  std::string temporary;
};

struct CacheDirectory::Batch {
  std::vector<Staged> blobs;
  std::vector<Staged> results;
  Digests known;                      // blobs that are there, or among `blobs`
  std::set<std::string> directories;  // with new names in them
};

std::string CacheDirectory::new_temporary() {
  return fmt::format("{}/tmp/{}{}", root_, temporary_prefix_, next_temporary_++);
}

bool CacheDirectory::is_temporary(const std::string& path) const {
  const std::string_view directory = "/tmp/";
  return path.size() > root_.size() + directory.size() && path.starts_with(root_) &&
         std::string_view(path).substr(root_.size()).starts_with(directory);
}

// Whether the blob is there already. What else has its name is moved away, so that the blob can take its place.
bool CacheDirectory::keep(const StrongDigest& digest, std::uint64_t size) {
  const std::string path = path_of(CacheKind::cas, digest);
  const Result<FileStat> stat = disk_.stat(path);
  if (!stat) return false;
  if (stat->type != FileType::file || stat->size != size) {
    quarantine(CacheKind::cas, digest, stat->type == FileType::file ? "has another size" : "is not a regular file");
    return false;
  }
  mark(path, *stat);
  return true;
}

Result<BlobSource> CacheDirectory::capture(const std::string& path, const StrongDigest& digest, std::uint64_t size) {
  if (size == 0) return BlobSource{.digest = digest, .size = 0, .path = {}, .bytes = {}};
  BlobSource source{.digest = digest, .size = size, .path = path_of(CacheKind::cas, digest), .bytes = {}};
  if (keep(digest, size)) return source;
  source.path = new_temporary();
  if (const auto copied = disk_.copy_exact(path, source.path, digest, size, file_mode); !copied) {
    if (copied.error().kind != ErrorKind::corrupt) return std::unexpected(copied.error());
    return fail(ErrorKind::corrupt, fmt::format("`{}` changed while it was being stored", path));
  }
  return source;
}

void CacheDirectory::discard(const BlobSource& captured) {
  if (is_temporary(captured.path)) (void)disk_.remove(captured.path);
}

Status CacheDirectory::publish(std::span<const Publication> publications) {
  if (access_ == Access::read) return fail(ErrorKind::invalid, fmt::format("{} is read only", name_));
  Batch batch;
  Status first;
  for (const Publication& publication : publications)
    if (Status staged = stage(publication, batch); !staged && first) first = std::move(staged);

  std::vector<std::string> temporaries;
  for (const auto* files : {&batch.blobs, &batch.results})
    for (const Staged& file : *files) temporaries.push_back(file.temporary);
  Status status = disk_.sync_files(temporaries);
  if (status) status = move_into_place(batch.blobs, CacheKind::cas, batch);
  if (status) status = move_into_place(batch.results, CacheKind::ac, batch);
  if (status) return first;
  drop(batch);
  return fail(status.error().kind, fmt::format("cannot store results in {}: {}", name_, status.error().message));
}

// All files of a publication, or none.
Status CacheDirectory::stage(const Publication& publication, Batch& batch) {
  std::vector<Staged> blobs;
  Status status = make_shard(CacheKind::ac, publication.action, batch);
  for (const BlobSource& source : publication.blobs) {
    if (source.describes && descriptions_ == Descriptions::drop) continue;
    if (status && source.size > 0)
      status = stage_blob(source, batch, blobs);
    else
      discard(source);
  }
  Staged result{publication.action, new_temporary()};
  if (status) status = disk_.write_new(result.temporary, publication.result, file_mode);
  if (!status) {
    for (const Staged& blob : blobs) {
      (void)disk_.remove(blob.temporary);
      batch.known.erase(blob.digest);
    }
    return fail(status.error().kind, fmt::format("cannot store a result in {}: {}", name_, status.error().message));
  }
  for (Staged& blob : blobs) batch.blobs.push_back(std::move(blob));
  batch.results.push_back(std::move(result));
  return {};
}

Status CacheDirectory::stage_blob(const BlobSource& source, Batch& batch, std::vector<Staged>& staged) {
  const bool captured = is_temporary(source.path);
  if (batch.known.contains(source.digest)) {
    discard(source);
    return {};
  }
  if (!captured && keep(source.digest, source.size)) {
    batch.known.insert(source.digest);
    return {};
  }
  Status status = make_shard(CacheKind::cas, source.digest, batch);
  if (!status) {
    discard(source);
    return status;
  }
  Staged blob{source.digest, captured ? source.path : new_temporary()};
  if (!captured && !source.path.empty()) {
    const auto copied = disk_.copy_exact(source.path, blob.temporary, source.digest, source.size, file_mode);
    if (!copied) status = std::unexpected(copied.error());
  } else if (!captured) {
    if (source.bytes.size() != source.size || strong_digest(source.bytes) != source.digest)
      return fail(ErrorKind::corrupt, fmt::format("blob `{}` has other bytes", source.digest.hex()));
    status = disk_.write_new(blob.temporary, source.bytes, file_mode);
  }
  if (!status) return status;
  batch.known.insert(source.digest);
  staged.push_back(std::move(blob));
  return {};
}

// Makes the directory that a file goes to. A symlink in its place is not followed: what it leads to is not ours to
// fill.
Status CacheDirectory::make_shard(CacheKind kind, const StrongDigest& digest, Batch& batch) {
  std::atomic<bool>& there = shard_is_there_[std::to_underlying(kind) * 256U + digest.data[0]];
  if (there) return {};
  const std::string half = fmt::format("{}/{}", root_, to_string(kind));
  const std::string shard = shard_path(kind, digest.data[0]);
  for (const std::string& directory : {half, shard, root_ + "/tmp"}) {
    const Result<FileStat> stat = disk_.stat(directory);
    if (stat && stat->type != FileType::directory)
      return fail(ErrorKind::invalid, fmt::format("`{}` is not a directory", directory));
    if (!stat && stat.error().kind != ErrorKind::not_found) return std::unexpected(stat.error());
    if (stat) continue;
    if (Status made = disk_.make_directories(directory, directory_mode); !made) return made;
    batch.directories.insert(directory == half ? root_ : half);
  }
  there = true;
  return {};
}

Status CacheDirectory::move_into_place(const std::vector<Staged>& staged, CacheKind kind, Batch& batch) {
  if (staged.empty()) return {};
  for (const Staged& file : staged) {
    const std::string path = path_of(kind, file.digest);
    Status moved = disk_.rename(file.temporary, path);
    if (!moved) {
      // Someone emptied the cache meanwhile, or there is something else with that name.
      shard_is_there_[std::to_underlying(kind) * 256U + file.digest.data[0]] = false;
      if (Status made = make_shard(kind, file.digest, batch); !made) return made;
      const Result<FileStat> there = disk_.stat(path);
      if (there && there->type != FileType::file) quarantine(kind, file.digest, "is not a regular file");
      moved = disk_.rename(file.temporary, path);
    }
    if (!moved) return moved;
    batch.directories.insert(shard_path(kind, file.digest.data[0]));
  }
  const std::vector<std::string> directories(batch.directories.begin(), batch.directories.end());
  batch.directories.clear();
  return disk_.sync_directories(directories);
}

// Removes the temporaries that are left.
void CacheDirectory::drop(const Batch& batch) {
  for (const auto* files : {&batch.blobs, &batch.results})
    for (const Staged& file : *files) (void)disk_.remove(file.temporary);
}

}  // namespace trilock
