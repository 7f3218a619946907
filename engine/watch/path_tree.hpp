// Which looks a change to a directory concerns. A path leads through every directory above it and through what symlinks
// say, so all of these are watched; whatever happens there makes looks suspect and never decides about them.
//
// A node stands for a path as it is written, below "/". It is real when no symlink leads to it; others have a real one
// that they are the same as, and depend on every node on the way to it. Only real directories are watched, each before
// it is looked into: what changes between the two comes as an event.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/snapshot.hpp"
#include "engine/watch/notifier.hpp"

namespace trilock {

class PathTree {
 public:
  using Suspect = std::function<void(std::uint32_t look)>;
  // `suspect` is called with each look that may have changed; also with one that is already.
  PathTree(Notifier& notifier, Suspect suspect);

  // Watches all that decides the looks of the snapshot, which must outlive it or its next call. What was watched for
  // the one before and is needed still is kept. Looks are to be held against the disk only afterwards.
  void follow(const SnapshotView& snapshot);
  // An event of a watch of this tree; false for any other.
  bool apply(const FileEvent& event);
  // After the events that have come, before suspect looks are held against the disk: watches what is there now.
  void settle();
  // Anything may have changed, watches included.
  void doubt_all();

  // Looks that no watch speaks for, ascending: they have to be held against the disk each time.
  [[nodiscard]] const std::vector<std::uint32_t>& blind() const { return blind_; }
  [[nodiscard]] std::size_t watches() const { return by_watch_.size(); }

 private:
  using Id = std::uint32_t;
  static constexpr Id none = 0xffff'ffff;
  static constexpr Id root = 0;

  struct Node {
    Id parent = none;
    std::string name;
    Id real = none;  // itself, or the directory that a symlink leads to; none when there is none
    WatchId watch = no_watch;
    bool has_files = false;    // of which some count: what is written to them is to be told
    bool tells_files = false;  // and is
    bool blind = false;        // there is something that cannot be watched
    bool resolved = false;
    bool open = false;  // while it is being resolved: a symlink that leads to itself
    std::map<std::string, Id, std::less<>> children;
    std::vector<Id> leads_through;
    std::set<Id> dependents;                 // those that lead through this one, or did
    std::vector<std::uint32_t> directories;  // of the snapshot, that have this path
    std::vector<std::uint32_t> looks;        // whose own path this is
  };

  Id child(Id parent, std::string_view name);
  Id node_of(std::string_view path);
  [[nodiscard]] std::string path_of(Id id) const;
  void attach(const SnapshotView& snapshot);
  void drop_unused();

  void resolve(Id id);
  void resolve_here(Id id);
  void resolve_symlink(Id id, std::string_view target);
  void lead_through(Id id, Id other);
  void watch(Id id);
  void need_files(Id id);
  void release(Id id);
  void doubt(Id id) { doubted_.push_back(id); }
  void find_blind();
  bool is_blind(Id id, std::vector<std::uint8_t>& known);

  void affect(Id id, const FileEvent& event);
  void suspect_itself(Id id);
  void suspect_named(Id id, std::string_view name);
  void suspect_below(Id id);
  using Names = std::unordered_multimap<std::string_view, std::uint32_t>;
  const Names& names_of(std::uint32_t directory);

  Notifier& notifier_;
  Suspect suspect_;
  const SnapshotView* snapshot_ = nullptr;
  std::vector<Node> nodes_;
  std::unordered_map<WatchId, std::vector<Id>> by_watch_;
  std::vector<Id> doubted_;  // to be resolved anew by settle()
  std::vector<std::uint32_t> blind_;
  std::unordered_map<std::uint32_t, Names> names_;  // of the directories of the snapshot in which something happened
  std::vector<std::uint32_t> visit_;                // by node: in which visit it was seen last
  std::uint32_t visits_ = 0;
};

}  // namespace trilock
