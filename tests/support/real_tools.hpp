// Questions answered by the real tools of this machine, for tests of rules.
//
//   FakeResolve context(tree);
//   use_real_tools(context, {"go"});
//
// Thread rule: one thread.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_resolve.hpp"

namespace trilock::test {

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Runs a process to its end with the base environment of trilock and `env` on top. Files take its output, so that no
// pipe can fill up.
inline Answer run_tool(const std::vector<std::string>& argv, const std::string& dir, const std::vector<EnvVar>& env) {
  const auto sink = [] {
    std::string name = std::filesystem::temp_directory_path() / "trilock-tool-XXXXXX";
    ::close(::mkstemp(name.data()));
    return name;
  };
  const std::string out = sink();
  const std::string err = sink();
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "/usr/bin:/bin";
    const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "/";
    ::clearenv();
    ::setenv("PATH", path.c_str(), 1);
    ::setenv("HOME", home.c_str(), 1);
    ::setenv("LANG", "C.UTF-8", 1);
    for (const EnvVar& variable : env) ::setenv(variable.name.c_str(), variable.value.c_str(), 1);
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const bool ready = ::chdir(dir.c_str()) == 0 && ::dup2(::open("/dev/null", O_RDONLY), 0) == 0 &&
                       ::dup2(::open(out.c_str(), O_WRONLY | O_TRUNC), 1) == 1 &&
                       ::dup2(::open(err.c_str(), O_WRONLY | O_TRUNC), 2) == 2;
    if (ready) ::execvp(words[0], words.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  Answer answer{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_whole(out), read_whole(err)};
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return answer;
}

inline void use_real_tools(FakeResolve& context, const std::vector<std::string>& names) {
  const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "/usr/bin:/bin";
  for (const std::string& name : names) {
    std::istringstream directories(path);
    for (std::string directory; std::getline(directories, directory, ':');)
      if (::access((directory + "/" + name).c_str(), X_OK) == 0) context.tools[name].push_back(directory + "/" + name);
  }
  context.answer = [&tree = context.tree()](const Question& question) -> Result<Answer> {
    return run_tool(question.argv, tree.absolute(question.dir), question.env);
  };
}

}  // namespace trilock::test
