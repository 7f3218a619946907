#include "engine/mapped_file.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "cache/own_file.hpp"

namespace trilock {
namespace {

// Places in it are numbers of 32 bits.
constexpr std::uint64_t largest_flat_file = std::uint64_t{4} << 30;

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
  const OwnOpening opening = try_open_own_file(path.c_str(), OwnUse::read, largest_flat_file);
  if (opening.descriptor < 0) return;
  if (opening.stat.st_size > 0) {
    const auto size = static_cast<std::size_t>(opening.stat.st_size);
    const int flags = MAP_PRIVATE | (reading == Reading::all ? MAP_POPULATE : 0);
    const int access = PROT_READ | (reading == Reading::to_change ? PROT_WRITE : 0);
    void* const start = ::mmap(nullptr, size, access, flags, opening.descriptor, 0);
    if (start != MAP_FAILED) bytes_ = {static_cast<const char*>(start), size};
    identity_ = identity_of(opening.stat);
  }
  ::close(opening.descriptor);
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
