#include "engine/survivors.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <set>
#include <utility>

#include "engine/action_cgroups.hpp"

namespace trilock {
namespace {

using Clock = std::chrono::steady_clock;

// How long KILL may take to show. What waits for a broken disk or network share does not end, and is not waited for.
constexpr std::chrono::milliseconds unkillable{5000};

// A process held by a descriptor: its number cannot come to mean another one meanwhile.
class Held {
 public:
  explicit Held(pid_t pid) : pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) { survivor_.pid = pid; }
  Held(Held&& other) noexcept
      : survivor_(std::move(other.survivor_)), pidfd_(std::exchange(other.pidfd_, -1)), leads_(other.leads_) {}
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (pidfd_ >= 0) ::close(pidfd_);
  }

  // After it is held. False when it is gone, or was there before the run.
  bool look(std::uint64_t run_started) {
    const auto facts = pidfd_ < 0 ? std::nullopt : facts_of(survivor_.pid);
    if (!facts || facts->state == 'Z' || facts->started == 0 || facts->started < run_started) return false;
    survivor_.name = facts->name;
    leads_ = ::getpgid(survivor_.pid) == survivor_.pid && ::getsid(survivor_.pid) != survivor_.pid;
    return true;
  }
  [[nodiscard]] const Survivor& survivor() const { return survivor_; }
  [[nodiscard]] bool leads() const { return leads_; }
  // False when this user may not.
  [[nodiscard]] bool tell(int signal) const {
    return ::syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0) == 0 || errno == ESRCH;
  }
  [[nodiscard]] bool ends_before(Clock::time_point deadline) const {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd fd{pidfd_, POLLIN, 0};
      const int ready = ::poll(&fd, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
      if (ready > 0) return true;
      if (ready == 0 || errno != EINTR) return false;
    }
  }

 private:
  Survivor survivor_;
  int pidfd_ = -1;
  bool leads_ = false;
};

class Search {
 public:
  explicit Search(std::span<const DeadRun> runs) : runs_(runs) {
    for (const DeadRun& run : runs) cgroups_.emplace_back(run.brands.first);
  }

  // Those of other users, which a tag alone does not make ours, go into `foreign`.
  std::vector<Held> find(std::vector<Survivor>& foreign) {
    std::vector<Held> found;
    for (std::size_t i = 0; i < runs_.size(); ++i)
      for (const pid_t pid : cgroups_[i].members())
        if (Held held(pid); held.look(runs_[i].started) && contains(cgroups_[i].members(), pid))
          found.push_back(std::move(held));
    for (const pid_t pid : all_processes()) {
      const DeadRun* const run = run_of(pid);
      if (pid == ::getpid() || run == nullptr || is_among(found, pid)) continue;
      if (Held held(pid); held.look(run->started) && run_of(pid) == run) {
        if (real_user_of(pid) != ::getuid())
          foreign.push_back(held.survivor());
        else
          found.push_back(std::move(held));
      }
    }
    return found;
  }

  void kill_cgroups() {
    for (LeftCgroups& left : cgroups_) left.kill();
  }

 private:
  static bool contains(const std::vector<pid_t>& pids, pid_t pid) {
    return std::find(pids.begin(), pids.end(), pid) != pids.end();
  }
  static bool is_among(const std::vector<Held>& found, pid_t pid) {
    return std::any_of(found.begin(), found.end(), [&](const Held& held) { return held.survivor().pid == pid; });
  }
  // By its tag.
  [[nodiscard]] const DeadRun* run_of(pid_t pid) const {
    const auto tag = lock_limit_of(pid);
    if (!tag) return nullptr;
    const auto run = std::find_if(runs_.begin(), runs_.end(), [&](const DeadRun& each) {
      return Brands::is_first(each.brands.first) && each.brands.hold(*tag);
    });
    return run == runs_.end() ? nullptr : &*run;
  }

  std::span<const DeadRun> runs_;
  std::deque<LeftCgroups> cgroups_;  // as many
};

}  // namespace

SurvivorReport end_survivors(std::span<const DeadRun> runs, std::uint64_t grace_ms) {
  SurvivorReport report;
  if (runs.empty()) return report;
  Search search(runs);
  std::set<pid_t> known;
  // What one of them starts before it ends has the tag as well, so they are looked for until nothing is found.
  for (bool polite = true;; polite = false) {
    report.left.clear();
    std::vector<Held> held = search.find(report.left);
    if (held.empty()) return report;
    bool all_told = true;
    for (const Held& each : held)
      if (!polite || !each.leads()) all_told = each.tell(polite ? SIGTERM : SIGKILL) && all_told;
    // Who may kill a cgroup may kill what is another user's in it.
    if (!polite && !all_told) search.kill_cgroups();
    const auto deadline = Clock::now() + (polite ? std::chrono::milliseconds(grace_ms) : unkillable);
    bool gone = true;
    for (const Held& each : held) {
      const bool ended = each.ends_before(deadline);
      gone = gone && ended;
      if (ended && known.insert(each.survivor().pid).second) report.ended.push_back(each.survivor());
      if (!ended && !polite) report.left.push_back(each.survivor());
    }
    if (!gone && !polite) return report;
  }
}

}  // namespace trilock
