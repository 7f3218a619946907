// A file system in memory for tests. It logs what is read, stamps changes with a clock that only the test moves, and
// fails where the test says.
//
// Thread rule: as Disk: all functions may be called from any thread at once. A hook runs without the lock held, so it
// may change files.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cache/disk.hpp"

namespace trilock::test {

// Whether a fault hits one write or that one and all after it, as a full disk or a crash does.
enum class FaultSpan : std::uint8_t { once, from_then_on };

class MemoryDisk final : public Disk {
 public:
  // The clock stands still until it is moved, and reads, as file systems do, in whole ticks.
  explicit MemoryDisk(std::int64_t tick_ns = 4'000'000);

  // --- the scene; none of these is logged, counted or made to fail ---
  void put(const std::string& path, std::string_view content, std::uint32_t mode = 0644);  // makes parents; in place
  void put_directory(const std::string& path);
  void put_symlink(const std::string& path, std::string_view target);
  void put_fifo(const std::string& path);
  void put_mount(const std::string& path);  // a directory that is a file system of its own
  void erase(const std::string& path);      // with all below
  [[nodiscard]] bool has(const std::string& path) const;
  [[nodiscard]] std::string content(const std::string& path) const;  // "" when absent
  [[nodiscard]] std::vector<std::string> paths() const;              // all there is, sorted, less "/"

  // --- the clock ---
  void advance(std::int64_t ns);
  void next_tick() { advance(tick_ns_); }

  // --- the log: paths as they were asked for, in order ---
  [[nodiscard]] std::vector<std::string> reads() const;  // whose bytes were read: read, hash_fast, hash_both, copy
  [[nodiscard]] std::vector<std::string> lists() const;
  [[nodiscard]] std::vector<std::string> stats() const;
  [[nodiscard]] std::size_t writes() const;  // attempts to change something, failed ones included
  void clear_log();

  // --- faults ---
  // The `nth` write from now (the next is 1) fails with this errno (ENOSPC, EIO, EDQUOT, …) and changes nothing.
  void fail_write(std::size_t nth, int error_number, FaultSpan span = FaultSpan::once);
  void fail_read(const std::string& path, int error_number);  // every read or listing of it; 0 heals
  void heal();
  // Called in every read of bytes, after the bytes were taken and before they are handed out.
  void on_read(std::function<void(const std::string& path)> hook);

  Result<FileStat> stat(const std::string& path) override;
  Result<FileStat> stat_following(const std::string& path) override;
  Result<std::vector<DirEntry>> list(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  Result<std::string> read_start(const std::string& path, std::size_t bytes) override;
  Result<std::string> read_link(const std::string& path) override;
  Result<FastDigest> hash_fast(const std::string& path) override;
  Result<ContentDigests> hash_both(const std::string& path) override;
  std::int64_t change_clock_ns() override;
  std::int64_t latest_stamp_ns() override { return change_clock_ns(); }
  void wait_for_clock(std::int64_t time_ns) override;                  // moves it
  Result<std::uint64_t> free_bytes(const std::string& path) override;  // none while ENOSPC lasts
  Status write(const std::string& path, std::string_view content, std::uint32_t mode) override;
  Status copy(const std::string& from, const std::string& to, std::uint32_t mode) override;
  Status make_directories(const std::string& path, std::uint32_t mode = 0755) override;
  Status make_symlink(const std::string& target, const std::string& path) override;
  Status set_mode(const std::string& path, std::uint32_t mode) override;
  Status set_mtime(const std::string& path, std::int64_t mtime_ns) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_empty_directory(const std::string& path) override;
  Status check_place(const std::string&) override { return {}; }  // confines nothing
  Result<std::string> read_plain(const std::string& path, std::uint64_t largest) override;
  Result<StrongDigest> hash_plain(const std::string& path) override;
  Status write_new(const std::string& path, std::string_view bytes, NewFileMode mode) override;
  Result<FileStat> copy_exact(const std::string& from, const std::string& to, const StrongDigest& digest,
                              std::uint64_t size, NewFileMode mode) override;
  Status touch(const std::string& path) override;
  Status sync_files(std::span<const std::string> paths) override;
  Status sync_directories(std::span<const std::string> paths) override;
  Result<std::unique_ptr<DiskLock>> try_lock(const std::string& path) override;

  // --- a crash of the machine ---
  // Every file that was written through this door and never synced loses its bytes, as on ext4 and xfs; names stay.
  void crash();

 private:
  friend class MemoryLock;
  struct File {
    FileStat stat;
    std::string content;  // or the target of a symlink
  };
  enum class Last : std::uint8_t { kept, followed };
  struct Resolved {
    std::string path;  // without symlinks; valid when `error` is 0
    int error = 0;
  };
  using Files = std::map<std::string, File, std::less<>>;

  [[nodiscard]] std::int64_t now() const { return clock_ns_ / tick_ns_ * tick_ns_; }
  [[nodiscard]] Resolved resolve(std::string_view path, Last last) const;
  [[nodiscard]] const File* lookup(const std::string& path, Last last, int& error) const;
  File& create(const std::string& resolved, FileType type, std::uint32_t mode);
  int make_parents(const std::string& path, Resolved& resolved);
  void touch_parent(const std::string& resolved);
  void erase_tree(const std::string& resolved);
  int move_tree(const std::string& from, const std::string& to);
  [[nodiscard]] std::string_view mount_of(std::string_view path) const;
  int put_file(const std::string& path, std::string_view content, std::uint32_t mode);
  int replace_symlink(const std::string& path, std::string_view target);
  [[nodiscard]] int begin_write();  // counts; 0, or the errno of a fault
  Result<FileStat> stat_as(const std::string& path, Last last);
  Result<std::string> bytes_of(const std::string& path, std::string_view verb, Last last);

  mutable std::mutex mutex_;
  const std::int64_t tick_ns_;
  std::int64_t clock_ns_;
  std::uint64_t next_inode_ = 2;
  Files files_;
  std::vector<std::string> reads_;
  std::vector<std::string> lists_;
  std::vector<std::string> stats_;
  std::size_t writes_ = 0;
  std::size_t fault_at_ = 0;  // a count of writes; 0 is never
  int fault_error_ = 0;
  FaultSpan fault_span_ = FaultSpan::once;
  std::map<std::string, int> read_faults_;
  std::set<std::uint64_t> unsynced_;  // inodes
  std::set<std::string> locks_;
  std::set<std::string, std::less<>> mounts_;
  std::function<void(const std::string&)> hook_;
};

}  // namespace trilock::test
