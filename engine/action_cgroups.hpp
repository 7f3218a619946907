// Cgroups of actions: where the system lets this user make cgroups beneath trilock's own (cgroup v2; root, or one that
// was delegated, as systemd does for a user's services), the processes of each action are in one. Nothing but rights
// over cgroups leads out of it, so all that an action started is found there, whatever became of its process tag, its
// user or its parents. No controller is enabled, so it limits nothing and trilock may stay where it is.
//
// A cgroup takes longer to make than to use, so the next action takes over one that is empty again. They are named
// `trilock-TAG-N`, TAG being the first process tag of the run: the run that follows one that was killed finds them.
//
// Thread rule: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace trilock {

class ActionCgroups {
 public:
  struct Slot {
    int dir = -1;  // a descriptor of its directory
    std::string name;
    bool spent = false;  // it was killed as a whole, after which nothing can be started in it
  };

  // Makes nothing yet.
  explicit ActionCgroups(std::uint64_t first_tag);
  ~ActionCgroups();  // removes them
  ActionCgroups(const ActionCgroups&) = delete;
  ActionCgroups& operator=(const ActionCgroups&) = delete;

  // An empty cgroup that nobody else uses until it is given back; null where the system permits none.
  [[nodiscard]] Slot* take();
  void give_back(Slot* slot);  // one that is empty, or null, which does nothing
  // There are none from here on, since no process can be started in one.
  void give_up();

  // Its live processes, as far as they are in this PID namespace.
  [[nodiscard]] static std::vector<pid_t> members(const Slot& slot);
  // KILL to all in it until it is empty; children of this process among them are reaped. Returns those that were still
  // there after five seconds.
  static std::vector<pid_t> kill(Slot& slot);
  // The same for all of them.
  std::vector<pid_t> kill_all();
  // The cgroup that a process is in, when it is one of these.
  [[nodiscard]] Slot* find(pid_t pid);

 private:
  // All of these need mutex_.
  bool open_own();
  Slot* make();
  void remove(Slot* slot);

  std::string prefix_;
  std::mutex mutex_;
  enum class Use : std::uint8_t {
    not_known,
    possible,
    impossible
  } use_ = Use::not_known;  // guarded by mutex_, as below
  int own_ = -1;            // trilock's own cgroup
  std::size_t made_ = 0;
  bool tried_ = false;  // whether a process can be started in one
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
};

// "trilock-4a0000000000000-": how the names of a run's cgroups begin.
[[nodiscard]] std::string cgroup_prefix(std::uint64_t first_tag);

// The directory of the cgroup that this process is in, from its mountinfo and its line `0::PATH`; "" when it cannot be
// seen from here.
[[nodiscard]] std::string cgroup_directory(std::string_view mountinfo, std::string_view cgroup);

// Of a run that was killed: its cgroups, below the one that this process is in.
class LeftCgroups {
 public:
  explicit LeftCgroups(std::uint64_t first_tag);
  ~LeftCgroups();  // removes those that are empty
  LeftCgroups(const LeftCgroups&) = delete;
  LeftCgroups& operator=(const LeftCgroups&) = delete;
  [[nodiscard]] std::vector<pid_t> members() const;
  void kill();

 private:
  int own_ = -1;
  std::vector<ActionCgroups::Slot> slots_;
};

}  // namespace trilock
