// What the real Disk does for directories that several processes or hosts use at once: nothing here follows a symlink
// that one of them left in place of a file, waits for a fifo, or shows a file that is not whole.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/hash.hpp"
#include "cache/real_disk.hpp"

namespace trilock {
namespace {

std::unexpected<Error> not_plain(const std::string& path) {
  return fail(ErrorKind::corrupt, "`" + path + "` is not a regular file");
}

Result<Descriptor> open_plain(const std::string& path, std::string_view verb, FileStat& found) {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  Descriptor file(retry_interrupted([&] { return ::open(path.c_str(), flags); }));
  // A symlink, or a socket or a device without a driver.
  if (!file && (errno == ELOOP || errno == ENXIO || errno == ENODEV)) return not_plain(path);
  if (!file) return fail_errno(cannot(verb, path), errno);
  struct stat stat = {};
  if (::fstat(file.get(), &stat) != 0) return fail_errno(cannot(verb, path), errno);
  if (!S_ISREG(stat.st_mode)) return not_plain(path);
  found = file_stat(stat);
  return file;
}

// A file that is removed again unless it is finished.
class NewFile {
 public:
  NewFile(const Beneath& beneath, const std::string& path, NewFileMode mode) : mode_(mode) {
    error_ = create(beneath, path);
    if (error_ != ENOENT) return;
    error_ = make_directories_at(beneath, parent_of(path), mode.rule == NewFileMode::Rule::exact ? 0755 : 0777);
    if (error_ == 0) error_ = create(beneath, path);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_) unlink();
  }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }
  // Network file systems report a full disk or quota only when the file is closed.
  [[nodiscard]] int finish() {
    if (mode_.rule == NewFileMode::Rule::exact && ::fchmod(file_.get(), mode_.bits) != 0) return errno;
    if (::close(file_.release()) == 0 || errno == EINTR) return 0;
    const int error = errno;
    unlink();
    return error;
  }

 private:
  int create(const Beneath& beneath, const std::string& path) {
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    if (const int error = beneath.find(path, place_); error != 0) return error;
    file_ = Descriptor(
        retry_interrupted([&] { return ::openat(place_.directory, place_.name.c_str(), flags, mode_.bits); }));
    return file_ ? 0 : errno;
  }
  void unlink() const { ::unlinkat(place_.directory, place_.name.c_str(), 0); }

  NewFileMode mode_;
  Beneath::Place place_;
  Descriptor file_;
  int error_ = 0;
};

Status finished(NewFile& file, const std::string& path) {
  const int error = file.finish();
  if (error != 0) return fail_errno(cannot("write", path), error);
  return {};
}

std::unexpected<Error> other_bytes(const std::string& path) {
  return fail(ErrorKind::corrupt, "`" + path + "` has other bytes than it should have");
}

// Read, checked and only then written: the usual output is a few kilobytes, and costs no more than cp takes for it.
Status copy_small(const Beneath& beneath, int source, const std::string& from, const std::string& to,
                  const StrongDigest& digest, std::uint64_t size, NewFileMode mode) {
  Buffer buffer;
  std::size_t count = 0;
  while (count < size) {
    const ssize_t more = retry_interrupted(
        [&] { return ::read(source, buffer.data() + count, static_cast<std::size_t>(size) - count); });
    if (more < 0) return fail_errno(cannot("read", from), errno);
    if (more == 0) return other_bytes(from);
    count += static_cast<std::size_t>(more);
  }
  const std::string_view bytes(buffer.data(), count);
  if (strong_digest(bytes) != digest) return other_bytes(from);
  return write_new_file(beneath, to, bytes, mode);
}

// What is verified is what will be read: the copy when extents are shared, the bytes on their way otherwise.
Status copy_large(const Beneath& beneath, int source, const std::string& from, const std::string& to,
                  const StrongDigest& digest, NewFileMode mode) {
  NewFile target(beneath, to, mode);
  if (target.error() != 0) return fail_at(beneath, cannot("write", to), target.error());
  const bool shares = ::ioctl(target.descriptor(), FICLONE, source) == 0;
  StrongHasher hasher;
  int write_error = 0;
  const int read_error = read_pieces(shares ? target.descriptor() : source, [&](std::string_view bytes) {
    hasher.update(bytes);
    if (!shares && write_error == 0) write_error = write_all(target.descriptor(), bytes);
  });
  if (read_error != 0) return fail_errno(cannot("read", from), read_error);
  if (write_error != 0) return fail_errno(cannot("write", to), write_error);
  if (hasher.finish() != digest) return other_bytes(from);
  return finished(target, to);
}

class FileLock final : public DiskLock {
 public:
  explicit FileLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;
};

}  // namespace

Result<std::string> read_plain_file(const std::string& path, std::uint64_t largest) {
  FileStat stat;
  const Result<Descriptor> file = open_plain(path, "read", stat);
  if (!file) return std::unexpected(file.error());
  if (stat.size > largest) return fail(ErrorKind::corrupt, "`" + path + "` is too large");
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(stat.size));
  const int error = read_pieces(file->get(), [&](std::string_view piece) {
    if (bytes.size() <= largest) bytes.append(piece);
  });
  if (error != 0) return fail_errno(cannot("read", path), error);
  if (bytes.size() > largest) return fail(ErrorKind::corrupt, "`" + path + "` is too large");
  return bytes;
}

Result<StrongDigest> hash_plain_file(const std::string& path) {
  FileStat stat;
  const Result<Descriptor> file = open_plain(path, "read", stat);
  if (!file) return std::unexpected(file.error());
  StrongHasher hasher;
  const int error = read_pieces(file->get(), [&](std::string_view bytes) { hasher.update(bytes); });
  if (error != 0) return fail_errno(cannot("read", path), error);
  return hasher.finish();
}

Status write_new_file(const Beneath& beneath, const std::string& path, std::string_view bytes, NewFileMode mode) {
  NewFile file(beneath, path, mode);
  int error = file.error();
  if (error == 0) error = write_all(file.descriptor(), bytes);
  if (error != 0) return fail_at(beneath, cannot("write", path), error);
  return finished(file, path);
}

Result<FileStat> copy_exact_file(const Beneath& beneath, const std::string& from, const std::string& to,
                                 const StrongDigest& digest, std::uint64_t size, NewFileMode mode) {
  FileStat stat;
  const Result<Descriptor> source = open_plain(from, "read", stat);
  if (!source) return std::unexpected(source.error());
  if (stat.size != size) return other_bytes(from);
  Status copied = size <= buffer_size ? copy_small(beneath, source->get(), from, to, digest, size, mode)
                                      : copy_large(beneath, source->get(), from, to, digest, mode);
  if (!copied) return std::unexpected(std::move(copied.error()));
  return stat;
}

// Both times are set to now: that is what everyone may do who may write to the file, while other times are for its
// owner.
Status touch_file(const Beneath& beneath, const std::string& path) {
  const std::array<timespec, 2> now = {timespec{0, UTIME_NOW}, timespec{0, UTIME_NOW}};
  Beneath::Place place;
  int error = beneath.find(path, place);
  if (error == 0 && ::utimensat(place.directory, place.name.c_str(), now.data(), AT_SYMLINK_NOFOLLOW) != 0)
    error = errno;
  if (error == 0) return {};
  return fail_at(beneath, cannot("set the time of", path), error);
}

namespace {

// A sync of the whole file system costs as much as a few of single files, and takes others' writes along.
constexpr std::size_t few_to_sync = 8;

template <class SyncOne>
Status sync_paths(std::span<const std::string> paths, int flags, SyncOne sync_one) {
  for (const std::string& path : paths) {
    const int all_flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags;
    const Descriptor file(retry_interrupted([&] { return ::open(path.c_str(), all_flags); }));
    if (!file) return fail_errno(cannot("write", path), errno);
    const bool all = paths.size() > few_to_sync;
    if ((all ? ::syncfs(file.get()) : sync_one(file.get())) != 0) return fail_errno(cannot("write", path), errno);
    if (all) break;
  }
  return {};
}

}  // namespace

Status sync_file_data(std::span<const std::string> paths) {
  return sync_paths(paths, 0, ::fdatasync);
}

Status sync_directory_names(std::span<const std::string> paths) {
  return sync_paths(paths, O_DIRECTORY, [](int directory) {
    // Some file systems cannot, and have nothing to sync.
    return ::fsync(directory) == 0 || errno == EINVAL ? 0 : -1;
  });
}

// Of the open file, not of the process: it ends with the descriptor, whatever else the process does with the file.
Result<std::unique_ptr<DiskLock>> try_lock_file(const Beneath& beneath, const std::string& path) {
  Descriptor file;
  const auto open_lock = [&] {
    constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    Beneath::Place place;
    if (const int error = beneath.find(path, place); error != 0) return error;
    file = Descriptor(retry_interrupted([&] { return ::openat(place.directory, place.name.c_str(), flags, 0666); }));
    return file ? 0 : errno;
  };
  int error = open_lock();
  if (error == ENOENT) {
    error = make_directories_at(beneath, parent_of(path), 0777);
    if (error == 0) error = open_lock();
  }
  if (error != 0) return fail_at(beneath, cannot("lock", path), error);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (retry_interrupted([&] { return ::fcntl(file.get(), F_OFD_SETLK, &lock); }) == 0)
    return std::make_unique<FileLock>(std::move(file));
  if (errno == EAGAIN || errno == EACCES) return nullptr;
  return fail_errno(cannot("lock", path), errno);
}

}  // namespace trilock
