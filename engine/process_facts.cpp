#include "engine/process_facts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <thread>

namespace trilock {
namespace {

constexpr std::size_t longest_text = 4096;

// The start of a small file of /proc, which is given whole or not at all by one read.
std::string read_small(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return {};
  std::string text(longest_text, '\0');
  const ssize_t count = ::read(file, text.data(), text.size());
  ::close(file);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

std::string of_process(pid_t pid, std::string_view file) {
  return read_small("/proc/" + std::to_string(pid) + "/" + std::string(file));
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<ProcessFacts> parse_facts(std::string_view stat) {
  const std::size_t open = stat.find('(');
  const std::size_t close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open || close + 2 >= stat.size())
    return std::nullopt;
  ProcessFacts facts{.name = std::string(stat.substr(open + 1, close - open - 1)), .state = stat[close + 2]};
  // Fields are counted as proc(5) does: the name is the second, the start the twenty-second.
  constexpr int first_after_name = 3;
  constexpr int start_field = 22;
  stat.remove_prefix(close + 2);
  for (int field = first_after_name; field < start_field; ++field) {
    const std::size_t space = stat.find(' ');
    if (space == std::string_view::npos) return facts;
    stat.remove_prefix(space + 1);
  }
  facts.started = number_in<std::uint64_t>(stat).value_or(0);
  return facts;
}

std::optional<ProcessFacts> facts_of(pid_t pid) {
  return parse_facts(of_process(pid, "stat"));
}

std::optional<uid_t> real_user_of(pid_t pid) {
  const std::string status = of_process(pid, "status");
  const std::size_t line = status.find("\nUid:\t");
  if (line == std::string::npos) return std::nullopt;
  return number_in<uid_t>(std::string_view(status).substr(line + 6));
}

std::optional<std::uint64_t> lock_limit_of(pid_t pid) {
  rlimit locks{};
  if (::prlimit(pid, RLIMIT_LOCKS, nullptr, &locks) != 0) return std::nullopt;
  return locks.rlim_cur;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return pids;
  while (const dirent* entry = ::readdir(proc.get())) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

std::vector<pid_t> parse_pids(std::string_view text) {
  std::vector<pid_t> pids;
  for (const char* next = text.data(); next < text.data() + text.size();) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(next, text.data() + text.size(), pid);
    if (error != std::errc()) break;
    pids.push_back(pid);
    next = end + 1;
  }
  return pids;
}

bool reap_killed(pid_t pid) {
  constexpr std::chrono::milliseconds unkillable{5000};
  const auto deadline = std::chrono::steady_clock::now() + unkillable;
  for (std::chrono::microseconds pause{50};; pause = std::min(2 * pause, std::chrono::microseconds{5000})) {
    const pid_t reaped = ::waitpid(pid, nullptr, WNOHANG);
    if (reaped == pid || (reaped < 0 && errno == ECHILD)) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace trilock
