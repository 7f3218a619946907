// Whose is a process that has left its group and lost its parents? Every process of one action carries a brand, a
// number that it hands down to all it starts and that nothing takes away but its own will: the soft limit RLIMIT_LOCKS,
// which Linux keeps for every process and has not looked at since 2.4.25. trilock is the reaper of its descendants
// (PR_SET_CHILD_SUBREAPER), so one whose parents are gone becomes its child, and the brand says of which action.
// docs/design/0007-processes.md has the alternatives.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace trilock {

// The brands that one trilock gives: `first` and those after it. No two runs on a machine have the same.
struct Brands {
  std::uint64_t first = 0;
  [[nodiscard]] bool hold(std::uint64_t brand) const { return brand >= first && brand - first < count; }
  static constexpr std::uint64_t count = std::uint64_t{1} << 24;
};
[[nodiscard]] Brands new_brands();

// The processes that this one has started. Thread rule: any thread; one object a process.
class Descendants {
 public:
  explicit Descendants(Brands brands);
  ~Descendants();  // ends all that is left
  Descendants(const Descendants&) = delete;
  Descendants& operator=(const Descendants&) = delete;

  [[nodiscard]] std::uint64_t next_brand();

  // All three look at processes with this brand that have become children of trilock; `leader` is left to who started
  // it. What is below such a child shows once the child is gone.

  // TERM to those outside the leader's group that have not had it; false when none is left.
  bool terminate(std::uint64_t brand, pid_t leader, std::vector<pid_t>& told);
  // KILL, until none is left.
  void kill(std::uint64_t brand, pid_t leader);
  // KILL to whatever carries a brand, of whichever action. Only while no action runs.
  void kill_all();

 private:
  std::vector<pid_t> children();

  Brands brands_;
  std::uint64_t own_ = 0;  // the limit that trilock itself has: what has the same was not started here
  int children_ = -1;      // the list of children of the main thread, which inherits orphans; -1 without /proc
  std::atomic<std::uint64_t> next_ = 0;
};

struct Survivor {
  pid_t pid = -1;
  std::string name;
};

// Ends what a trilock that was killed has left: processes with brands of these runs. Leaders of groups had TERM when it
// died (engine/spawn.hpp), all others get it now; KILL after `grace_ms`. Returns when they are gone.
std::vector<Survivor> end_survivors(std::span<const Brands> brands, std::uint64_t grace_ms);

}  // namespace trilock
