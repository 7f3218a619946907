// Files and directories of trilock's own: state, whose bytes a run of this user wrote and believes. None of these
// functions follows a symlink in any part of the path, waits for a fifo, or takes what belongs to another user. So
// paths are absolute and canonical. What is made has mode 0600, or 0700, whatever the umask is.
// Thread rule: free functions.
//
// `try_open_*` are linked into the front as well, without the rest (own_file_open.cpp).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "cache/real_disk.hpp"
#include "schemas/result.hpp"

namespace trilock {

// What is wrong with what was found in the place of one of ours.
enum class OwnFault : std::uint8_t { none, system, symlink, type, owner, size, second_name };

struct OwnOpening {
  int descriptor = -1;  // the caller's; -1 with any fault
  OwnFault fault = OwnFault::none;
  int error = 0;  // of OwnFault::system
  struct stat stat = {};
};

enum class OwnUse : std::uint8_t {
  read,
  change,  // to read and write; made where nothing is
  append,  // to write at its end, and then it has one name only; made where nothing is
};

// Larger than any file that trilock makes in the place where it is asked for.
inline constexpr std::uint64_t no_bound = UINT64_MAX;

// A regular file of at most `largest` bytes.
[[nodiscard]] OwnOpening try_open_own_file(const char* path, OwnUse use, std::uint64_t largest);
// A directory, opened with O_PATH.
[[nodiscard]] OwnOpening try_open_own_directory(const char* path);
// The same of whatever user; -1, and errno.
[[nodiscard]] int open_directory_without_links(const char* path);

// The same with an error that names the path: not_found where there is nothing, no_space and io of the system,
// ErrorKind::invalid for anything that is not ours.
[[nodiscard]] Result<Descriptor> open_own_file(const std::string& path, OwnUse use, std::uint64_t largest = no_bound);
[[nodiscard]] Result<std::string> read_own_file(const std::string& path, std::uint64_t largest);
// Whole or not at all, in the place of whatever was there: a link, too, is replaced and not followed.
[[nodiscard]] Status write_own_file(const std::string& path, std::string_view bytes);
// The same, and it survives a power cut.
[[nodiscard]] Status write_own_file_durably(const std::string& path, std::string_view bytes);
// Is satisfied with one that is there; one of ours that others may enter is closed to them. Makes missing parents, and
// does not ask whose the others are.
[[nodiscard]] Status make_own_directory(const std::string& path);

}  // namespace trilock
