// Where a watcher of a workspace can be asked. The name is made here for both sides.
#pragma once

#include <string>

namespace trilock {

// `.trilock/ID/watch.sock`.
[[nodiscard]] std::string watch_socket(const std::string& state_directory);

// connect() or bind() of a socket to a path of any length: one that does not fit into an address (107 bytes) is reached
// through its open directory. The result and errno are those of the call.
enum class SocketUse : unsigned char { connect, bind };
[[nodiscard]] int use_socket(int socket, const std::string& path, SocketUse use);

// Whether the process at the other end is this user's.
[[nodiscard]] bool is_same_user(int socket);

}  // namespace trilock
