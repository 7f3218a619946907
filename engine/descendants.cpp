#include "engine/descendants.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <optional>
#include <utility>

namespace trilock {
namespace {

// A member of a cgroup need not be a child, so its number may be another process's by the time that it is signalled.
void tell_member(const ActionCgroups::Slot& slot, pid_t pid, int signal) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return;
  const std::vector<pid_t> still = ActionCgroups::members(slot);
  if (std::find(still.begin(), still.end(), pid) != still.end())
    ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
  ::close(pidfd);
}

}  // namespace

Descendants::Descendants(Brands brands)
    : brands_(brands), cgroups_(brands.first), own_limit_(lock_limit_of(0).value_or(RLIM_INFINITY)) {
  const pid_t self = ::getpid();
  children_ = ::open(("/proc/self/task/" + std::to_string(self) + "/children").c_str(), O_RDONLY | O_CLOEXEC);
  before_ = children();
  if (!before_.empty())
    if (const auto facts = facts_of(self)) own_start_ = facts->started;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

Descendants::~Descendants() {
  static_cast<void>(end_all());
  if (children_ >= 0) ::close(children_);
}

int Descendants::start(Action& action, const Spawn& spawn) {
  action.brand = brands_.first + next_.fetch_add(1, std::memory_order_relaxed) % Brands::count;
  action.cgroup = cgroups_.take();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !judging_; });
    ++starting_;
  }
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  int error = spawn(action.brand, action.cgroup == nullptr ? -1 : action.cgroup->dir, action.leader);
  if (error != 0 && action.cgroup != nullptr && action.leader < 0) {
    cgroups_.give_up();
    cgroups_.give_back(std::exchange(action.cgroup, nullptr));
    error = spawn(action.brand, -1, action.leader);
  }
  const std::lock_guard lock(mutex_);
  static const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t second = 1'000'000'000;
  if (error == 0)
    running_[action.brand] = {action.leader, static_cast<std::uint64_t>(now.tv_sec) * ticks +
                                                 static_cast<std::uint64_t>(now.tv_nsec) / (second / ticks)};
  else
    cgroups_.give_back(std::exchange(action.cgroup, nullptr));
  if (--starting_ == 0) changed_.notify_all();
  return error;
}

void Descendants::forget(Action& action) {
  {
    const std::lock_guard lock(mutex_);
    running_.erase(action.brand);
  }
  if (action.emptied) cgroups_.give_back(action.cgroup);
  action.cgroup = nullptr;
}

std::vector<pid_t> Descendants::children() {
  std::array<char, 4096> buffer;
  std::string text;
  ssize_t count = 0;
  off_t at = 0;
  while (children_ >= 0 && (count = ::pread(children_, buffer.data(), buffer.size(), at)) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
    at += count;
    if (static_cast<std::size_t>(count) < buffer.size() / 2) break;
  }
  return parse_pids(text);
}

bool Descendants::is_leader(pid_t pid) {
  const std::lock_guard lock(mutex_);
  return std::any_of(running_.begin(), running_.end(), [&](const auto& each) { return each.second.leader == pid; });
}

bool Descendants::was_here_before(pid_t pid) const {
  return std::find(before_.begin(), before_.end(), pid) != before_.end();
}

// A process can put on the tag of another action; the cgroup that it is in is not for it to choose.
bool Descendants::is_of_another(const Action& action, pid_t pid) {
  if (is_leader(pid)) return true;
  if (action.cgroup == nullptr) return false;
  const ActionCgroups::Slot* const cgroup = cgroups_.find(pid);
  return cgroup != nullptr && cgroup != action.cgroup;
}

bool Descendants::terminate(const Action& action, std::vector<pid_t>& told) {
  bool left = false;
  const auto tell = [&](pid_t pid, auto send) {
    left = true;
    if (::getpgid(pid) == action.leader || std::find(told.begin(), told.end(), pid) != told.end()) return;
    told.push_back(pid);
    send();
  };
  for (const pid_t pid : children()) {
    if (pid == action.leader || lock_limit_of(pid) != action.brand || is_of_another(action, pid)) continue;
    while (::waitpid(pid, nullptr, WNOHANG) < 0 && errno == EINTR) {
    }
    if (lock_limit_of(pid) != action.brand) continue;
    tell(pid, [&] { ::kill(pid, SIGTERM); });
  }
  if (action.cgroup == nullptr) return left;
  for (const pid_t pid : ActionCgroups::members(*action.cgroup))
    if (pid != action.leader) tell(pid, [&] { tell_member(*action.cgroup, pid, SIGTERM); });
  return left;
}

// False, and it is remembered, when the child stays.
bool Descendants::kill_child(pid_t pid, const std::string& name) {
  if (::kill(pid, SIGKILL) == 0 && reap_killed(pid)) return true;
  const std::lock_guard lock(mutex_);
  beyond_reach_.emplace(pid, name);
  return false;
}

// Whether there were any. `untagged`: whether there are children without a tag of this run.
bool Descendants::end_tagged(const Action& action, bool& untagged) {
  bool ended = false;
  untagged = false;
  for (const pid_t pid : children()) {
    if (pid == action.leader) continue;
    const auto tag = lock_limit_of(pid);
    if (!tag || !brands_.hold(*tag)) {
      untagged = untagged || !was_here_before(pid);
      continue;
    }
    if (*tag != action.brand || is_of_another(action, pid)) continue;
    ended = kill_child(pid, "") || ended;
  }
  return ended;
}

void Descendants::end(Action& action) {
  if (action.cgroup != nullptr) action.emptied = ActionCgroups::kill(*action.cgroup).empty();
  for (bool again = true; again;) {
    bool untagged = false;
    again = end_tagged(action, untagged);
    if (untagged) again = end_untagged(&action) || again;
  }
}

// `action` ends, or the run does when it is null.
Descendants::Guess Descendants::guess(pid_t pid, const ProcessFacts& facts, const Action* action) {
  // What was there before trilock may have had children of its own, which become trilock's when it ends.
  const bool may_be_foreign = !before_.empty() && facts.started != 0;
  if (may_be_foreign && facts.started < own_start_) return Guess::not_ours;
  const ActionCgroups::Slot* const cgroup = cgroups_.find(pid);
  if (may_be_foreign && cgroup == nullptr && lock_limit_of(pid) == own_limit_) return Guess::not_ours;
  if (action == nullptr) return Guess::ours;
  if (cgroup != nullptr) return cgroup == action->cgroup ? Guess::ours : Guess::later;
  const std::lock_guard lock(mutex_);
  const bool others = std::any_of(running_.begin(), running_.end(), [&](const auto& each) {
    return each.first != action->brand && each.second.started <= facts.started;
  });
  return others ? Guess::later : Guess::ours;
}

// Whether there were any.
bool Descendants::end_untagged(const Action* action) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !judging_; });
    judging_ = true;
    changed_.wait(lock, [this] { return starting_ == 0; });
  }
  bool ended = false;
  for (const pid_t pid : children()) {
    if (was_here_before(pid) || is_leader(pid)) continue;
    if (const auto tag = lock_limit_of(pid); action != nullptr && tag && brands_.hold(*tag)) continue;
    const auto facts = facts_of(pid);
    if (facts && facts->state == 'Z') {
      ended = ::waitpid(pid, nullptr, WNOHANG) == pid || ended;
      continue;
    }
    if (!facts || guess(pid, *facts, action) != Guess::ours) continue;
    {
      const std::lock_guard lock(mutex_);
      if (beyond_reach_.contains(pid)) continue;
    }
    ended = kill_child(pid, facts->name) || ended;
  }
  const std::lock_guard lock(mutex_);
  judging_ = false;
  changed_.notify_all();
  return ended;
}

std::vector<Survivor> Descendants::end_all() {
  std::vector<Survivor> left;
  for (const pid_t pid : cgroups_.kill_all()) left.push_back({pid, ""});
  while (end_untagged(nullptr)) {
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, name] : beyond_reach_) left.push_back({pid, name});
  std::erase_if(left, [](Survivor& each) {
    const auto facts = facts_of(each.pid);
    if (facts) each.name = facts->name;
    return !facts || facts->state == 'Z';
  });
  const auto by_pid = [](const Survivor& a, const Survivor& b) { return a.pid < b.pid; };
  std::sort(left.begin(), left.end(), by_pid);
  const auto same = [](const Survivor& a, const Survivor& b) { return a.pid == b.pid; };
  left.erase(std::unique(left.begin(), left.end(), same), left.end());
  return left;
}

}  // namespace trilock
