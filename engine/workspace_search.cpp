#include "engine/workspace_search.hpp"

#include <unistd.h>

namespace trilock {

std::string find_workspace(const std::string& start) {
  std::string dir = start;
  for (;;) {
    if (::access((dir + "/trilock.toml").c_str(), F_OK) == 0) return dir.empty() ? "/" : dir;
    if (dir.empty() || dir == "/") return {};
    dir.resize(dir.rfind('/'));
  }
}

std::string state_directory(const std::string& root, std::optional<std::string_view> set) {
  return set ? std::string(*set) : root + "/.trilock";
}

std::string snapshot_file(const std::string& state_directory) {
  return state_directory + "/snapshot";
}

}  // namespace trilock
