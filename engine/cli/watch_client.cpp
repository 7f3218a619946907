#include "engine/cli/watch_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "engine/watch/socket_address.hpp"

namespace trilock::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A watcher that is stopped, or has no processor, must not cost more than looking does.
constexpr std::chrono::milliseconds patience{50};

std::optional<WatchAnswer> receive(int socket) {
  const Clock::time_point until = Clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd readable{socket, POLLIN, 0};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) < 0) return std::nullopt;
    if (readable.revents == 0) continue;
    std::array<char, largest_watch_message> bytes;
    const ssize_t count = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
    return count > 0 ? read_answer({bytes.data(), static_cast<std::size_t>(count)}) : std::nullopt;
  }
}

}  // namespace

bool may_be_watched(const std::string& state_directory) {
  struct stat stat {};
  return ::lstat(watch_socket(state_directory).c_str(), &stat) == 0 && S_ISSOCK(stat.st_mode) &&
         stat.st_uid == ::geteuid();
}

std::optional<WatchAnswer> ask_watcher(const std::string& state_directory, const SnapshotIdentity& snapshot) {
  const std::optional<WatchView> view = own_view();
  if (!view) return std::nullopt;
  const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return std::nullopt;
  std::optional<WatchAnswer> answer;
  const std::string question = to_bytes(WatchQuestion{snapshot, *view});
  if (use_socket(socket, watch_socket(state_directory), SocketUse::connect) == 0 &&
      is_same_user(socket) &&  // whoever can write to the state directory could put a socket there
      ::send(socket, question.data(), question.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(question.size()))
    answer = receive(socket);
  ::close(socket);
  if (answer && (answer->snapshot != snapshot.sum || answer->verdict == WatchVerdict::unknown)) return std::nullopt;
  return answer;
}

}  // namespace trilock::cli
