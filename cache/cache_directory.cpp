// Reading. A file is judged by its stat first, which costs nothing when all is well and keeps everything that is not a
// file of the right size (a directory, a fifo, what a crash left) from being opened at all.
#include "cache/cache_directory.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/hash.hpp"
#include "cache/last_use.hpp"
#include "cache/remote_api/messages.hpp"

namespace trilock {
namespace {

// Process ids collide between hosts that share a directory.
std::string make_temporary_prefix() {
  std::array<char, 65> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::ranges::replace(host, '/', '_');
  std::uint64_t random = 0;
  if (::getentropy(&random, sizeof random) != 0) random = static_cast<std::uint64_t>(::getpid());
  return fmt::format("{}-{:016x}-", host.data(), random);
}

}  // namespace

std::string_view to_string(CacheKind kind) {
  return kind == CacheKind::ac ? "ac" : "cas";
}

CacheDirectory::CacheDirectory(Disk& disk, std::string root, Access access, Descriptions descriptions)
    : disk_(disk),
      root_(std::move(root)),
      name_(fmt::format("the cache directory `{}`", root_)),
      access_(access),
      descriptions_(descriptions),
      temporary_prefix_(make_temporary_prefix()) {}

std::string CacheDirectory::shard_path(CacheKind kind, std::uint8_t shard) const {
  return fmt::format("{}/{}/{:02x}", root_, to_string(kind), shard);
}

std::string CacheDirectory::path_of(CacheKind kind, const StrongDigest& digest) const {
  std::string path = shard_path(kind, digest.data[0]);
  path += '/';
  path += digest.hex();
  return path;
}

bool CacheDirectory::has(const StrongDigest& digest, std::uint64_t size) {
  if (size == 0) return true;
  const Result<FileStat> stat = disk_.stat(path_of(CacheKind::cas, digest));
  return stat && stat->type == FileType::file && stat->size == size;
}

// Failing to is no error: the directory may be read-only, or the file someone else's.
void CacheDirectory::mark(const std::string& path, const FileStat& stat) {
  const std::int64_t age = disk_.change_clock_ns() - stat.mtime_ns;
  if (age >= last_use_precision_ns || age <= -last_use_precision_ns) (void)disk_.touch(path);
}

// A cache that refuses what it has is worth a word; one that has nothing is not.
Error CacheDirectory::unreadable(const Error& error) {
  if (error.kind == ErrorKind::not_found) return {error.kind, fmt::format("{} has no such result", name_), {}};
  warn(error.message);
  return error;
}

Result<std::string> CacheDirectory::result(const StrongDigest& action) {
  const std::string path = path_of(CacheKind::ac, action);
  const Result<FileStat> stat = disk_.stat(path);
  if (!stat) return std::unexpected(unreadable(stat.error()));
  if (stat->type != FileType::file) return damaged(CacheKind::ac, action, "is not a regular file");
  Result<std::string> bytes = disk_.read_plain(path, largest_result);
  if (!bytes && bytes.error().kind == ErrorKind::corrupt) return damaged(CacheKind::ac, action, "cannot be a result");
  if (!bytes) return std::unexpected(unreadable(bytes.error()));
  if (Status checked = check_result(action, *bytes); !checked) return std::unexpected(checked.error());
  mark(path, *stat);
  return bytes;
}

// Everything that makes a result a hit, but for the time of use of the entry itself, which the caller sets: it is older
// than that of the blobs then, by less than eviction allows for.
Status CacheDirectory::check_result(const StrongDigest& action, const std::string& bytes) {
  const Result<ResultWriter> writer = check_seal(bytes, action);
  if (!writer) return damaged(CacheKind::ac, action, "is damaged, or was made for another action");
  if (*writer == ResultWriter::other)
    return fail(ErrorKind::not_found, fmt::format("{} has a result of another program", name_));
  bool fetching = false;
  const Result<std::vector<BlobReference>> references =
      references_of(bytes, [&](const StrongDigest& digest, std::uint64_t size) {
        Result<std::string> message = blob(digest, size);
        fetching = !message;
        return message;
      });
  if (!references) {
    if (fetching) return std::unexpected(references.error());
    return damaged(CacheKind::ac, action, "refers to what it cannot refer to");
  }
  std::vector<std::pair<std::string, FileStat>> used;
  used.reserve(references->size());
  for (const BlobReference& reference : *references) {
    std::string path = path_of(CacheKind::cas, reference.digest);
    const Result<FileStat> stat = disk_.stat(path);
    if (!stat) return look_at_failure(reference.digest, stat.error());
    if (stat->type != FileType::file) return damaged(CacheKind::cas, reference.digest, "is not a regular file");
    if (stat->size != reference.size) return damaged(CacheKind::cas, reference.digest, "has another size");
    used.emplace_back(std::move(path), *stat);
  }
  for (const auto& [path, stat] : used) mark(path, stat);
  return {};
}

Result<std::string> CacheDirectory::blob(const StrongDigest& digest, std::uint64_t size) {
  const std::string path = path_of(CacheKind::cas, digest);
  const Result<FileStat> stat = disk_.stat(path);
  if (!stat) return look_at_failure(digest, stat.error());
  if (stat->type != FileType::file) return damaged(CacheKind::cas, digest, "is not a regular file");
  if (size != 0 && stat->size != size) return damaged(CacheKind::cas, digest, "has another size");
  Result<std::string> bytes = disk_.read_plain(path, largest_message);
  if (!bytes) return look_at_failure(digest, bytes.error());
  if (strong_digest(*bytes) != digest) return damaged(CacheKind::cas, digest, "has other bytes");
  mark(path, *stat);
  return bytes;
}

Status CacheDirectory::fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path,
                             std::uint32_t mode) {
  const NewFileMode exact{NewFileMode::Rule::exact, mode};
  if (size == 0) {
    if (digest != strong_digest("")) return fail(ErrorKind::corrupt, "an empty blob has another digest");
    return disk_.write_new(path, "", exact);
  }
  const std::string from = path_of(CacheKind::cas, digest);
  const Result<FileStat> copied = disk_.copy_exact(from, path, digest, size, exact);
  if (!copied) return look_at_failure(digest, copied.error());
  mark(from, *copied);
  return {};
}

std::unexpected<Error> CacheDirectory::look_at_failure(const StrongDigest& digest, const Error& error) {
  switch (error.kind) {
    case ErrorKind::not_found:
      return fail(ErrorKind::not_found, fmt::format("blob `{}` is not in {}", digest.hex(), name_));
    case ErrorKind::corrupt: {
      const Result<FileStat> stat = disk_.stat(path_of(CacheKind::cas, digest));
      const bool is_file = !stat || stat->type == FileType::file;
      return damaged(CacheKind::cas, digest, is_file ? "has other bytes" : "is not a regular file");
    }
    default:
      return std::unexpected(error);
  }
}

std::unexpected<Error> CacheDirectory::damaged(CacheKind kind, const StrongDigest& digest, std::string_view why) {
  quarantine(kind, digest, why);
  return fail(ErrorKind::corrupt, fmt::format("`{}` {}", path_of(kind, digest), why));
}

void CacheDirectory::quarantine(CacheKind kind, const StrongDigest& digest, std::string_view why) {
  const std::string path = path_of(kind, digest);
  const std::string what = fmt::format("`{}` {}", path, why);
  if (access_ == Access::read) {
    warn(what + ", and is not used");
    return;
  }
  const std::string directory = root_ + "/quarantine";
  const std::string target = fmt::format("{}/{}-{}", directory, to_string(kind), digest.hex());
  Status moved = disk_.remove(target);  // a directory cannot be replaced by renaming
  if (moved) moved = disk_.rename(path, target);
  if (!moved && moved.error().kind == ErrorKind::not_found) {
    if (!disk_.stat(path)) return;  // another process was faster
    moved = disk_.make_directories(directory, 0777);
    if (moved) moved = disk_.rename(path, target);
  }
  warn(moved ? fmt::format("{}; it is kept as `{}`", what, target) : what + ", and cannot be moved away");
  if (moved) trim_quarantine();
}

// The oldest go first. Only what is damaged pays for it.
void CacheDirectory::trim_quarantine() {
  const std::string directory = root_ + "/quarantine/";
  const Result<std::vector<DirEntry>> entries = disk_.list(root_ + "/quarantine");
  if (!entries) return;
  struct Kept {
    std::int64_t ctime_ns;  // when it was moved here
    std::uint64_t size;
    std::string path;
  };
  std::vector<Kept> kept;
  std::uint64_t bytes = 0;
  for (const DirEntry& entry : *entries) {
    const Result<FileStat> stat = disk_.stat(directory + entry.name);
    if (!stat) continue;
    kept.push_back({stat->ctime_ns, stat->size, directory + entry.name});
    bytes += stat->size;
  }
  std::ranges::sort(kept, {}, &Kept::ctime_ns);
  std::size_t left = kept.size();
  for (const Kept& file : kept) {
    if (left <= quarantine_files && bytes <= quarantine_bytes) break;
    (void)disk_.remove(file.path);
    bytes -= file.size;
    --left;
  }
}

void CacheDirectory::warn(std::string text) {
  constexpr std::size_t most = 1000;  // a cache that is all wrong is said to be so often enough
  const std::lock_guard lock(warnings_lock_);
  if (warned_.size() < most && warned_.insert(text).second) warnings_.push_back(std::move(text));
}

std::vector<std::string> CacheDirectory::take_warnings() {
  const std::lock_guard lock(warnings_lock_);
  return std::exchange(warnings_, {});
}

}  // namespace trilock
