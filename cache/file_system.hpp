// What kind of file system a path is on, as far as it decides whether a database may live there.
// Thread rule: free functions.
#pragma once

#include <string>
#include <string_view>

namespace trilock {

// "nfs", "cifs", "fuse"…: the name of a file system whose locks and shared memory cannot be relied on between machines,
// by the magic number that statfs gives; "" for all others.
[[nodiscard]] std::string_view network_file_system(unsigned long magic);

// The same for the directory that `path` is in, or its nearest parent that exists; "" when that cannot be found out.
[[nodiscard]] std::string_view network_file_system_of(const std::string& path);

}  // namespace trilock
