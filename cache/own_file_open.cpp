#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "cache/own_file.hpp"

namespace trilock {
namespace {

constexpr mode_t own_file_mode = 0600;

// One component after the other, for kernels before 5.6 and for sandboxes that do not know the call.
int open_by_steps(std::string_view path, int flags, mode_t mode) {
  int at = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  while (at >= 0) {
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, end));
    path.remove_prefix(end);
    const bool is_last = path.find_first_not_of('/') == std::string_view::npos;
    const int wanted = is_last ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    const int next = ::openat(at, name.empty() ? "." : name.c_str(), wanted | O_NOFOLLOW, mode);
    int error = errno;
    struct stat stat {};
    // O_PATH, and O_DIRECTORY, say "no directory" of a link.
    if (next < 0 && error == ENOTDIR && ::fstatat(at, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(stat.st_mode))
      error = ELOOP;
    ::close(at);
    errno = error;
    if (is_last || next < 0) return next;
    at = next;
  }
  return at;
}

int open_without_links(const char* path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = mode;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const auto result = retry_interrupted([&] { return ::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how); });
  if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(result);
  return open_by_steps(path, flags, mode);
}

OwnOpening refused(OwnOpening opening, OwnFault fault, int error = 0) {
  if (opening.descriptor >= 0) ::close(opening.descriptor);
  opening.descriptor = -1;
  opening.fault = fault;
  opening.error = error;
  return opening;
}

OwnOpening not_opened(int error) {
  switch (error) {
    case ELOOP:
      return refused({}, OwnFault::symlink);
    // A directory that was to be written, a socket, a fifo without a reader, a device without a driver.
    case EISDIR:
    case ENXIO:
    case ENODEV:
      return refused({}, OwnFault::type);
    default:
      return refused({}, OwnFault::system, error);
  }
}

int flags_of(OwnUse use) {
  switch (use) {
    case OwnUse::read:
      return O_RDONLY;
    case OwnUse::change:
      return O_RDWR | O_CREAT;
    case OwnUse::append:
      return O_WRONLY | O_APPEND | O_CREAT;
  }
  return O_RDONLY;
}

}  // namespace

OwnOpening try_open_own_file(const char* path, OwnUse use, std::uint64_t largest) {
  OwnOpening opening;
  const int flags = flags_of(use) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  opening.descriptor = open_without_links(path, flags, (flags & O_CREAT) != 0 ? own_file_mode : 0);
  if (opening.descriptor < 0) return not_opened(errno);
  if (::fstat(opening.descriptor, &opening.stat) != 0) return refused(opening, OwnFault::system, errno);
  const struct stat& stat = opening.stat;
  if (!S_ISREG(stat.st_mode)) return refused(opening, OwnFault::type);
  if (stat.st_uid != ::geteuid()) return refused(opening, OwnFault::owner);
  if (static_cast<std::uint64_t>(stat.st_size) > largest) return refused(opening, OwnFault::size);
  // A file with a second name may be the content of a file elsewhere.
  if (use == OwnUse::append && stat.st_nlink > 1) return refused(opening, OwnFault::second_name);
  if (use != OwnUse::read && stat.st_nlink == 1 && (stat.st_mode & 07777) != own_file_mode &&
      ::fchmod(opening.descriptor, own_file_mode) != 0)
    return refused(opening, OwnFault::system, errno);
  return opening;
}

int open_directory_without_links(const char* path) {
  return open_without_links(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

OwnOpening try_open_own_directory(const char* path) {
  OwnOpening opening;
  opening.descriptor = open_directory_without_links(path);
  if (opening.descriptor < 0 && errno == ENOTDIR) {
    struct stat stat {};
    return ::lstat(path, &stat) == 0 ? refused({}, OwnFault::type) : refused({}, OwnFault::system, ENOTDIR);
  }
  if (opening.descriptor < 0) return not_opened(errno);
  if (::fstat(opening.descriptor, &opening.stat) != 0) return refused(opening, OwnFault::system, errno);
  if (opening.stat.st_uid != ::geteuid()) return refused(opening, OwnFault::owner);
  return opening;
}

}  // namespace trilock
