#include "cache/own_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

namespace trilock {
namespace {

constexpr std::uint32_t own_directory_mode = 0700;
constexpr std::uint32_t own_file_mode = 0600;

std::string_view description_of(OwnFault fault, std::string_view wanted) {
  switch (fault) {
    case OwnFault::symlink:
      return "it is a symbolic link, or lies behind one";
    case OwnFault::type:
      return wanted;
    case OwnFault::owner:
      return "it belongs to another user";
    case OwnFault::size:
      return "it is larger than any that trilock makes";
    case OwnFault::second_name:
      return "it has a second name elsewhere";
    case OwnFault::none:
    case OwnFault::system:
      break;
  }
  return {};
}

Result<Descriptor> opened(const OwnOpening& opening, std::string_view verb, std::string_view wanted,
                          const std::string& path) {
  if (opening.fault == OwnFault::none) return Descriptor(opening.descriptor);
  if (opening.fault == OwnFault::system) return fail_errno(cannot(verb, path), opening.error);
  return fail(ErrorKind::invalid, fmt::format("cannot use `{}`: {}", path, description_of(opening.fault, wanted)),
              "remove it; trilock did not make it so");
}

// 0 or an errno. mkdir takes away what the umask says, which may be what this process itself needs.
int make_directory(const std::string& path) {
  const std::string parent = parent_of(path);
  const Descriptor above(open_directory_without_links(parent.empty() ? "/" : parent.c_str()));
  if (!above) return errno;
  const char* const name = path.c_str() + parent.size() + 1;
  if (::mkdirat(above.get(), name, own_directory_mode) != 0) return errno;
  return ::fchmodat(above.get(), name, own_directory_mode, 0) == 0 ? 0 : errno;
}

int make_directories(const std::string& path) {
  const int error = make_directory(path);
  if (error != ENOENT || path.rfind('/') == 0) return error;
  const int parents = make_directories(parent_of(path));
  return parents == 0 || parents == EEXIST ? make_directory(path) : parents;
}

enum class Durability : std::uint8_t { none, synced };

Status write_whole(const std::string& path, std::string_view bytes, Durability durability) {
  Result<PendingFile> file = PendingFile::create(Beneath(), path);
  if (!file) return std::unexpected(file.error());
  if (const int error = write_all(file->descriptor(), bytes); error != 0) return file->error(error);
  if (durability == Durability::synced && ::fdatasync(file->descriptor()) != 0) return file->error(errno);
  return file->publish(own_file_mode);
}

}  // namespace

Result<Descriptor> open_own_file(const std::string& path, OwnUse use, std::uint64_t largest) {
  return opened(try_open_own_file(path.c_str(), use, largest), use == OwnUse::read ? "read" : "write",
                "it is not a regular file", path);
}

Result<std::string> read_own_file(const std::string& path, std::uint64_t largest) {
  const Result<Descriptor> file = open_own_file(path, OwnUse::read, largest);
  if (!file) return std::unexpected(file.error());
  std::string text;
  const int error = read_pieces(file->get(), [&](std::string_view piece) {
    if (text.size() <= largest) text += piece;  // it may grow while it is read
  });
  if (error != 0) return fail_errno(cannot("read", path), error);
  if (text.size() > largest) return fail(ErrorKind::invalid, cannot("read", path) + ": it grows while it is read");
  return text;
}

Status write_own_file(const std::string& path, std::string_view bytes) {
  return write_whole(path, bytes, Durability::none);
}

Status write_own_file_durably(const std::string& path, std::string_view bytes) {
  if (Status written = write_whole(path, bytes, Durability::synced); !written) return written;
  const std::string directory = parent_of(path);
  return sync_directory_names({&directory, 1});
}

Status make_own_directory(const std::string& path) {
  const int made = make_directories(path);
  if (made == ELOOP) return std::unexpected(opened({.fault = OwnFault::symlink}, "make", {}, path).error());
  if (made != 0 && made != EEXIST) return fail_errno(cannot("make", path), made);
  const Result<Descriptor> directory =
      opened(try_open_own_directory(path.c_str()), "open", "it is not a directory", path);
  if (!directory) return std::unexpected(directory.error());
  struct stat stat {};
  if (::fstat(directory->get(), &stat) != 0) return fail_errno(cannot("open", path), errno);
  // Through /proc, since what is open is only a place. What was checked is what is changed.
  if ((stat.st_mode & 0777) != own_directory_mode &&
      ::chmod(fmt::format("/proc/self/fd/{}", directory->get()).c_str(), own_directory_mode) != 0)
    return fail_errno(cannot("open", path), errno);
  return {};
}

}  // namespace trilock
