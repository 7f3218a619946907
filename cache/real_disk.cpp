#include "cache/real_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "cache/file_stat.hpp"
#include "cache/hash.hpp"

namespace trilock {

namespace {

Result<FileStat> stat_with(const std::string& path, int flags) {
  struct statx raw;
  if (::statx(AT_FDCWD, path.c_str(), flags | AT_NO_AUTOMOUNT, statx_wanted, &raw) != 0) {
    return fail_errno(cannot("stat", path), errno);
  }
  return file_stat_of(raw);
}

FileType type_of_entry(int directory, const dirent& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return FileType::file;
    case DT_DIR:
      return FileType::directory;
    case DT_LNK:
      return FileType::symlink;
    case DT_UNKNOWN: {  // some file systems do not know it without looking at the inode
      struct stat stat = {};
      const bool known = ::fstatat(directory, entry.d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
      return known ? file_type_of(stat.st_mode) : FileType::other;
    }
    default:
      return FileType::other;
  }
}

// Opens for hashing or copying: never waits for the other end of a fifo, refuses what has no bytes of its own.
Result<Descriptor> open_regular(const std::string& path, std::string_view verb, int flags) {
  Descriptor file(
      retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags); }));
  if (!file) return fail_errno(cannot(verb, path), errno);
  struct stat stat = {};
  if (::fstat(file.get(), &stat) != 0) return fail_errno(cannot(verb, path), errno);
  if (S_ISDIR(stat.st_mode)) return fail_errno(cannot(verb, path), EISDIR);
  if (!S_ISREG(stat.st_mode)) return fail(ErrorKind::io, cannot(verb, path) + ": not a regular file");
  return file;
}

// Shares the extents where the file system can, else copies inside the kernel, else through a buffer. The last loop
// also finishes what copy_file_range left: files of /proc and some network mounts have bytes that it does not see.
int copy_bytes(int from, int to, bool& writing) {
  writing = true;
  if (::ioctl(to, FICLONE, from) == 0) return 0;
  if (errno == ENOSPC || errno == EDQUOT || errno == EIO) return errno;
  constexpr std::size_t at_once = std::size_t{1} << 30;
  for (;;) {
    const ssize_t count = retry_interrupted([&] { return ::copy_file_range(from, nullptr, to, nullptr, at_once, 0); });
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) return errno;
    if (count <= 0) break;
  }
  int write_error = 0;
  const int read_error = read_pieces(from, [&](std::string_view bytes) {
    if (write_error == 0) write_error = write_all(to, bytes);
  });
  writing = read_error == 0;
  return read_error != 0 ? read_error : write_error;
}

class RealDisk final : public Disk {
 public:
  explicit RealDisk(Confinement confinement) : beneath_(std::move(confinement)) {}

  Result<FileStat> stat(const std::string& path) override { return stat_with(path, AT_SYMLINK_NOFOLLOW); }
  Result<FileStat> stat_following(const std::string& path) override { return stat_with(path, 0); }

  Result<std::vector<DirEntry>> list(const std::string& path) override {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Descriptor directory(retry_interrupted([&] { return ::open(path.c_str(), flags); }));
    if (!directory) return fail_errno(cannot("list", path), errno);
    DIR* stream = ::fdopendir(directory.get());
    if (stream == nullptr) return fail_errno(cannot("list", path), errno);
    const int number = directory.release();
    std::vector<DirEntry> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({std::string(name), type_of_entry(number, *entry)});
      errno = 0;
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return fail_errno(cannot("list", path), error);
    std::ranges::sort(entries, {}, &DirEntry::name);
    return entries;
  }

  Result<std::string> read(const std::string& path) override {
    Descriptor file(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY); }));
    if (!file) return fail_errno(cannot("read", path), errno);
    std::string content;
    struct stat stat {};
    if (::fstat(file.get(), &stat) == 0 && stat.st_size > 0) content.reserve(static_cast<std::size_t>(stat.st_size));
    const int error = read_pieces(file.get(), [&](std::string_view bytes) { content.append(bytes); });
    if (error != 0) return fail_errno(cannot("read", path), error);
    return content;
  }

  Result<std::string> read_start(const std::string& path, std::size_t bytes) override {
    Result<Descriptor> file = open_regular(path, "read", 0);
    if (!file) return std::unexpected(file.error());
    std::string content(bytes, '\0');
    std::size_t size = 0;
    for (ssize_t count = 1; count > 0 && size < bytes; size += static_cast<std::size_t>(count)) {
      count = retry_interrupted([&] { return ::read(file->get(), content.data() + size, bytes - size); });
      if (count < 0) return fail_errno(cannot("read", path), errno);
    }
    content.resize(size);
    return content;
  }

  Result<std::string> read_stretches(const std::string& path, std::span<const ByteStretch> stretches) override {
    Descriptor file(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY); }));
    if (!file) return fail_errno(cannot("read", path), errno);
    std::size_t bytes = 0;
    for (const ByteStretch& stretch : stretches) bytes += stretch.end - stretch.begin;
    std::string content(bytes, '\0');
    std::size_t filled = 0;
    for (const ByteStretch& stretch : stretches)
      for (std::size_t at = stretch.begin; at < stretch.end;) {
        const ssize_t count = retry_interrupted(
            [&] { return ::pread(file.get(), content.data() + filled, stretch.end - at, static_cast<off_t>(at)); });
        if (count < 0) return fail_errno(cannot("read", path), errno);
        if (count == 0) return fail(ErrorKind::io, cannot("read", path) + ": the file ends too early");
        at += static_cast<std::size_t>(count);
        filled += static_cast<std::size_t>(count);
      }
    return content;
  }

  Result<std::string> read_link(const std::string& path) override {
    std::string target(256, '\0');
    for (;;) {
      const ssize_t count = ::readlink(path.c_str(), target.data(), target.size());
      if (count < 0) return fail_errno(cannot("read the symlink", path), errno);
      if (static_cast<std::size_t>(count) < target.size()) {
        target.resize(static_cast<std::size_t>(count));
        return target;
      }
      target.resize(target.size() * 2);
    }
  }

  Result<FastDigest> hash_fast(const std::string& path) override {
    Result<Descriptor> file = open_regular(path, "read", 0);
    if (!file) return std::unexpected(file.error());
    FastHasher hasher;
    const int error = read_pieces(file->get(), [&](std::string_view bytes) { hasher.update(bytes); });
    if (error != 0) return fail_errno(cannot("read", path), error);
    return hasher.digest();
  }

  Result<ContentDigests> hash_both(const std::string& path) override {
    Result<Descriptor> file = open_regular(path, "read", 0);
    if (!file) return std::unexpected(file.error());
    FastHasher fast;
    StrongHasher strong;
    std::uint64_t size = 0;
    const int error = read_pieces(file->get(), [&](std::string_view bytes) {
      fast.update(bytes);
      strong.update(bytes);
      size += bytes.size();
    });
    if (error != 0) return fail_errno(cannot("read", path), error);
    return ContentDigests{fast.digest(), strong.finish(), size};
  }

  // Linux stamps an inode with the time of the last timer tick, which is what this clock reads: a change after this
  // call sees the same tick or a later one, so its ctime cannot be smaller. CLOCK_REALTIME runs ahead of the stamps by
  // up to a tick, and a file that changed right after reading it could look older than it. Kernels with multigrain
  // timestamps (6.13) stamp finer at times, never below this clock. A file server stamps with a clock of its own:
  // there this is as exact as that clock is synchronised.
  std::int64_t change_clock_ns() override {
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  // Kernels with multigrain timestamps may stamp with this one.
  std::int64_t latest_stamp_ns() override {
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  // The slowest ticks that Linux can be built with are 10 ms; on a busy machine one may be late.
  void wait_for_clock(std::int64_t time_ns) override {
    constexpr timespec pause = {.tv_sec = 0, .tv_nsec = 500'000};
    for (int i = 0; i < 100 && change_clock_ns() <= time_ns; ++i) ::nanosleep(&pause, nullptr);
  }

  Result<std::uint64_t> free_bytes(const std::string& path) override {
    struct statvfs system = {};
    if (retry_interrupted([&] { return ::statvfs(path.c_str(), &system); }) != 0)
      return fail_errno(cannot("look at the disk of", path), errno);
    if (system.f_files != 0 && system.f_favail == 0) return 0;  // no file can be made
    return std::uint64_t{system.f_bavail} * system.f_frsize;
  }

  Status write(const std::string& path, std::string_view content, std::uint32_t mode) override {
    Result<PendingFile> file = PendingFile::create(beneath_, path);
    if (!file) return std::unexpected(file.error());
    const int error = write_all(file->descriptor(), content);
    if (error != 0) return file->error(error);
    return file->publish(mode);
  }

  Status copy(const std::string& from, const std::string& to, std::uint32_t mode) override {
    Result<Descriptor> source = open_regular(from, "copy", O_NOFOLLOW);
    if (!source) return std::unexpected(source.error());
    Result<PendingFile> file = PendingFile::create(beneath_, to);
    if (!file) return std::unexpected(file.error());
    bool writing = false;
    const int error = copy_bytes(source->get(), file->descriptor(), writing);
    if (error != 0) return fail_errno(writing ? cannot("write", to) : cannot("read", from), error);
    return file->publish(mode);
  }

  Status make_directories(const std::string& path, std::uint32_t mode) override {
    const int error = make_directories_at(beneath_, path, mode);
    if (error != 0) return fail_at(beneath_, cannot("make the directory", path), error);
    return {};
  }

  Status make_symlink(const std::string& target, const std::string& path) override {
    int error = symlink_at(target, path);
    if (error == ENOENT && !target.empty()) {
      error = make_directories_at(beneath_, parent_of(path), 0755);
      if (error == 0) error = symlink_at(target, path);
    }
    if (error != 0) return fail_at(beneath_, cannot("make the symlink", path), error);
    return {};
  }

  Status set_mode(const std::string& path, std::uint32_t mode) override {
    return at(path, "set the mode of",
              [&](int directory, const char* name) { return ::fchmodat(directory, name, mode, AT_SYMLINK_NOFOLLOW); });
  }

  Status set_mtime(const std::string& path, std::int64_t mtime_ns) override {
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t below = ((mtime_ns % second) + second) % second;
    const std::array<timespec, 2> times = {timespec{0, UTIME_OMIT}, timespec{(mtime_ns - below) / second, below}};
    return at(path, "set the time of", [&](int directory, const char* name) {
      return ::utimensat(directory, name, times.data(), AT_SYMLINK_NOFOLLOW);
    });
  }

  Status rename(const std::string& from, const std::string& to) override {
    Beneath::Place source;
    Beneath::Place target;
    int error = beneath_.find(from, source);
    if (error == 0) error = beneath_.find(to, target);
    if (error == 0 && ::renameat(source.directory, source.name.c_str(), target.directory, target.name.c_str()) != 0)
      error = errno;
    if (error == 0) return {};
    return fail_at(beneath_, cannot("rename", from) + " to `" + to + "`", error);
  }

  Status remove(const std::string& path) override {
    std::string failed;
    const int error = remove_tree(beneath_, path, failed);
    if (error != 0) return fail_at(beneath_, cannot("remove", failed), error);
    return {};
  }

  Status remove_empty_directory(const std::string& path) override {
    return at(path, "remove",
              [](int directory, const char* name) { return ::unlinkat(directory, name, AT_REMOVEDIR); });
  }

  Status check_place(const std::string& path) override {
    Beneath::Place place;
    const int error = beneath_.find(path, place);
    if (error == 0 || error == ENOENT) return {};
    return fail_at(beneath_, cannot("write", path), error);
  }

  Result<std::string> read_plain(const std::string& path, std::uint64_t largest) override {
    return read_plain_file(path, largest);
  }
  Result<StrongDigest> hash_plain(const std::string& path) override { return hash_plain_file(path); }
  Status write_new(const std::string& path, std::string_view bytes, NewFileMode mode) override {
    return write_new_file(beneath_, path, bytes, mode);
  }
  Result<FileStat> copy_exact(const std::string& from, const std::string& to, const StrongDigest& digest,
                              std::uint64_t size, NewFileMode mode) override {
    return copy_exact_file(beneath_, from, to, digest, size, mode);
  }
  Status touch(const std::string& path) override { return touch_file(beneath_, path); }
  Status sync_files(std::span<const std::string> paths) override { return sync_file_data(paths); }
  Status sync_directories(std::span<const std::string> paths) override { return sync_directory_names(paths); }
  Result<std::unique_ptr<DiskLock>> try_lock(const std::string& path) override { return try_lock_file(beneath_, path); }

 private:
  template <class Call>
  Status at(const std::string& path, std::string_view verb, Call call) {
    Beneath::Place place;
    int error = beneath_.find(path, place);
    if (error == 0 && call(place.directory, place.name.c_str()) != 0) error = errno;
    if (error == 0) return {};
    return fail_at(beneath_, cannot(verb, path), error);
  }

  // Under a name of its own first, so that it takes the place of what is there in one step.
  int symlink_at(const std::string& target, const std::string& path) {
    Beneath::Place place;
    if (const int error = beneath_.find(path, place); error != 0) return error;
    const std::string temporary = temporary_name(place.name);
    if (::symlinkat(target.c_str(), place.directory, temporary.c_str()) != 0) return errno;
    const auto publish = [&] {
      return ::renameat(place.directory, temporary.c_str(), place.directory, place.name.c_str()) == 0 ? 0 : errno;
    };
    int error = publish();
    if (error == EISDIR) {
      std::string failed;
      error = remove_tree(beneath_, path, failed);
      if (error == 0) error = publish();
    }
    if (error != 0) ::unlinkat(place.directory, temporary.c_str(), 0);
    return error;
  }

  Beneath beneath_;
};

}  // namespace

std::unique_ptr<Disk> make_real_disk(Confinement confinement) {
  return std::make_unique<RealDisk>(std::move(confinement));
}

}  // namespace trilock
