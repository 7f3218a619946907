// inotify(7) as a Notifier. An event is queued within the system call that makes the change, so whatever was done
// before a drain is seen by it. What it does not tell: stores to mapped memory, until the mapping ends; writes through
// another hard link, unless the file itself is watched; mounts, for which there is mounts_changed().
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "engine/watch/notifier.hpp"
#include "schemas/result.hpp"

namespace trilock {

class Inotify final : public Notifier {
 public:
  static Result<std::unique_ptr<Inotify>> open();
  ~Inotify() override;
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;

  Found look(const std::string& path) override;
  WatchId watch_directory(const std::string& path, Tell tell) override;
  WatchId watch_file(const std::string& path) override;
  void forget(WatchId watch) override;
  void drain(const std::function<void(const FileEvent&)>& each) override;

  // To poll for reading, and for POLLPRI: -1 where there is no such file. A poll takes what has happened away from the
  // open file, so mounts_changed() has one of its own.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int mounts_fd() const { return mounts_fd_; }
  // Whether anything was mounted or unmounted since the last call.
  [[nodiscard]] bool mounts_changed();

  // Whether the system would not give another watch (fs.inotify.max_user_watches).
  [[nodiscard]] bool is_full() const { return full_; }
  // How many watches a user may have, for all programs together.
  [[nodiscard]] static std::size_t most_watches();

 private:
  explicit Inotify(int fd);
  [[nodiscard]] bool tells_all(const std::string& path);
  WatchId add(const std::string& path, std::uint32_t mask);

  int fd_;
  int mounts_fd_;
  int own_mounts_fd_;
  bool full_ = false;
  std::unordered_map<std::uint64_t, bool> tells_all_;  // by the device of a file system
};

}  // namespace trilock
