// The socket of a watcher: who asks is answered at once or not at all. Nobody can keep it waiting: everything is
// non-blocking, a packet is a whole question, and whoever says nothing for a second is cut off.
// Thread rule: one thread.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/watch/message.hpp"
#include "schemas/result.hpp"

namespace trilock {

class WatchServer {
 public:
  using Answer = std::function<WatchAnswer(const WatchQuestion&)>;
  explicit WatchServer(std::string path) : path_(std::move(path)) {}
  // Takes the socket away.
  ~WatchServer();
  WatchServer(const WatchServer&) = delete;
  WatchServer& operator=(const WatchServer&) = delete;

  // Makes the socket, of mode 0600, in place of one that is there already; whoever calls this is the only watcher.
  Status open();
  [[nodiscard]] bool is_there() const;  // and still this one

  void add_to(std::vector<pollfd>& polled) const;
  [[nodiscard]] bool has_clients() const { return !clients_.empty(); }
  // To be called when one of those is ready, and while there are clients each second.
  void serve(const Answer& answer);

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    int socket = -1;
    Clock::time_point since;
  };
  void close();
  void accept_clients();

  std::string path_;
  int socket_ = -1;
  std::uint64_t inode_ = 0;
  std::vector<Client> clients_;
};

}  // namespace trilock
