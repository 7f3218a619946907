#include "engine/watch/server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "engine/watch/socket_address.hpp"

namespace trilock {
namespace {

constexpr std::size_t most_clients = 64;
constexpr std::chrono::seconds patience{1};

std::uint64_t inode_of(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_ino : 0;
}

// Whether this client is done with, one way or the other.
bool serve_client(int client, const WatchServer::Answer& answer) {
  std::array<char, largest_watch_message> bytes;
  const ssize_t count = ::recv(client, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (count < 0) return errno != EAGAIN && errno != EINTR;
  if (count == 0 || static_cast<std::size_t>(count) > bytes.size()) return true;
  const auto question = read_question({bytes.data(), static_cast<std::size_t>(count)});
  if (!question) return true;
  const std::string reply = to_bytes(answer(*question));
  // A client that does not take it looks for itself.
  static_cast<void>(::send(client, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  return true;
}

}  // namespace

WatchServer::~WatchServer() {
  if (is_there()) ::unlink(path_.c_str());
  close();
}

void WatchServer::close() {
  for (const Client& client : clients_) ::close(client.socket);
  clients_.clear();
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

Status WatchServer::open() {
  close();
  socket_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return fail_errno("cannot make a socket", errno);
  ::unlink(path_.c_str());
  const mode_t mask = ::umask(0177);
  const int bound = use_socket(socket_, path_, SocketUse::bind);
  const int error = errno;
  ::umask(mask);
  if (bound != 0) return fail_errno(fmt::format("cannot make the socket `{}`", path_), error);
  if (::listen(socket_, static_cast<int>(most_clients)) != 0)
    return fail_errno(fmt::format("cannot listen at `{}`", path_), errno);
  inode_ = inode_of(path_);
  return {};
}

bool WatchServer::is_there() const {
  return socket_ >= 0 && inode_ != 0 && inode_of(path_) == inode_;
}

void WatchServer::add_to(std::vector<pollfd>& polled) const {
  if (socket_ >= 0 && clients_.size() < most_clients) polled.push_back({socket_, POLLIN, 0});
  for (const Client& client : clients_) polled.push_back({client.socket, POLLIN, 0});
}

void WatchServer::accept_clients() {
  while (socket_ >= 0 && clients_.size() < most_clients) {
    const int client = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    if (is_same_user(client))
      clients_.push_back({client, Clock::now()});
    else
      ::close(client);
  }
}

void WatchServer::serve(const Answer& answer) {
  accept_clients();
  const Clock::time_point now = Clock::now();
  std::erase_if(clients_, [&](const Client& client) {
    if (!serve_client(client.socket, answer) && now - client.since < patience) return false;
    ::close(client.socket);
    return true;
  });
}

}  // namespace trilock
