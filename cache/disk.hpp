// The door to the file system. Everything that trilock reads or writes, other than the state database, its lock and
// the logs, goes through a Disk, so that tests run whole builds in memory and count what was read.
// Thread rule: all functions may be called from any thread at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "schemas/byte_stretch.hpp"
#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

enum class FileType : std::uint8_t { file, directory, symlink, other };

// What identifies the state of a file without reading it. Times are nanoseconds since the epoch.
struct FileStat {
  FileType type = FileType::other;
  std::uint32_t mode = 0;  // permission bits, 07777
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  friend bool operator==(const FileStat&, const FileStat&) = default;
};

struct DirEntry {
  std::string name;
  FileType type = FileType::other;
};

struct ContentDigests {
  FastDigest fast;
  StrongDigest strong;
  std::uint64_t size = 0;
};

// The permission bits of a new file: exactly these, or these less the umask, for directories that a group shares.
struct NewFileMode {
  enum class Rule : std::uint8_t { exact, less_umask } rule = Rule::exact;
  std::uint32_t bits = 0644;
};

// What a Disk keeps to. Paths that do not begin with `root` are not confined.
struct Confinement {
  enum class Way : std::uint8_t { kernel, walk };
  std::string root = {};                  // absolute, without symlinks; "" confines nothing
  std::vector<std::string> allowed = {};  // absolute; where symlinks may lead besides
  Way way = Way::kernel;                  // `walk` does without openat2, as old kernels have to
};

// Held until it is destroyed; the kernel gives it back when the process ends, however it ends.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

// Paths are absolute. Nothing follows a symlink in the last component unless it says so.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual Result<FileStat> stat(const std::string& path) = 0;
  virtual Result<FileStat> stat_following(const std::string& path) = 0;
  virtual Result<std::vector<DirEntry>> list(const std::string& path) = 0;  // sorted by name bytes, without . and ..
  virtual Result<std::string> read(const std::string& path) = 0;            // follows symlinks
  virtual Result<std::string> read_start(const std::string& path, std::size_t bytes) = 0;  // of a regular file; follows
  // These bytes of it, one stretch behind the other; follows. An error when the file ends before one of them does.
  virtual Result<std::string> read_stretches(const std::string& path, std::span<const ByteStretch> stretches) {
    Result<std::string> whole = read(path);
    return whole ? cut_out(*whole, stretches) : std::move(whole);
  }
  virtual Result<std::string> read_link(const std::string& path) = 0;
  virtual Result<FastDigest> hash_fast(const std::string& path) = 0;      // of a file's bytes; follows symlinks
  virtual Result<ContentDigests> hash_both(const std::string& path) = 0;  // one pass over the bytes

  // The clock that the file system stamps changes with, in nanoseconds: a change made after this call gets a ctime
  // that is not smaller.
  virtual std::int64_t change_clock_ns() = 0;
  // No change made before this call has a ctime later than this. Ahead of change_clock_ns() by up to a tick.
  virtual std::int64_t latest_stamp_ns() = 0;
  // Until change_clock_ns() is later than `time_ns`; at most a few ticks.
  virtual void wait_for_clock(std::int64_t time_ns) = 0;
  // What this user may still write to the file system of `path`.
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;

  // Whole or not at all: a temporary beside it, then rename. Makes missing parent directories.
  virtual Status write(const std::string& path, std::string_view content, std::uint32_t mode) = 0;
  // A private copy (reflink where the file system can), whole or not at all. Makes missing parent directories.
  virtual Status copy(const std::string& from, const std::string& to, std::uint32_t mode) = 0;
  virtual Status make_directories(const std::string& path, std::uint32_t mode = 0755) = 0;
  virtual Status make_symlink(const std::string& target, const std::string& path) = 0;  // replaces what is there
  virtual Status set_mode(const std::string& path, std::uint32_t mode) = 0;
  virtual Status set_mtime(const std::string& path, std::int64_t mtime_ns) = 0;  // of a symlink itself
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;  // a whole tree; not an error when absent
  virtual Status remove_empty_directory(const std::string& path) = 0;
  // Whether a write to `path` may take place, as far as its directories exist: ErrorKind::invalid when a symlink on the
  // way leads out of where this Disk may write. Changes nothing.
  virtual Status check_place(const std::string& path) = 0;

  // --- what directories take that several processes or hosts use at once; none of these follows a symlink in the last
  // component, or waits for the other end of a fifo ---
  // The bytes of a regular file of at most `largest` bytes; corrupt when there is anything else.
  virtual Result<std::string> read_plain(const std::string& path, std::uint64_t largest) = 0;
  virtual Result<StrongDigest> hash_plain(const std::string& path) = 0;
  // A new file with these bytes at `path`, where nothing is yet. Makes missing parent directories; what cannot be
  // finished is removed.
  virtual Status write_new(const std::string& path, std::string_view bytes, NewFileMode mode) = 0;
  // A new file at `to` with the bytes of `from`, as a private copy (reflink where that pays), provided that they have
  // this size and digest: corrupt otherwise, or when `from` is no regular file. Gives the stat of `from`.
  virtual Result<FileStat> copy_exact(const std::string& from, const std::string& to, const StrongDigest& digest,
                                      std::uint64_t size, NewFileMode mode) = 0;
  // Sets the modification time to the time of the file system, so of the server where there is one.
  virtual Status touch(const std::string& path) = 0;
  // Whatever was written to these files survives a crash of the machine; the names in these directories do. All of one
  // call are on one file system.
  virtual Status sync_files(std::span<const std::string> paths) = 0;
  virtual Status sync_directories(std::span<const std::string> paths) = 0;
  // Null when someone else holds it. Makes the file and its parent directories. Excludes whoever locks the file with
  // fcntl, on any host where the file system can.
  virtual Result<std::unique_ptr<DiskLock>> try_lock(const std::string& path) = 0;
};

// Nothing below the root of `confinement` is written or removed through a symlink that leads out of it: such an
// operation is refused with ErrorKind::invalid. Reading is not confined.
[[nodiscard]] std::unique_ptr<Disk> make_real_disk(Confinement confinement = {});

}  // namespace trilock
