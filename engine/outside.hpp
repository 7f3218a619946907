// What commands that run nothing need to stay outside of the workspace: programs that do not come from it, and a place
// to write to. Thread rule: functions of the disk.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/environment.hpp"
#include "schemas/result.hpp"

namespace trilock {

// Whether neither an absolute path nor what it leads to lies in `folder`.
[[nodiscard]] bool is_outside(std::string_view path, std::string_view folder);

// The entries of a PATH that are absolute and outside of all these folders.
[[nodiscard]] std::string path_outside(std::string_view path_variable, const std::vector<std::string>& folders);

// A directory of mode 0700 in TMPDIR that is removed with its owner, and all in it.
class PrivateDirectory {
 public:
  static Result<PrivateDirectory> make(const Environment& environment);
  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace trilock
