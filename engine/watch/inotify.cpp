#include "engine/watch/inotify.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>

namespace trilock {
namespace {

constexpr std::uint32_t names = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t written = IN_MODIFY | IN_CLOSE_WRITE;
constexpr std::uint32_t of_directory = names | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW;

// File systems that only this kernel changes, so that it can tell of every change (magic numbers of statfs(2)). Of
// others, such as NFS, SMB, 9p, FUSE, changes come from elsewhere, or files are made as they are asked for; and where
// case does not count (vfat, exfat), a file is told of by another name than the one that was looked at.
constexpr std::array<std::uint64_t, 14> local_file_systems = {
    0xEF53,      // ext2, ext3, ext4
    0x58465342,  // xfs
    0x9123683E,  // btrfs
    0x01021994,  // tmpfs
    0x858458F6,  // ramfs
    0x794C7630,  // overlayfs
    0xF2F52010,  // f2fs
    0x2FC12FC1,  // zfs
    0xCA451A4E,  // bcachefs
    0xE0F5E1E2,  // erofs
    0x73717368,  // squashfs
    0x9660,      // iso9660
    0x3153464A,  // jfs
    0x52654973,  // reiserfs
};

FileEvent::Kind kind_of(std::uint32_t mask) {
  using Kind = FileEvent::Kind;
  if ((mask & IN_Q_OVERFLOW) != 0) return Kind::lost;
  if ((mask & IN_IGNORED) != 0) return Kind::ended;
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) return Kind::gone;
  if ((mask & names) != 0) return Kind::names;
  return (mask & IN_ATTRIB) != 0 ? Kind::attributes : Kind::content;
}

}  // namespace

Result<std::unique_ptr<Inotify>> Inotify::open() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    const bool too_many = errno == EMFILE;
    auto error = fail_errno("cannot watch files", errno);
    if (too_many)
      error.error().help = "end another program that watches files, or raise `fs.inotify.max_user_instances`";
    return error;
  }
  return std::unique_ptr<Inotify>(new Inotify(fd));
}

Inotify::Inotify(int fd)
    : fd_(fd),
      mounts_fd_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)),
      own_mounts_fd_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

Inotify::~Inotify() {
  ::close(fd_);
  for (const int mounts : {mounts_fd_, own_mounts_fd_})
    if (mounts >= 0) ::close(mounts);
}

Notifier::Found Inotify::look(const std::string& path) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) != 0)
    return {.kind = errno == ENOENT || errno == ENOTDIR ? Found::Kind::absent : Found::Kind::hidden, .target = {}};
  if (S_ISDIR(stat.st_mode)) return {.kind = Found::Kind::directory, .target = {}};
  if (!S_ISLNK(stat.st_mode)) return {.kind = Found::Kind::other, .target = {}};
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return {.kind = Found::Kind::hidden, .target = {}};
  return {.kind = Found::Kind::symlink, .target = {target.data(), static_cast<std::size_t>(length)}};
}

bool Inotify::tells_all(const std::string& path) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) != 0) return true;  // it is gone, which its directory tells
  const auto [known, added] = tells_all_.try_emplace(stat.st_dev, false);
  struct statfs file_system {};
  if (added && ::statfs(path.c_str(), &file_system) == 0)
    known->second = std::ranges::find(local_file_systems, static_cast<std::uint64_t>(file_system.f_type)) !=
                    local_file_systems.end();
  return known->second;
}

WatchId Inotify::add(const std::string& path, std::uint32_t mask) {
  const int watch = ::inotify_add_watch(fd_, path.c_str(), mask | IN_MASK_ADD);
  if (watch < 0 && errno == ENOSPC) full_ = true;
  return watch < 0 ? no_watch : watch;
}

WatchId Inotify::watch_directory(const std::string& path, Tell tell) {
  if (!tells_all(path)) return no_watch;
  return add(path, of_directory | (tell == Tell::all ? written : 0));
}

WatchId Inotify::watch_file(const std::string& path) {
  return add(path, written | IN_ATTRIB);
}

void Inotify::forget(WatchId watch) {
  ::inotify_rm_watch(fd_, watch);
}

void Inotify::drain(const std::function<void(const FileEvent&)>& each) {
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  // Not until there are none: they may come faster than they are taken.
  int left = 0;
  if (::ioctl(fd_, FIONREAD, &left) != 0) return;
  while (left > 0) {
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    left -= static_cast<int>(count);
    for (const char* at = buffer.data(); at < buffer.data() + count;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(at);
      // The name is padded with zeros.
      const std::string_view name = event->len > 0 ? std::string_view(event->name) : std::string_view();
      each({event->wd, kind_of(event->mask), name});
      at += sizeof *event + event->len;
    }
  }
}

bool Inotify::mounts_changed() {
  pollfd mounts{own_mounts_fd_, POLLPRI, 0};
  return own_mounts_fd_ >= 0 && ::poll(&mounts, 1, 0) > 0 && (mounts.revents & (POLLPRI | POLLERR)) != 0;
}

std::size_t Inotify::most_watches() {
  std::ifstream file("/proc/sys/fs/inotify/max_user_watches");
  std::size_t most = 0;
  return file >> most ? most : 0;
}

}  // namespace trilock
