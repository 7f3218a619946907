// Files that stood where a node had to write, that no run had made, and that git ignores or the user said to overwrite:
// `displaced/` of the state directory. They are kept there until `trilock clean --displaced`. Thread rule: any thread.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "cache/disk.hpp"
#include "schemas/result.hpp"

namespace trilock {

class Displaced {
 public:
  Displaced(Disk& disk, const std::string& state_dir) : disk_(disk), dir_(directory(state_dir)) {}
  [[nodiscard]] static std::string directory(const std::string& state_dir) { return state_dir + "/displaced"; }

  // Moves the file or symlink at `from` (absolute) to where `path`, relative to the workspace, is kept, and gives that
  // place: `displaced/PATH`, or `displaced/PATH.~1~` and so on where something is kept already. Absolute.
  Result<std::string> take(const std::string& from, std::string_view path);
  // The way back of what `take` gave.
  Status give_back(const std::string& kept, const std::string& to);

  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  [[nodiscard]] std::string free_place(std::string_view path);

  Disk& disk_;
  std::string dir_;
  std::mutex mutex_;  // a place that was found free is so until something is there
};

}  // namespace trilock
