// The judgement of `trilock watch`: what the last run looked at is held against the disk as events come, says when
// another run is due, and answers the questions of others. It starts nothing and prints nothing.
// Thread rule: one thread.
#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/watch/inotify.hpp"
#include "engine/watch/message.hpp"
#include "engine/watch/watched_looks.hpp"
#include "schemas/result.hpp"

namespace trilock {

// The report of what a run looked at after which it is to be done once more, to leave a snapshot.
inline constexpr std::string_view run_once_more = "once more";

// Which runs leave a snapshot that is the watcher's own.
struct WatchedRun {
  std::string state_dir;
  std::string pipeline;            // absolute: what is watched when nothing else is known
  std::string directory;           // where the command works
  std::vector<std::string> words;  // behind `run`, without those that only say what is shown
};

class Watcher {
 public:
  using Clock = std::chrono::steady_clock;
  static Result<std::unique_ptr<Watcher>> open(WatchedRun run);

  // Between these two nobody is told anything.
  void run_begins();
  void run_ended();

  // Takes in what has happened and does a piece of what is to be done, some milliseconds at most.
  void step();
  // When step() has something to do, if nothing happens before; none when it has not.
  [[nodiscard]] std::optional<Clock::time_point> next_step() const;
  void add_to(std::vector<pollfd>& polled) const;

  // A run is to be started: something differs, nothing has happened for a moment, and no other run is under way.
  [[nodiscard]] bool run_is_due() const { return due_ && !waits_; }
  // After a run once all was held against the disk, and nothing differs.
  [[nodiscard]] bool is_at_rest() const { return !running_ && !first_pass_ && !due_ && !changed_; }
  // Whether the run that is due follows from the run before alone.
  [[nodiscard]] bool is_once_more() const { return once_more_; }
  // How many runs in a row have changed what they look at.
  [[nodiscard]] unsigned runs_in_vain() const { return in_vain_; }
  // What differs, as paths; the run that is due is because of it.
  struct Difference {
    std::string path;           // absolute
    bool is_directory = false;  // when the run looked
  };
  [[nodiscard]] std::vector<Difference> differences() const;
  // The looks of the last snapshot that differ, when a run of ours left it and no more than these can have changed: the
  // run that is due needs to decide nothing else.
  [[nodiscard]] std::optional<WatchAnswer> changes() const;
  // Whether some looks are held against the disk all the time because the system would not give a watch.
  [[nodiscard]] bool lacks_watches() const { return inotify_->is_full() && looks_.blind() > 0; }

  [[nodiscard]] WatchAnswer answer(const WatchQuestion& question);

 private:
  struct Change {
    Clock::time_point first;
    Clock::time_point last;
  };
  Watcher(WatchedRun run, std::unique_ptr<Inotify> inotify);

  void take_events();
  void follow(MappedFile file);
  void follow_as_it_is();
  void find_edited_meanwhile(MappedFile file);
  void take_up_snapshot();
  [[nodiscard]] bool is_own(const SnapshotView& snapshot) const;
  void pass(Clock::time_point now);
  void find_due(Clock::time_point now);
  [[nodiscard]] Clock::time_point quiet_at() const;

  WatchedRun run_;
  std::optional<WatchView> view_;
  std::unique_ptr<Inotify> inotify_;
  WatchedLooks looks_;
  SnapshotIdentity seen_;                     // the snapshot that was there last
  std::vector<Difference> edited_meanwhile_;  // while the last run was on, which failed
  bool running_ = false;
  bool answers_ = false;     // these looks are a snapshot's
  bool is_ours_ = false;     // which a run of ours left, with our environment
  bool first_pass_ = false;  // not all was held against the disk since the run
  bool due_ = false;
  bool waits_ = false;  // for another run, or because runs change what they look at
  bool once_more_ = false;
  bool was_once_more_ = false;  // the run that is on, or was last: it leaves a snapshot or never will
  unsigned in_vain_ = 0;
  std::optional<Change> changed_;
  Clock::time_point not_before_;
  Clock::time_point blind_at_;
};

}  // namespace trilock
