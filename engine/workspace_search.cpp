#include "engine/workspace_search.hpp"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace trilock {

std::string find_workspace(const std::string& start) {
  std::string dir = start;
  for (;;) {
    // Where it cannot be told whether there is one, whoever reads it says why.
    const bool is_there = ::access((dir + "/trilock.toml").c_str(), F_OK) == 0;
    if (is_there || (errno != ENOENT && errno != ENOTDIR && errno != EACCES)) return dir.empty() ? "/" : dir;
    if (dir.empty() || dir == "/") return {};
    dir.resize(dir.rfind('/'));
  }
}

std::string snapshot_file(const std::string& state_directory) {
  return state_directory + "/snapshot";
}

std::string graph_file(const std::string& state_directory) {
  return state_directory + "/graph";
}

std::string run_looks_file(const std::string& state_directory) {
  return state_directory + "/watched";
}

std::string own_file() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return {path.data(), static_cast<std::size_t>(length < 0 ? 0 : length)};
}

}  // namespace trilock
