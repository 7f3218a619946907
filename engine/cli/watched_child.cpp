#include "engine/cli/watched_child.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "engine/cli/flags.hpp"
#include "engine/workspace_search.hpp"

namespace trilock::cli {
namespace {

// By its name, so that the run that it does can be known again by the front; without one, it was replaced or carried in
// the front, from where it runs.
std::string own_program() {
  const std::string program = own_file();
  return ::access(program.c_str(), X_OK) == 0 ? program : "/proc/self/exe";
}

}  // namespace

Status WatchedChild::start(std::span<const std::string> words, const std::optional<ChangeNotice>& changes) {
  const std::string program = own_program();
  std::vector<std::string> arguments = {"trilock", std::string(watched_run)};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  if (changes) hand_over(*changes);
  const int error = ::posix_spawn(&process_, program.c_str(), nullptr, &attributes, argv.data(), environ);
  if (changes) static_cast<void>(take_over());  // it is the child's
  ::posix_spawnattr_destroy(&attributes);
  if (error == 0) return {};
  process_ = -1;
  return fail_errno("cannot start a run", error);
}

void WatchedChild::send(int signal) const {
  if (is_running()) ::kill(process_, signal);
}

std::optional<int> WatchedChild::ended() {
  int status = 0;
  if (!is_running() || ::waitpid(process_, &status, WNOHANG) != process_) return std::nullopt;
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace trilock::cli
