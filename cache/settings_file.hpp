// Settings that other programs keep in files which anybody may have put there: ~/.netrc, the configuration of git.
// Thread rule: a function of the disk.
#pragma once

#include <cstddef>
#include <string>

#include "schemas/result.hpp"

namespace trilock {

// All of a regular file, links followed. Never waits for a fifo or a device. not_found: there is none. invalid: it is
// no regular file, or has more than `limit` bytes. io: it cannot be read.
[[nodiscard]] Result<std::string> read_settings_file(const std::string& path, std::size_t limit);

}  // namespace trilock
