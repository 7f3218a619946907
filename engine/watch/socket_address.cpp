// Without fmt: it stands in the front as well.
#include "engine/watch/socket_address.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace trilock {

std::string watch_socket(const std::string& state_directory) {
  return state_directory + "/watch.sock";
}

int use_socket(int socket, const std::string& path, SocketUse use) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = path;
  int directory = -1;
  if (name.size() >= sizeof address.sun_path) {
    const std::size_t slash = path.rfind('/');
    directory = ::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -1;
    name = "/proc/self/fd/" + std::to_string(directory) + path.substr(slash);
  }
  int result = -1;
  if (name.size() < sizeof address.sun_path) {
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    result = use == SocketUse::connect ? ::connect(socket, generic, sizeof address)
                                       : ::bind(socket, generic, sizeof address);
  } else {
    errno = ENAMETOOLONG;
  }
  const int error = errno;
  if (directory >= 0) ::close(directory);
  errno = error;
  return result;
}

bool is_same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

}  // namespace trilock
