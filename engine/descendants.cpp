#include "engine/descendants.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

namespace trilock {
namespace {

using Clock = std::chrono::steady_clock;

// How long KILL may take to show. What waits for a broken disk or network share does not end, and is not waited for.
constexpr std::chrono::milliseconds unkillable{5000};

// None when the process is gone or is another user's.
std::optional<std::uint64_t> brand_of(pid_t pid) {
  rlimit locks{};
  if (::prlimit(pid, RLIMIT_LOCKS, nullptr, &locks) != 0) return std::nullopt;
  return locks.rlim_cur;
}

void reap(pid_t pid, int flags) {
  while (::waitpid(pid, nullptr, flags) < 0 && errno == EINTR) {
  }
}

struct ProcessLine {  // of /proc/PID/stat
  std::string name;
  char state = 'Z';
};

ProcessLine line_of(pid_t pid) {
  ProcessLine line;
  const int file = ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return line;
  std::array<char, 512> buffer{};
  const ssize_t count = ::read(file, buffer.data(), buffer.size());
  ::close(file);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close + 2 >= text.size()) return line;
  line.name = text.substr(open + 1, close - open - 1);
  line.state = text[close + 2];
  return line;
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

// A process of a dead run, held by a descriptor: the number cannot come to mean another one meanwhile.
struct Held {
  Survivor survivor;
  int pidfd = -1;
  bool leads = false;
};

std::vector<Held> find_survivors(std::span<const Brands> brands) {
  std::vector<Held> found;
  const auto ours = [&](pid_t pid) {
    const auto brand = brand_of(pid);
    return brand && std::any_of(brands.begin(), brands.end(), [&](const Brands& b) { return b.hold(*brand); });
  };
  for (const pid_t pid : all_processes()) {
    if (pid == ::getpid() || !ours(pid)) continue;
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) continue;
    const ProcessLine line = line_of(pid);
    if (line.state == 'Z' || !ours(pid)) {
      ::close(pidfd);
      continue;
    }
    found.push_back({{pid, line.name}, pidfd, ::getpgid(pid) == pid && ::getsid(pid) != pid});
  }
  return found;
}

void tell(const Held& held, int signal) {
  ::syscall(SYS_pidfd_send_signal, held.pidfd, signal, nullptr, 0);
}

// Whether all of them ended before the deadline.
bool wait_for_end(const std::vector<Held>& held, Clock::time_point deadline) {
  for (const Held& each : held) {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd fd{each.pidfd, POLLIN, 0};
      const int ready = ::poll(&fd, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
      if (ready > 0) break;
      if (ready == 0) return false;
    }
  }
  return true;
}

}  // namespace

// Small numbers and RLIM_INFINITY are what limits of people look like.
Brands new_brands() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    random = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()) << 24;
  constexpr std::uint64_t top = std::uint64_t{1} << 62;
  return {top | (random & (top - 1) & ~(Brands::count - 1))};
}

Descendants::Descendants(Brands brands) : brands_(brands), own_(brand_of(0).value_or(RLIM_INFINITY)) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const std::string main = std::to_string(::getpid());
  children_ = ::open(("/proc/self/task/" + main + "/children").c_str(), O_RDONLY | O_CLOEXEC);
}

Descendants::~Descendants() {
  kill_all();
  if (children_ >= 0) ::close(children_);
}

std::uint64_t Descendants::next_brand() {
  return brands_.first + next_.fetch_add(1, std::memory_order_relaxed) % Brands::count;
}

std::vector<pid_t> Descendants::children() {
  std::vector<pid_t> pids;
  std::array<char, 4096> buffer;
  std::string text;
  ssize_t count = 0;
  off_t at = 0;
  while (children_ >= 0 && (count = ::pread(children_, buffer.data(), buffer.size(), at)) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
    at += count;
    if (static_cast<std::size_t>(count) < buffer.size() / 2) break;
  }
  for (const char* next = text.data(); next < text.data() + text.size();) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(next, text.data() + text.size(), pid);
    if (error != std::errc()) break;
    pids.push_back(pid);
    next = end + 1;
  }
  return pids;
}

bool Descendants::terminate(std::uint64_t brand, pid_t leader, std::vector<pid_t>& told) {
  bool left = false;
  for (const pid_t pid : children()) {
    if (pid == leader || brand_of(pid) != brand) continue;
    reap(pid, WNOHANG);
    if (brand_of(pid) != brand) continue;
    left = true;
    if (::getpgid(pid) == leader || std::find(told.begin(), told.end(), pid) != told.end()) continue;
    told.push_back(pid);
    ::kill(pid, SIGTERM);
  }
  return left;
}

void Descendants::kill(std::uint64_t brand, pid_t leader) {
  for (bool again = true; again;) {
    again = false;
    for (const pid_t pid : children()) {
      if (pid == leader || brand_of(pid) != brand || ::kill(pid, SIGKILL) != 0) continue;
      reap(pid, 0);
      again = true;
    }
  }
}

void Descendants::kill_all() {
  for (bool again = true; again;) {
    again = false;
    for (const pid_t pid : children()) {
      const auto brand = brand_of(pid);
      if (!brand || *brand == own_ || ::kill(pid, SIGKILL) != 0) continue;
      reap(pid, 0);
      again = true;
    }
  }
}

std::vector<Survivor> end_survivors(std::span<const Brands> brands, std::uint64_t grace_ms) {
  std::vector<Survivor> ended;
  if (brands.empty()) return ended;
  // What one of them starts before it ends has the brand as well, so it is looked for until nothing is found.
  for (bool polite = true;; polite = false) {
    const std::vector<Held> held = find_survivors(brands);
    if (held.empty()) return ended;
    for (const Held& each : held)
      if (!polite || !each.leads) tell(each, polite ? SIGTERM : SIGKILL);
    const bool gone = wait_for_end(held, Clock::now() + (polite ? std::chrono::milliseconds(grace_ms) : unkillable));
    for (const Held& each : held) {
      const bool known = std::any_of(ended.begin(), ended.end(),
                                     [&](const Survivor& other) { return other.pid == each.survivor.pid; });
      if (!known) ended.push_back(each.survivor);
      ::close(each.pidfd);
    }
    if (!gone && !polite) return ended;
  }
}

}  // namespace trilock
