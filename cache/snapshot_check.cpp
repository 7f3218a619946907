// Threads take pieces of the list from a common counter: a directory may hold nearly all files, or one each, so neither
// halves nor directories would be even. A piece opens its directories anew, which costs less than to agree on who has
// them open. The sum over the file is one more piece of work for whoever comes first.
#include "cache/snapshot_check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "cache/file_stat.hpp"
#include "cache/thread_start.hpp"

namespace trilock {
namespace {

using Differences = std::optional<std::vector<std::uint32_t>>;

constexpr std::uint32_t looks_at_once = 512;     // some 0.5 ms, so that threads end at about the same time
constexpr std::uint32_t worth_a_thread = 2'000;  // below, starting one costs as much as it saves

bool means_absent(int error) {
  return error == ENOENT || error == ENOTDIR;
}

class Check {
 public:
  Check(const SnapshotView& snapshot, std::uint32_t most, const SeenLook* seen)
      : snapshot_(snapshot), most_(most), seen_(seen) {}

  Differences run(unsigned threads) {
    const std::uint32_t useful = snapshot_.look_count() / worth_a_thread + 1;
    std::vector<std::thread> others;
    for (unsigned i = 1; i < std::min(threads, useful); ++i) {
      std::thread other = start_thread([this] { work(); });
      if (!other.joinable()) break;
      others.push_back(std::move(other));
    }
    if (!snapshot_.has_sum()) hopeless_ = true;
    work();
    for (std::thread& other : others) other.join();
    return end();
  }

  Differences of(std::span<const std::uint32_t> looks) {
    while (!looks.empty() && !hopeless_) {
      std::size_t row = 1;  // how many of them are one after the other
      while (row < looks.size() && looks[row] - looks[0] == row) ++row;
      if (looks[0] + row > snapshot_.look_count()) return std::nullopt;
      if (!piece(looks[0], looks[0] + static_cast<std::uint32_t>(row))) hopeless_ = true;
      looks = looks.subspan(row);
    }
    return end();
  }

 private:
  Differences end() {
    if (hopeless_) return std::nullopt;
    std::ranges::sort(found_);
    return std::move(found_);
  }

  void work() {
    while (!hopeless_.load(std::memory_order_relaxed)) {
      const std::uint32_t begin = next_.fetch_add(looks_at_once, std::memory_order_relaxed);
      if (begin >= snapshot_.look_count()) return;
      if (!piece(begin, begin + std::min(looks_at_once, snapshot_.look_count() - begin))) hopeless_ = true;
    }
  }

  // False when there are too many.
  bool differs(std::uint32_t look) {
    const std::lock_guard lock(mutex_);
    if (found_.size() >= most_) return false;
    found_.push_back(look);
    return true;
  }

  // The looks from `begin` up to `end`, in however many directories they are. False when nothing can be told.
  bool piece(std::uint32_t begin, std::uint32_t end) {
    const auto directories = snapshot_.directories();
    auto directory = std::ranges::upper_bound(directories, begin, {}, &SnapshotDirectory::first);
    if (directory == directories.begin()) return false;
    for (--directory; begin < end; ++directory) {
      // Together the directories have every look once; otherwise some would not be checked.
      if (directory == directories.end() || directory->first > begin) return false;
      const auto looks = snapshot_.looks(*directory);
      if (begin - directory->first >= looks.size()) return false;
      const auto rest = looks.subspan(begin - directory->first);
      const auto mine = rest.first(std::min<std::size_t>(rest.size(), end - begin));
      if (!in_directory(*directory, mine, begin)) return false;
      begin += static_cast<std::uint32_t>(mine.size());
    }
    return true;
  }

  bool in_directory(const SnapshotDirectory& directory, std::span<const SnapshotLook> looks, std::uint32_t first) {
    const char* const path = snapshot_.text(directory.path);
    if (path == nullptr || *path != '/') return false;
    const int opened = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const bool gone = opened < 0 && means_absent(errno);  // then nothing can be in it either
    bool possible = true;
    for (std::uint32_t i = 0; i < looks.size() && possible; ++i) {
      const bool same = opened < 0 ? gone && looks[i].present == 0 : holds(opened, looks[i], first + i);
      possible = same || differs(first + i);
    }
    if (opened >= 0) ::close(opened);
    return possible;
  }

  bool holds(int directory, const SnapshotLook& look, std::uint32_t number) {
    const char* const name = snapshot_.text(look.name);
    if (name == nullptr || *name == '\0') return false;
    struct statx raw;
    const int flags = AT_NO_AUTOMOUNT | (look.followed != 0 ? 0 : AT_SYMLINK_NOFOLLOW);
    if (::statx(directory, name, flags, statx_wanted, &raw) != 0) return look.present == 0 && means_absent(errno);
    const FileStat now = file_stat_of(raw);
    const bool same = look.present != 0 && now.size == look.size && now.mtime_ns == look.mtime_ns &&
                      now.ctime_ns == look.ctime_ns && now.inode == look.inode && now.mode == look.mode &&
                      now.type == look.type && snapshot_.device(look.device) == now.device;
    if (same && seen_ != nullptr) (*seen_)(number, raw);
    return same;
  }

  const SnapshotView& snapshot_;
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<bool> hopeless_ = false;
  const std::uint32_t most_;
  const SeenLook* seen_;
  std::mutex mutex_;
  std::vector<std::uint32_t> found_;  // guarded by mutex_ while threads are at work
};

}  // namespace

Differences differing_looks(const SnapshotView& snapshot, unsigned threads, std::uint32_t most) {
  return Check(snapshot, most, nullptr).run(std::max(threads, 1U));
}

Differences differing_looks(const SnapshotView& snapshot, std::span<const std::uint32_t> looks, const SeenLook& seen) {
  return Check(snapshot, snapshot.look_count(), seen ? &seen : nullptr).of(looks);
}

}  // namespace trilock
