#include "cache/blobs.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <fmt/format.h>

#include "cache/hash.hpp"
#include "cache/last_use.hpp"

namespace trilock {
namespace {

constexpr std::uint32_t blob_mode = 0444;

// Process ids collide between hosts that share a directory.
std::string make_name_prefix() {
  std::array<char, 65> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::uint64_t random = 0;
  if (::getentropy(&random, sizeof random) != 0) random = static_cast<std::uint64_t>(::getpid());
  return fmt::format("{}-{:016x}-", host.data(), random);
}

}  // namespace

BlobStore::BlobStore(Disk& disk, std::string cache_dir)
    : disk_(disk), dir_(std::move(cache_dir)), name_prefix_(make_name_prefix()) {}

std::string BlobStore::path_of(const StrongDigest& digest) const {
  const std::string hex = digest.hex();
  return fmt::format("{}/cas/{}/{}", dir_, std::string_view(hex).substr(0, 2), hex);
}

std::string BlobStore::unique_name() {
  return name_prefix_ + std::to_string(next_name_++);
}

bool BlobStore::has(const StrongDigest& digest) {
  const Result<FileStat> stat = disk_.stat(path_of(digest));
  return stat && stat->type == FileType::file;
}

// Whether the blob is there. One of another size is what a crash left, and is written anew.
bool BlobStore::keep(const StrongDigest& digest, std::uint64_t size) {
  const std::string path = path_of(digest);
  const Result<FileStat> stat = disk_.stat(path);
  if (!stat || stat->type != FileType::file || stat->size != size) return false;
  mark_used(disk_, path, *stat);
  return true;
}

Status BlobStore::publish(const std::string& temporary, const StrongDigest& digest) {
  const std::string path = path_of(digest);
  Status status = disk_.rename(temporary, path);
  if (!status && status.error().kind == ErrorKind::not_found) {
    status = disk_.make_directories(path.substr(0, path.rfind('/')));
    if (status) status = disk_.rename(temporary, path);
  }
  if (!status) (void)disk_.remove(temporary);
  return status;
}

Status BlobStore::put_file(const std::string& path, const StrongDigest& expected) {
  const Result<FileStat> stat = disk_.stat_following(path);
  if (!stat) return std::unexpected(stat.error());
  if (keep(expected, stat->size)) return {};
  const std::string temporary = fmt::format("{}/tmp/{}", dir_, unique_name());
  if (Status status = disk_.copy(path, temporary, blob_mode); !status) return status;
  // The copy is what will be read, so it is the copy that must have the digest.
  const Result<ContentDigests> copied = disk_.hash_both(temporary);
  if (copied && copied->strong == expected) return publish(temporary, expected);
  (void)disk_.remove(temporary);
  if (!copied) return std::unexpected(copied.error());
  return fail(ErrorKind::corrupt, fmt::format("`{}` changed while it was being stored", path));
}

Result<StrongDigest> BlobStore::put(std::string_view bytes) {
  const StrongDigest digest = strong_digest(bytes);
  if (keep(digest, bytes.size())) return digest;
  const std::string temporary = fmt::format("{}/tmp/{}", dir_, unique_name());
  Status status = disk_.write(temporary, bytes, blob_mode);
  if (status) status = publish(temporary, digest);
  if (!status) return std::unexpected(status.error());
  return digest;
}

std::unexpected<Error> BlobStore::absent_or(const StrongDigest& digest, const Error& error) const {
  if (error.kind != ErrorKind::not_found) return std::unexpected(error);
  return fail(ErrorKind::not_found, fmt::format("blob `{}` is not in the cache", digest.hex()));
}

std::unexpected<Error> BlobStore::discard(const StrongDigest& digest) {
  (void)disk_.remove(path_of(digest));
  return fail(ErrorKind::corrupt, fmt::format("blob `{}` was damaged and has been removed", digest.hex()));
}

Result<std::string> BlobStore::get(const StrongDigest& digest) {
  const std::string path = path_of(digest);
  const Result<FileStat> stat = disk_.stat(path);
  if (!stat) return absent_or(digest, stat.error());
  Result<std::string> bytes = disk_.read(path);
  if (!bytes) return absent_or(digest, bytes.error());
  if (strong_digest(*bytes) != digest) return discard(digest);
  mark_used(disk_, path, *stat);
  return bytes;
}

Status BlobStore::restore(const StrongDigest& digest, const std::string& path, std::uint32_t mode) {
  const std::string blob = path_of(digest);
  const Result<FileStat> stat = disk_.stat(blob);
  if (!stat) return absent_or(digest, stat.error());
  const std::string temporary = fmt::format("{}/.trilock-{}", path.substr(0, path.rfind('/')), unique_name());
  if (Status status = disk_.copy(blob, temporary, mode); !status) return absent_or(digest, status.error());
  const Result<ContentDigests> copied = disk_.hash_both(temporary);
  if (copied && copied->strong == digest) {
    Status status = disk_.rename(temporary, path);
    if (!status) (void)disk_.remove(temporary);
    if (status) mark_used(disk_, blob, *stat);
    return status;
  }
  (void)disk_.remove(temporary);
  if (!copied) return std::unexpected(copied.error());
  // Whose fault it is decides what is thrown away: a disk that garbles the copy says nothing against the blob.
  const Result<ContentDigests> source = disk_.hash_both(blob);
  if (!source || source->strong != digest) return discard(digest);
  return fail(ErrorKind::io, fmt::format("cannot write `{}`: the copy differs from the blob", path));
}

}  // namespace trilock
