// Processes for tests of what starts and ends them: shell scripts, daemons, and a folder in which these tell of
// themselves.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "engine/process.hpp"

namespace trilock::test {

inline ProcessSpec shell(std::string script) {
  ProcessSpec spec;
  spec.executable = "/bin/sh";
  spec.argv = {"sh", "-c", std::move(script)};
  spec.env = {"PATH=/usr/bin:/bin"};
  spec.dir = "/";
  return spec;
}

// A process that has ended may still be listed as a zombie, where nobody reaps orphans.
inline bool is_running(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t name_end = line.rfind(')');
  return name_end != std::string::npos && line.size() > name_end + 2 && line[name_end + 2] != 'Z';
}

// A place for what processes tell of themselves.
struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "trilock-process.XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  explicit Folder(std::string of_another) : path(std::move(of_another)), own(false) {}
  ~Folder() {
    if (own) std::filesystem::remove_all(path);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  // A daemon as they are in the books: forked twice, a session of its own, no stream of ours. Returns when it has
  // written its process id to the file `name`.
  std::string daemon(const std::string& name, const std::string& does = "exec sleep 30") const {
    const std::string file = path + "/" + name;
    return "(setsid sh -c 'echo $$ >" + file + ".new; mv " + file + ".new " + file + "; " + does +
           "' >/dev/null 2>&1 </dev/null &); until test -s " + file + "; do sleep 0.01; done; ";
  }
  pid_t pid(const std::string& name) const {
    pid_t found = 0;
    std::ifstream(path + "/" + name) >> found;
    REQUIRE(found > 0);
    return found;
  }
  bool has(const std::string& name) const { return std::filesystem::exists(path + "/" + name); }
  std::string path;
  bool own = true;
};

inline void wait_until(const std::function<bool()>& holds) {
  for (int i = 0; i < 1000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(holds());
}

}  // namespace trilock::test
