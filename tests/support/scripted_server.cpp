#include "tests/support/scripted_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace trilock::test {
namespace {

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive(int socket, std::string& buffer) {
  char bytes[16384];
  const ssize_t count = ::recv(socket, bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  buffer.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return text;
}

// "METHOD PATH HTTP/1.1" and the headers.
HttpRequest parse_head(std::string_view head) {
  HttpRequest request;
  request.method = head.substr(0, head.find(' '));
  head.remove_prefix(request.method.size() + 1);
  request.path = head.substr(0, head.find(' '));
  for (std::size_t line = head.find("\r\n"); line != head.npos; line = head.find("\r\n", line + 2)) {
    const std::string_view field = head.substr(line + 2, head.find("\r\n", line + 2) - line - 2);
    const std::size_t colon = field.find(": ");
    if (colon != field.npos) request.headers[lower(std::string(field.substr(0, colon)))] = field.substr(colon + 2);
  }
  return request;
}

}  // namespace

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  ending_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  ::close(listener_);
}

std::string ScriptedServer::url() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}

std::vector<HttpRequest> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

unsigned ScriptedServer::connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned>(sockets_.size());
}

unsigned ScriptedServer::most_at_once() const {
  const std::lock_guard lock(mutex_);
  return most_at_once_;
}

bool ScriptedServer::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !ending_.wait_for(lock, time, [this] { return ends_; });
}

void ScriptedServer::accept_all() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    // What is sent arrives at once, so that a test can cut where it wants to.
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    if (ends_) return;
    threads_.emplace_back([this, socket, number = static_cast<unsigned>(sockets_.size())] { serve(socket, number); });
  }
}

void ScriptedServer::serve(int socket, unsigned number) {
  std::string buffer;
  for (;;) {
    std::size_t end = 0;
    while ((end = buffer.find("\r\n\r\n")) == buffer.npos)
      if (!receive(socket, buffer)) return;
    HttpRequest request = parse_head(std::string_view(buffer).substr(0, end));
    request.connection = number;
    buffer.erase(0, end + 4);
    if (request.headers["expect"] == "100-continue" && !send_all(socket, "HTTP/1.1 100 Continue\r\n\r\n")) return;
    const std::size_t length = std::strtoull(request.headers["content-length"].c_str(), nullptr, 10);
    while (buffer.size() < length)
      if (!receive(socket, buffer)) return;
    request.body = buffer.substr(0, length);
    buffer.erase(0, length);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      most_at_once_ = std::max(most_at_once_, ++at_once_);
    }
    const bool goes_on = answer(socket, request);
    {
      const std::lock_guard lock(mutex_);
      --at_once_;
    }
    if (!goes_on) {
      ::shutdown(socket, SHUT_RDWR);
      return;
    }
  }
}

bool ScriptedServer::answer(int socket, const HttpRequest& request) {
  HttpReply reply;
  {
    const std::lock_guard lock(script_mutex_);
    reply = script_(request);
  }
  if (!wait(reply.hang ? std::chrono::hours(1) : reply.delay)) return false;
  std::string head = fmt::format("HTTP/1.1 {} Status\r\n", reply.status);
  for (const std::string& header : reply.headers) head += header + "\r\n";
  if (reply.status != 204)
    head += fmt::format("Content-Length: {}\r\n", reply.claimed_length.value_or(reply.body.size()));
  if (reply.close) head += "Connection: close\r\n";
  if (!send_all(socket, head + "\r\n")) return false;
  if (request.method == "HEAD") return !reply.close;
  const std::size_t piece = reply.piece == 0 ? reply.body.size() : reply.piece;
  for (std::size_t at = 0; at < reply.body.size(); at += piece) {
    if (at > 0 && !wait(reply.pause)) return false;
    if (!send_all(socket, std::string_view(reply.body).substr(at, piece))) return false;
  }
  return !reply.close;
}

}  // namespace trilock::test
