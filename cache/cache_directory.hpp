// Results and blobs in a directory, in the layout of Bazel's disk cache (docs/cache-format.md), so that Bazel, its
// RemoteWorker and any web server can share it:
//
//   ac/<2 hex>/<64 hex>     a serialized ActionResult, sealed, under the SHA-256 of its Action; first two digits
//   cas/<2 hex>/<64 hex>    a blob under its SHA-256
//   tmp/<host>-<random>-<n> files in the making
//   quarantine/<kind>-<hex> what was found damaged, to be looked at: at most `quarantine_files` and `quarantine_bytes`
//   gc/lock                 held while files are evicted (cache/cache_gc.hpp)
//
// Used for the cache directory of a machine and for one that machines share. Files appear whole, by rename, after their
// bytes were synced, and never change afterwards; whoever reads verifies size and digest all the same. Readers take no
// lock: a file that went away meanwhile is a miss.
//
// Modes are 0666 and 0777 less the umask, so that with a umask of 002 and a directory of mode 2775 all users of a group
// share it. A reader who may not touch what it uses reads all the same; what it uses looks older than it is.
// Thread rule: all functions may be called from any thread at once; several processes, on several hosts, may use one
// directory.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_tier.hpp"
#include "cache/disk.hpp"

namespace trilock {

inline constexpr std::size_t quarantine_files = 64;
inline constexpr std::uint64_t quarantine_bytes = std::uint64_t{256} << 20;
inline constexpr std::uint64_t largest_result = std::uint64_t{64} << 20;    // in bytes; more is no result of ours
inline constexpr std::uint64_t largest_message = std::uint64_t{256} << 20;  // of `blob`

// The two halves of a cache directory, with the names of their folders.
enum class CacheKind : std::uint8_t { ac, cas };
[[nodiscard]] std::string_view to_string(CacheKind kind);

class CacheDirectory final : public CacheTier {
 public:
  // Whether anything but times of use may change. With `read`, what is damaged stays where it is.
  enum class Access : std::uint8_t { read, read_write };
  // Whether what describes an action is kept beside its result. It is for other machines, and is more files than the
  // result itself has.
  enum class Descriptions : std::uint8_t { keep, drop };
  // `root` is absolute and need not exist. Nothing is made before something is published.
  CacheDirectory(Disk& disk, std::string root, Access access = Access::read_write,
                 Descriptions descriptions = Descriptions::keep);
  [[nodiscard]] bool describes() const { return descriptions_ == Descriptions::keep; }

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string path_of(CacheKind kind, const StrongDigest& digest) const;

  [[nodiscard]] std::string_view name() const override { return name_; }
  // A result whose blobs are all there, with the sizes that it names. Marks it as used, and then them.
  Result<std::string> result(const StrongDigest& action) override;
  Result<std::string> blob(const StrongDigest& digest, std::uint64_t size) override;
  Status fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path, std::uint32_t mode) override;
  // A source whose file lies in `tmp/` of this directory (see `capture`) is moved, others are copied.
  Status publish(std::span<const Publication> publications) override;
  std::vector<std::string> take_warnings() override;

  [[nodiscard]] bool has(const StrongDigest& digest, std::uint64_t size);

  // Copies a file that may change soon into `tmp/`, to be published. When the blob is there already, only marks it as
  // used; `path` of the source is then the blob's. corrupt: the file has other bytes by now.
  Result<BlobSource> capture(const std::string& path, const StrongDigest& digest, std::uint64_t size);
  void discard(const BlobSource& captured);

  // Moves a damaged file out of the way, with a warning the first time. `why`: "has other bytes".
  void quarantine(CacheKind kind, const StrongDigest& digest, std::string_view why);

 private:
  struct Staged;
  struct Batch;

  [[nodiscard]] std::string shard_path(CacheKind kind, std::uint8_t shard) const;
  [[nodiscard]] std::string new_temporary();
  [[nodiscard]] bool is_temporary(const std::string& path) const;
  Status check_result(const StrongDigest& action, const std::string& bytes);
  [[nodiscard]] Error unreadable(const Error& error);
  std::unexpected<Error> damaged(CacheKind kind, const StrongDigest& digest, std::string_view why);
  std::unexpected<Error> look_at_failure(const StrongDigest& digest, const Error& error);
  void mark(const std::string& path, const FileStat& stat);
  [[nodiscard]] bool keep(const StrongDigest& digest, std::uint64_t size);
  void trim_quarantine();
  void warn(std::string text);

  Status make_shard(CacheKind kind, const StrongDigest& digest, Batch& batch);
  Status stage(const Publication& publication, Batch& batch);
  Status stage_blob(const BlobSource& source, Batch& batch, std::vector<Staged>& staged);
  Status move_into_place(const std::vector<Staged>& staged, CacheKind kind, Batch& batch);
  void drop(const Batch& batch);

  Disk& disk_;
  const std::string root_;
  const std::string name_;
  const Access access_;
  const Descriptions descriptions_;
  const std::string temporary_prefix_;
  std::atomic<std::uint64_t> next_temporary_ = 0;
  std::array<std::atomic<bool>, 512> shard_is_there_{};  // ac, then cas: a directory, and no symlink to one

  std::mutex warnings_lock_;
  std::vector<std::string> warnings_;
  std::set<std::string> warned_;
};

}  // namespace trilock
