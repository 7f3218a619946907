// Threads take pieces of the list from a common counter: a directory may hold nearly all files, or one each, so neither
// halves nor directories would be even. A piece opens its directories anew, which costs less than to agree on who has
// them open. The sum over the file is one more piece of work for whoever comes first.
#include "cache/snapshot_check.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>

#include "cache/file_stat.hpp"

namespace trilock {
namespace {

constexpr std::uint32_t looks_at_once = 512;     // some 0.5 ms, so that threads end at about the same time
constexpr std::uint32_t worth_a_thread = 2'000;  // below, starting one costs as much as it saves

bool means_absent(int error) {
  return error == ENOENT || error == ENOTDIR;
}

class Check {
 public:
  explicit Check(const SnapshotView& snapshot) : snapshot_(snapshot) {}

  bool run(unsigned threads) {
    const std::uint32_t useful = snapshot_.look_count() / worth_a_thread + 1;
    std::vector<std::thread> others;
    for (unsigned i = 1; i < std::min(threads, useful); ++i) {
      try {
        others.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        break;  // no thread to be had: this one does it all
      }
    }
    if (!snapshot_.has_sum()) same_ = false;
    work();
    for (std::thread& other : others) other.join();
    return same_;
  }

 private:
  void work() {
    while (same_.load(std::memory_order_relaxed)) {
      const std::uint32_t begin = next_.fetch_add(looks_at_once, std::memory_order_relaxed);
      if (begin >= snapshot_.look_count()) return;
      if (!piece(begin, begin + std::min(looks_at_once, snapshot_.look_count() - begin))) same_ = false;
    }
  }

  // The looks from `begin` up to `end`, in however many directories they are.
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
      if (!in_directory(*directory, mine)) return false;
      begin += static_cast<std::uint32_t>(mine.size());
    }
    return true;
  }

  bool in_directory(const SnapshotDirectory& directory, std::span<const SnapshotLook> looks) {
    const char* const path = snapshot_.text(directory.path);
    if (path == nullptr || *path != '/') return false;
    const int opened = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) {
      // Then nothing can be in it either.
      return means_absent(errno) &&
             std::ranges::all_of(looks, [](const SnapshotLook& look) { return look.present == 0; });
    }
    const bool same = std::ranges::all_of(looks, [&](const SnapshotLook& look) { return holds(opened, look); });
    ::close(opened);
    return same;
  }

  bool holds(int directory, const SnapshotLook& look) {
    const char* const name = snapshot_.text(look.name);
    if (name == nullptr || *name == '\0') return false;
    struct statx raw;
    const int flags = AT_NO_AUTOMOUNT | (look.followed != 0 ? 0 : AT_SYMLINK_NOFOLLOW);
    if (::statx(directory, name, flags, statx_wanted, &raw) != 0) return look.present == 0 && means_absent(errno);
    const FileStat now = file_stat_of(raw);
    return look.present != 0 && now.size == look.size && now.mtime_ns == look.mtime_ns &&
           now.ctime_ns == look.ctime_ns && now.inode == look.inode && now.mode == look.mode && now.type == look.type &&
           snapshot_.device(look.device) == now.device;
  }

  const SnapshotView& snapshot_;
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<bool> same_ = true;
};

}  // namespace

bool is_as_recorded(const SnapshotView& snapshot, unsigned threads) {
  return Check(snapshot).run(std::max(threads, 1U));
}

}  // namespace trilock
