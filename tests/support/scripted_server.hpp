// An HTTP/1.1 server on 127.0.0.1 that answers as a test says, with every fault that a server can have. Thread rule:
// the script is called from the server's threads, one connection each, never two at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace trilock::test {

struct HttpRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  unsigned connection = 0;  // the first is 1
};

struct HttpReply {
  int status = 200;
  std::string body;
  std::vector<std::string> headers;             // "Name: value"
  std::optional<std::uint64_t> claimed_length;  // instead of the length of the body
  std::chrono::milliseconds delay{0};           // before anything is sent
  std::size_t piece = 0;                        // bytes sent at a time, with `pause` between; 0: all at once
  std::chrono::milliseconds pause{0};
  bool close = false;  // after the body
  bool hang = false;   // answers nothing until the server ends
};

class ScriptedServer {
 public:
  using Script = std::function<HttpReply(const HttpRequest& request)>;
  explicit ScriptedServer(Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url() const;  // "http://127.0.0.1:PORT"
  [[nodiscard]] std::vector<HttpRequest> requests() const;
  [[nodiscard]] unsigned connections() const;
  [[nodiscard]] unsigned most_at_once() const;  // requests that were being answered

 private:
  void accept_all();
  void serve(int socket, unsigned number);
  bool answer(int socket, const HttpRequest& request);
  bool wait(std::chrono::milliseconds time);  // false: the server ends

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::mutex script_mutex_;
  std::condition_variable ending_;
  bool ends_ = false;
  std::vector<HttpRequest> requests_;
  std::vector<int> sockets_;
  unsigned at_once_ = 0;
  unsigned most_at_once_ = 0;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace trilock::test
