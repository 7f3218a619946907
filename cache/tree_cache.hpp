// What SourceTree remembers: one entry a path, held by directory. A directory keeps the entries of its names together,
// so that names are stored without their directory, and so that many stats of one directory can be taken relative to
// one open descriptor.
//
// Thread rule: all functions may be called from any thread at once. A thread that needs the disk for an entry claims
// it and leaves the lock; others that want the same entry wait, so that nothing is read twice.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/source_tree.hpp"

namespace trilock {

class TreeCache {
 public:
  TreeCache(Disk& disk, std::string root, std::string state_dir);

  [[nodiscard]] Disk& disk() const { return disk_; }
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string absolute(std::string_view path) const;

  void remember(const std::vector<FileDigest>& known);
  [[nodiscard]] std::vector<FileDigest> take_new_digests();

  Result<FileStat> stat(std::string_view path);
  Result<std::vector<DirEntry>> list(std::string_view path);
  enum class Want : std::uint8_t { fast, both };
  Result<ContentDigests> digest(std::string_view path, Want want);
  void forget(std::string_view path);
  void look_again(std::string_view path);
  void note_link(std::string_view link, std::string_view real);
  enum class Use : std::uint8_t { stat, content };  // what of a file decides something
  Result<FileStat> stat_following(std::string_view path, Use use);

  // See SourceTree. The looks stand in the entries; what is not settled about them is noted when it happens.
  void keep_account() { accounting_ = true; }
  static std::uint32_t set_asker(std::uint32_t asker);  // of this thread; gives the one before
  void forget_askers();
  void account_for_link(std::string_view path);  // its target is about to be read
  using Account = SourceTree::Account;
  [[nodiscard]] Account account(const std::function<void(const SourceTree::Look&)>& each) const;

  // The error of a disk with the path as the caller knows it, relative to the workspace.
  [[nodiscard]] Error as_seen(Error error, std::string_view path);
  [[nodiscard]] bool machine_failed() const { return machine_failed_; }

 private:
  enum class Known : std::uint8_t {
    nothing,
    remembered,  // `stat` and digests come from before; they hold if the file has that stat now
    absent,
    present,
  };
  // Who asked, as a list that ends with the first: the place of the last in Shard::asks, counted from 1.
  using Asks = std::uint32_t;
  struct Entry {
    FileStat stat;
    FastDigest fast;
    std::unique_ptr<StrongDigest> strong;
    std::unique_ptr<Entry> target;  // of a symlink: the file that it leads to
    Known known = Known::nothing;
    bool has_fast = false;
    bool was_known = false;  // to an earlier run, with whatever stat and content
    bool durable = false;    // the digests hold for as long as the stat stays the same
    bool claimed = false;
    bool forgotten = false;  // while it was claimed
    bool unsettled = false;  // who asked may have seen something else than the stat says
    Asks asks = 0;

    void forget();
    void see(const FileStat& now);
    void drop_digests();
    [[nodiscard]] bool wants_both() const;
  };
  struct Listing {
    std::unique_ptr<std::vector<DirEntry>> names;
    FileStat before;  // of the directory, or what is there instead; when account is kept
    Known known = Known::nothing;
    bool claimed = false;
    bool forgotten = false;
    bool unsettled = false;
    Asks asks = 0;

    void forget() {
      names.reset();
      known = Known::nothing;
    }
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  struct Directory {
    std::unordered_map<std::string, Entry, NameHash, std::equal_to<>> entries;  // none is ever erased
    Listing listing;
  };
  struct Ask {
    std::uint32_t asker;
    Asks before;
  };
  struct Shard {
    std::mutex mutex;
    std::condition_variable released;
    std::size_t waiting = 0;
    std::map<std::string, Directory, std::less<>> directories;  // sorted: what is below a path is one range
    std::vector<FileDigest> fresh;
    std::vector<Ask> asks;

    void asked(Asks& asks_of_slot);
    void append_askers(Asks asks_of_slot, std::vector<std::uint32_t>& askers) const;
    Directory& directory(std::string_view path);
  };
  struct Place {  // of an entry
    std::string_view dir;
    std::string_view name;
  };
  template <class Slot>
  class Claim;

  [[nodiscard]] std::string_view key_of(std::string_view path) const;
  [[nodiscard]] static Place place_of(std::string_view key);
  [[nodiscard]] Shard& shard_of(std::string_view dir);
  static Entry& entry_of(Shard& shard, const Place& place);
  template <class Slot>
  static void forget_slot(Slot& slot);
  void forget_below(std::string_view key);
  void forget_above(std::string_view key);
  void add_linked(std::string_view key, std::vector<std::string>& keys);
  Status settle(Claim<Entry>& claim, std::string_view key);
  Status hash(Claim<Entry>& claim, Entry& slot, std::string_view key, Want want);
  std::int64_t look_before_listing(Claim<Listing>& claim, std::string_view key);
  void account_for_listing(Listing& listing, bool listed, std::int64_t clock_ns);
  [[nodiscard]] bool is_young(std::int64_t ctime_ns, std::int64_t clock_ns);

  struct Followed {
    FileStat stat;
    bool present = false;
    bool unsettled = false;
    std::vector<std::uint32_t> askers = {};
    [[nodiscard]] bool shows(const Followed& other) const { return stat == other.stat && present == other.present; }
  };

  Disk& disk_;
  std::string root_;
  std::string state_dir_;
  bool accounting_ = false;            // written before anything is looked at
  std::atomic<bool> unknown_ = false;  // something could not be looked at
  std::atomic<bool> machine_failed_ = false;
  std::mutex followed_mutex_;
  std::map<std::string, Followed> followed_;  // by absolute path; guarded by followed_mutex_
  std::mutex links_mutex_;
  std::vector<std::pair<std::string, std::string>> links_;  // directories that are one; guarded by links_mutex_
  std::atomic<bool> has_links_ = false;
  std::array<Shard, 32> shards_;
};

}  // namespace trilock
