// What a run looked at, and which of it is no longer so, kept up to date from events. Events only make looks suspect;
// what is suspect is held against the disk before anything is said of it.
// Thread rule: one thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/snapshot.hpp"
#include "engine/watch/message.hpp"
#include "engine/watch/notifier.hpp"
#include "engine/watch/path_tree.hpp"

namespace trilock {

// Of a look that is in the snapshot, whose directories have every look once; of a directory itself the directory's
// path.
[[nodiscard]] std::string path_of_look(const SnapshotView& snapshot, std::uint32_t look);
[[nodiscard]] bool was_directory(const SnapshotView& snapshot, std::uint32_t look);  // when the run looked

class WatchedLooks {
 public:
  // `own_watches` is how many files may be watched by themselves besides their directories, so that writes through
  // other links to them are seen; those that have several links are in any case.
  WatchedLooks(Notifier& notifier, std::size_t own_watches);
  ~WatchedLooks();

  // From now on these looks, all of them suspect. False, and nothing is changed, when the file is no whole snapshot.
  bool follow(MappedFile file);
  [[nodiscard]] const SnapshotView* snapshot() const { return view_ ? &*view_ : nullptr; }
  [[nodiscard]] const SnapshotIdentity& identity() const { return identity_; }

  // Takes in what has happened. True when something of that may concern a look.
  bool take_events();
  void doubt_all();
  // Looks that no watch speaks for become suspect.
  void doubt_blind();
  [[nodiscard]] std::size_t blind() const { return tree_.blind().size() + blind_files_.size(); }

  [[nodiscard]] std::size_t suspects() const { return suspects_.size(); }
  // Holds up to `most` suspects against the disk.
  void check(std::size_t most);
  // Of those that were checked, ascending.
  [[nodiscard]] std::vector<std::uint32_t> differing() const;
  [[nodiscard]] bool differs() const { return different_ > 0; }

 private:
  enum State : std::uint8_t { same = 0, suspect = 1, different = 2 };  // bits
  void doubt(std::uint32_t look);
  void watch_files();
  bool watch_file(std::uint32_t look);

  Notifier& notifier_;
  const std::size_t own_watches_;
  PathTree tree_;
  MappedFile file_;
  std::optional<SnapshotView> view_;
  SnapshotIdentity identity_;
  std::vector<std::uint8_t> states_;     // by look
  std::vector<std::uint32_t> suspects_;  // each once
  std::size_t different_ = 0;
  bool happened_ = false;
  bool lost_ = false;                                              // watches of files may have ended without a word
  std::unordered_map<WatchId, std::vector<std::uint32_t>> files_;  // watched by themselves
  enum class OwnWatch : std::uint8_t { none, has, refused };
  std::vector<OwnWatch> own_watch_;         // by look
  std::vector<std::uint32_t> blind_files_;  // that have several links, and were refused
};

}  // namespace trilock
