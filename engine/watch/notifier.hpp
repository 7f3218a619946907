// The door to what a kernel tells of changes to files: inotify (inotify.hpp), or a table in tests.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace trilock {

// Which inode is watched. A number is given once and never again.
using WatchId = int;
inline constexpr WatchId no_watch = -1;

struct FileEvent {
  enum class Kind : std::uint8_t {
    content,     // written to, or closed after that
    attributes,  // mode, owner, times, number of links
    names,       // a name has come into the directory or gone from it
    gone,        // the watched inode itself was moved, removed or unmounted
    ended,       // the watch is no more: nothing else will come of it
    lost,        // events were lost; of no watch in particular
  };
  WatchId watch = no_watch;
  Kind kind = Kind::content;
  std::string_view name;  // in the directory; "" of the inode itself. Valid during the call.
};

class Notifier {
 public:
  virtual ~Notifier() = default;

  struct Found {
    // `hidden`: there may be something, but it cannot be looked at.
    enum class Kind : std::uint8_t { absent, directory, symlink, other, hidden } kind = Kind::absent;
    std::string target;  // of a symlink
  };
  virtual Found look(const std::string& path) = 0;

  // Watches one inode; watching it again, also by another path, gives the same number and adds to what is told.
  // `no_watch` where it cannot be, or where a watch would not tell all.
  enum class Tell : std::uint8_t {
    names,  // and attributes
    all,    // also when files in it are written to
  };
  virtual WatchId watch_directory(const std::string& path, Tell tell) = 0;
  virtual WatchId watch_file(const std::string& path) = 0;  // what a symlink leads to
  virtual void forget(WatchId watch) = 0;

  // All that has happened up to the call, in order; what happens meanwhile may be left to the next.
  virtual void drain(const std::function<void(const FileEvent&)>& each) = 0;
};

}  // namespace trilock
