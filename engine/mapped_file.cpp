#include "engine/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace trilock {
namespace {

FileIdentity identity_of(const struct stat& stat) {
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return {.device = stat.st_dev,
          .inode = stat.st_ino,
          .size = static_cast<std::uint64_t>(stat.st_size),
          .mtime_ns = nanoseconds(stat.st_mtim),
          .ctime_ns = nanoseconds(stat.st_ctim)};
}

}  // namespace

FileIdentity identity_of_file(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? identity_of(stat) : FileIdentity{};
}

MappedFile::MappedFile(const std::string& path, Reading reading) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return;
  struct stat stat {};
  if (::fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == ::geteuid() && stat.st_size > 0) {
    const auto size = static_cast<std::size_t>(stat.st_size);
    const int flags = MAP_PRIVATE | (reading == Reading::all ? MAP_POPULATE : 0);
    const int access = PROT_READ | (reading == Reading::to_change ? PROT_WRITE : 0);
    void* const start = ::mmap(nullptr, size, access, flags, file, 0);
    if (start != MAP_FAILED) bytes_ = {static_cast<const char*>(start), size};
    identity_ = identity_of(stat);
  }
  ::close(file);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), identity_(other.identity_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(identity_, other.identity_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

void MappedFile::read_all() const {
#ifdef MADV_POPULATE_READ
  // A kernel that does not know it (before 5.14) brings the pages when they are touched.
  if (!bytes_.empty()) ::madvise(const_cast<char*>(bytes_.data()), bytes_.size(), MADV_POPULATE_READ);
#endif
}

}  // namespace trilock
