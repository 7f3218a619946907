// How the real Disk makes, publishes and removes things.
#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <vector>

#include "cache/real_disk.hpp"

namespace trilock {

std::string cannot(std::string_view verb, const std::string& path) {
  std::string text = "cannot ";
  text.append(verb).append(" `").append(path).append("`");
  return text;
}

FileStat file_stat(const struct stat& raw) {
  constexpr std::int64_t second = 1'000'000'000;
  FileStat stat;
  stat.type = S_ISREG(raw.st_mode)   ? FileType::file
              : S_ISDIR(raw.st_mode) ? FileType::directory
              : S_ISLNK(raw.st_mode) ? FileType::symlink
                                     : FileType::other;
  stat.mode = raw.st_mode & 07777U;
  stat.size = static_cast<std::uint64_t>(raw.st_size);
  stat.mtime_ns = raw.st_mtim.tv_sec * second + raw.st_mtim.tv_nsec;
  stat.ctime_ns = raw.st_ctim.tv_sec * second + raw.st_ctim.tv_nsec;
  stat.inode = raw.st_ino;
  stat.device = raw.st_dev;
  return stat;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::unexpected<Error> fail_at(const Beneath& beneath, std::string what, int error) {
  if (error != leads_out) return fail_errno(std::move(what), error);
  return fail(ErrorKind::invalid, what + ": a symlink in its path leads out of `" + beneath.root() + "`",
              "replace the symlink, or name the directory that it leads to in TRILOCK_OUTPUT_ROOTS");
}

int make_directories_at(const Beneath& beneath, const std::string& path, std::uint32_t mode) {
  const auto make = [&] {
    Beneath::Place place;
    if (const int error = beneath.find(path, place); error != 0) return error;
    return ::mkdirat(place.directory, place.name.c_str(), mode) == 0 ? 0 : errno;
  };
  int error = make();
  if (error == ENOENT) {
    const std::string parent = parent_of(path);
    if (parent.empty()) return ENOENT;
    error = make_directories_at(beneath, parent, mode);
    if (error != 0) return error;
    error = make();
  }
  return error == EEXIST ? beneath.find_directory(path) : error;
}

std::string temporary_name(const std::string& target) {
  std::array<char, 65> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  for (char& byte : host) {
    if (byte == '/') byte = '_';
  }
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
    random = static_cast<std::uint64_t>(::getpid());  // the exclusive creation below still keeps two apart
  }
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(random));
  const std::size_t slash = target.rfind('/');
  std::string name = slash == std::string::npos ? std::string() : target.substr(0, slash + 1);
  return name.append(".trilock-").append(host.data()).append("-").append(hex.data());
}

int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = retry_interrupted([&] { return ::write(file, bytes.data(), bytes.size()); });
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

PendingFile::PendingFile(std::string target, Beneath::Place place, std::string name, Descriptor file)
    : target_(std::move(target)), place_(std::move(place)), name_(std::move(name)), file_(std::move(file)) {}

Result<PendingFile> PendingFile::create(const Beneath& beneath, const std::string& target) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  bool made_parents = false;
  for (;;) {
    Beneath::Place place;
    int error = beneath.find(target, place);
    if (error == 0) {
      std::string name = temporary_name(place.name);
      Descriptor file(retry_interrupted([&] { return ::openat(place.directory, name.c_str(), flags, 0600); }));
      if (file) return PendingFile(target, std::move(place), std::move(name), std::move(file));
      error = errno;
    }
    if (error == EEXIST) continue;
    if (error == ENOENT && !made_parents) {
      error = make_directories_at(beneath, parent_of(target), 0755);
      made_parents = true;
    }
    if (error != 0) return fail_at(beneath, cannot("write", target), error);
  }
}

PendingFile::~PendingFile() {
  if (file_) ::unlinkat(place_.directory, name_.c_str(), 0);
}

Status PendingFile::publish(std::uint32_t mode) {
  if (::fchmod(file_.get(), mode) != 0) return error(errno);
  // Network file systems report a full disk or quota only here. No fsync: whoever needs bytes to outlive a power cut
  // verifies them on reading, and a sync for each file would cost ten times the write.
  const int file = file_.release();
  const int directory = place_.directory;
  int failed = ::close(file) != 0 && errno != EINTR ? errno : 0;
  if (failed == 0 && ::renameat(directory, name_.c_str(), directory, place_.name.c_str()) != 0) failed = errno;
  if (failed == 0) return {};
  ::unlinkat(directory, name_.c_str(), 0);
  return error(failed);
}

std::unexpected<Error> PendingFile::error(int error_number) const {
  return fail_errno(cannot("write", target_), error_number);
}

namespace {

// The names in a directory, taken before any of them is removed: what readdir gives after a removal is unspecified.
int names_in(int directory, std::vector<std::string>& names) {
  const int copy = ::fcntl(directory, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return errno;
  DIR* stream = ::fdopendir(copy);
  if (stream == nullptr) {
    const int error = errno;
    ::close(copy);
    return error;
  }
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  return error;
}

int open_directory_at(int parent, const char* name, Descriptor& directory) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  directory = Descriptor(retry_interrupted([&] { return ::openat(parent, name, flags); }));
  return directory ? 0 : errno;
}

int remove_at(int parent, const char* name, const std::string& path, std::string& failed);

int remove_directory_at(int parent, const char* name, const std::string& path, std::string& failed) {
  failed = path;
  Descriptor directory;
  int error = open_directory_at(parent, name, directory);
  if (error == EACCES && ::fchmodat(parent, name, 0700, 0) == 0) error = open_directory_at(parent, name, directory);
  if (error != 0) return error == ENOENT ? 0 : error;
  std::vector<std::string> names;
  error = names_in(directory.get(), names);
  if (error != 0) return error;
  // A Go module cache, for one, holds directories without write permission.
  struct stat mode = {};
  if (!names.empty() && ::fstat(directory.get(), &mode) == 0 && (mode.st_mode & 0300) != 0300) {
    if (::fchmod(directory.get(), 0700) != 0) return errno;
  }
  for (const std::string& child : names) {
    error = remove_at(directory.get(), child.c_str(), path + "/" + child, failed);
    if (error != 0) return error;
  }
  failed = path;
  return ::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

int remove_at(int parent, const char* name, const std::string& path, std::string& failed) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR) return 0;
  // Linux says EISDIR for a directory, POSIX EPERM.
  if (errno == EISDIR || errno == EPERM) return remove_directory_at(parent, name, path, failed);
  failed = path;
  return errno;
}

}  // namespace

int remove_tree(const Beneath& beneath, const std::string& path, std::string& failed) {
  failed = path;
  Beneath::Place place;
  const int error = beneath.find(path, place);
  if (error != 0) return error == ENOENT || error == ENOTDIR ? 0 : error;
  return remove_at(place.directory, place.name.c_str(), path, failed);
}

}  // namespace trilock
