// Whose is a process that has left its group and lost its parents? Every process of one action carries a process tag, a
// number that it hands down to all it starts and that nothing takes away but its own will: the soft limit RLIMIT_LOCKS,
// which Linux keeps for every process and has not looked at since 2.4.25. trilock is the reaper of its descendants
// (PR_SET_CHILD_SUBREAPER), so one whose parents are gone becomes its child, and the tag says of which action.
//
// What has taken its tag off (`ulimit -x unlimited`, a login) or is another user's by now is found by its cgroup where
// there are cgroups (engine/action_cgroups.hpp). Elsewhere it is known as a child that trilock did not start itself and
// that was not there before: it ends with the last of the actions that can have started it, at the latest with the run.
// docs/design/0007-processes.md has the alternatives.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/action_cgroups.hpp"
#include "engine/process_facts.hpp"
#include "engine/process_tag.hpp"

namespace trilock {

// The processes that this one has started. Thread rule: any thread; one object a process.
class Descendants {
 public:
  // The processes of one action, from the start of its first process to the end of all.
  struct Action {
    std::uint64_t brand = 0;
    pid_t leader = -1;  // the first process
    ActionCgroups::Slot* cgroup = nullptr;
    bool emptied = false;  // the cgroup
  };

  explicit Descendants(Brands brands);
  ~Descendants();  // ends all that is left
  Descendants(const Descendants&) = delete;
  Descendants& operator=(const Descendants&) = delete;

  // Starts the first process of an action. `spawn` is given the tag, the descriptor of a cgroup or -1, and where the
  // process id goes, and returns an errno; it is called again without a cgroup when it fails with one.
  using Spawn = std::function<int(std::uint64_t brand, int cgroup, pid_t& pid)>;
  int start(Action& action, const Spawn& spawn);

  // TERM to those outside the leader's group that have not had it; false when none is left.
  bool terminate(const Action& action, std::vector<pid_t>& told);
  // KILL to all of the action but the leader, which has ended and is not reaped yet, until none is left.
  void end(Action& action);
  // After the leader was reaped.
  void forget(Action& action);

  // KILL to whatever this process or its descendants started, of whichever action. Only while no action runs. Returns
  // those that did not end: other users' processes, and such as wait for a broken disk.
  std::vector<Survivor> end_all();

 private:
  struct Running {
    pid_t leader = -1;
    std::uint64_t started = 0;
  };
  enum class Guess : std::uint8_t { ours, not_ours, later };

  std::vector<pid_t> children();
  bool is_leader(pid_t pid);
  bool was_here_before(pid_t pid) const;
  bool is_of_another(const Action& action, pid_t pid);
  bool end_tagged(const Action& action, bool& untagged);
  bool end_untagged(const Action* action);
  Guess guess(pid_t pid, const ProcessFacts& facts, const Action* action);
  bool kill_child(pid_t pid, const std::string& name);

  Brands brands_;
  ActionCgroups cgroups_;
  std::uint64_t own_limit_ = 0;  // what trilock has where its processes have a tag
  std::uint64_t own_start_ = 0;  // in ticks
  std::vector<pid_t> before_;    // children that trilock had before it started one; nobody reaps them
  int children_ = -1;            // the list of children of the main thread, which inherits orphans; -1 without /proc
  std::atomic<std::uint64_t> next_ = 0;

  // Between its birth and its entry below, a new leader looks like an untagged process. So nobody judges while one is
  // being started, and none is started while somebody judges.
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned starting_ = 0;  // guarded by mutex_, as all below
  bool judging_ = false;
  std::map<std::uint64_t, Running> running_;  // by tag
  std::map<pid_t, std::string> beyond_reach_;
};

}  // namespace trilock
