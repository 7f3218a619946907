// A run as a process of its own, so that nothing of it stays in the watcher and no end of it ends the watcher.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>

#include "engine/cli/change_notice.hpp"
#include "schemas/result.hpp"

namespace trilock::cli {

class WatchedChild {
 public:
  // Starts this program with the words of `run`, in a process group of its own: what ends it is passed on by send(),
  // once, and never comes from the terminal as well. Standard output and standard error are ours.
  // `changes` is what the run needs to look at, when that is known.
  Status start(std::span<const std::string> words, const std::optional<ChangeNotice>& changes);
  [[nodiscard]] bool is_running() const { return process_ > 0; }
  void send(int signal) const;
  // The exit code, once it has ended; 128 + signal when a signal ended it.
  [[nodiscard]] std::optional<int> ended();

 private:
  pid_t process_ = -1;
};

}  // namespace trilock::cli
