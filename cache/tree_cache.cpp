#include "cache/tree_cache.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace trilock {

namespace {

// Whether a digest that was begun at `clock_ns` of a file with this ctime holds for as long as the stat stays the
// same: only then does every later change get a ctime that is larger than this one.
//
// A ctime of whole seconds may come from a file system that keeps no finer ones (ext3, ext4 with small inodes), which
// rounds a later change down to the same value; two seconds are more than any of those rounds away.
bool is_durable(std::int64_t ctime_ns, std::int64_t clock_ns) {
  constexpr std::int64_t second = 1'000'000'000;
  return ctime_ns + (ctime_ns % second == 0 ? 2 * second : 0) < clock_ns;
}

thread_local std::uint32_t asker_of_thread = SourceTree::everybody;

bool is_below(std::string_view path, std::string_view dir) {
  if (dir.empty()) return !path.empty() && path[0] != '/';
  return path.size() > dir.size() && path.starts_with(dir) && (path[dir.size()] == '/' || dir.back() == '/');
}

}  // namespace

// Exclusive use of an entry or a listing. It is held under the lock of its shard, except inside `outside`.
template <class Slot>
class TreeCache::Claim {
 public:
  Claim(Shard& shard, std::unique_lock<std::mutex> lock, Slot& slot)
      : shard_(shard), lock_(std::move(lock)), slot_(slot) {
    if (slot.claimed) {
      ++shard.waiting;
      shard.released.wait(lock_, [&] { return !slot.claimed; });
      --shard.waiting;
    }
    slot.claimed = true;
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() {
    slot_.claimed = false;
    if (std::exchange(slot_.forgotten, false)) slot_.forget();
    if (shard_.waiting > 0) shard_.released.notify_all();
  }
  Slot* operator->() { return &slot_; }
  Slot& operator*() { return slot_; }
  Shard& shard() { return shard_; }

  // Work on the disk, without the lock. The slot must not be touched in it.
  template <class Work>
  auto outside(Work work) {
    lock_.unlock();
    auto result = work();
    lock_.lock();
    return result;
  }

 private:
  Shard& shard_;
  std::unique_lock<std::mutex> lock_;
  Slot& slot_;
};

void TreeCache::Entry::drop_digests() {
  has_fast = durable = false;
  strong.reset();
}

// A file that no earlier run knew belongs to a node that has not run here. The caches will be asked for that one, by
// SHA-256, and to hash what is small takes less than to open it again.
bool TreeCache::Entry::wants_both() const {
  constexpr std::uint64_t small_bytes = 64 * 1024;
  return !has_fast && !was_known && stat.size <= small_bytes;
}

// Digests that hold by stat survive, to be checked against the next stat.
void TreeCache::Entry::forget() {
  if (target) {
    Entry followed = std::move(*target);
    followed.asks = asks;
    followed.unsettled = unsettled;
    *this = std::move(followed);
  }
  const bool keep = has_fast && durable;
  if (!keep) drop_digests();
  known = keep ? Known::remembered : Known::nothing;
}

void TreeCache::Entry::see(const FileStat& now) {
  if (known == Known::remembered && now.type == FileType::symlink) {
    // The row was of the file behind the symlink.
    auto followed = std::make_unique<Entry>(std::move(*this));
    followed->claimed = followed->forgotten = false;
    target = std::move(followed);
    drop_digests();
  } else if (known != Known::remembered || stat != now) {
    drop_digests();
  }
  stat = now;
  known = Known::present;
}

void TreeCache::Shard::asked(Asks& asks_of_slot) {
  if (asks_of_slot != 0 && asks[asks_of_slot - 1].asker == asker_of_thread) return;
  asks.push_back({asker_of_thread, asks_of_slot});
  asks_of_slot = static_cast<Asks>(asks.size());
}

void TreeCache::Shard::append_askers(Asks asks_of_slot, std::vector<std::uint32_t>& askers) const {
  for (; asks_of_slot != 0; asks_of_slot = asks[asks_of_slot - 1].before)
    askers.push_back(asks[asks_of_slot - 1].asker);
}

TreeCache::Directory& TreeCache::Shard::directory(std::string_view path) {
  const auto found = directories.find(path);
  return found != directories.end() ? found->second : directories[std::string(path)];
}

TreeCache::TreeCache(Disk& disk, std::string root, std::string state_dir)
    : disk_(disk), root_(std::move(root)), state_dir_(std::move(state_dir)) {
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
}

std::uint32_t TreeCache::set_asker(std::uint32_t asker) {
  return std::exchange(asker_of_thread, asker);
}

std::string TreeCache::absolute(std::string_view path) const {
  if (path.starts_with('/')) return std::string(path);
  if (path.empty()) return root_;
  constexpr std::string_view state = ".trilock";
  if (path.starts_with(state) && !state_dir_.empty() && (path.size() == state.size() || path[state.size()] == '/'))
    return state_dir_ + std::string(path.substr(state.size()));
  std::string result = root_;
  if (result != "/") result += '/';
  return result.append(path);
}

Error TreeCache::as_seen(Error error, std::string_view path) {
  if (error.machine_failed) machine_failed_ = true;
  const std::string inside = "`" + absolute(path) + "`";
  const std::size_t at = error.message.find(inside);
  if (at != std::string::npos) {
    error.message.replace(at + 1, inside.size() - 2, path.empty() ? std::string_view(".") : path);
  }
  return error;
}

// An absolute path of the workspace and the relative one are the same entry.
std::string_view TreeCache::key_of(std::string_view path) const {
  if (!path.starts_with('/') || root_ == "/") return path;
  if (path == root_) return "";
  return path.starts_with(root_) && path[root_.size()] == '/' ? path.substr(root_.size() + 1) : path;
}

TreeCache::Place TreeCache::place_of(std::string_view key) {
  const std::size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return {"", key};
  return {key.substr(0, slash == 0 ? 1 : slash), key.substr(slash + 1)};
}

TreeCache::Shard& TreeCache::shard_of(std::string_view dir) {
  return shards_[NameHash()(dir) % shards_.size()];
}

TreeCache::Entry& TreeCache::entry_of(Shard& shard, const Place& place) {
  auto& entries = shard.directory(place.dir).entries;
  const auto found = entries.find(place.name);
  return found != entries.end() ? found->second : entries[std::string(place.name)];
}

void TreeCache::remember(const std::vector<FileDigest>& known) {
  for (const FileDigest& row : known) {
    const Place place = place_of(key_of(row.path));
    Shard& shard = shard_of(place.dir);
    const std::lock_guard lock(shard.mutex);
    Entry& entry = entry_of(shard, place);
    entry.stat = row.stat;
    entry.fast = row.fast;
    entry.strong = row.has_strong ? std::make_unique<StrongDigest>(row.strong) : nullptr;
    entry.has_fast = entry.durable = entry.was_known = true;
    entry.known = Known::remembered;
  }
}

std::vector<FileDigest> TreeCache::take_new_digests() {
  std::vector<FileDigest> rows;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    std::ranges::move(shard.fresh, std::back_inserter(rows));
    shard.fresh.clear();
  }
  return rows;
}

// Makes the entry present, or gives the error of its stat.
Status TreeCache::settle(Claim<Entry>& claim, std::string_view key) {
  if (claim->known == Known::present) return {};
  if (claim->known == Known::absent) {
    return fail_errno("cannot stat `" + std::string(key.empty() ? "." : key) + "`", ENOENT);
  }
  Result<FileStat> now = claim.outside([&] { return disk_.stat(absolute(key)); });
  if (now) {
    claim->see(*now);
    return {};
  }
  if (now.error().kind == ErrorKind::not_found) {
    claim->drop_digests();
    claim->known = Known::absent;
  } else {
    unknown_ = true;
  }
  return std::unexpected(as_seen(std::move(now.error()), key));
}

Result<FileStat> TreeCache::stat(std::string_view path) {
  const std::string_view key = key_of(path);
  const Place place = place_of(key);
  Shard& shard = shard_of(place.dir);
  std::unique_lock lock(shard.mutex);
  Entry& entry = entry_of(shard, place);
  Claim<Entry> claim(shard, std::move(lock), entry);
  if (accounting_) shard.asked(claim->asks);
  Status settled = settle(claim, key);
  if (!settled) return std::unexpected(std::move(settled.error()));
  return claim->stat;
}

Result<std::vector<DirEntry>> TreeCache::list(std::string_view path) {
  const std::string_view key = key_of(path);
  Shard& shard = shard_of(key);
  std::unique_lock lock(shard.mutex);
  Listing& listing = shard.directory(key).listing;
  Claim<Listing> claim(shard, std::move(lock), listing);
  if (accounting_) shard.asked(claim->asks);
  if (!claim->names) {
    const std::int64_t clock_ns = accounting_ ? look_before_listing(claim, key) : 0;
    Result<std::vector<DirEntry>> names = claim.outside([&] { return disk_.list(absolute(key)); });
    if (accounting_) account_for_listing(*claim, names.has_value(), clock_ns);
    if (!names) return std::unexpected(as_seen(std::move(names.error()), key));
    claim->names = std::make_unique<std::vector<DirEntry>>(std::move(*names));
  }
  return *claim->names;
}

// Hashes what `slot` stands for, until the file was the same before and after: an editor may be saving it just now.
// A file that never rests gets the digest of the last attempt, which is not kept for later runs.
Status TreeCache::hash(Claim<Entry>& claim, Entry& slot, std::string_view key, Want want) {
  struct Hashed {
    ContentDigests digests;
    FileStat stat;
    bool durable = false;
  };
  constexpr int attempts = 3;
  const std::string path = absolute(key);
  Result<Hashed> hashed = claim.outside([&, before = slot.stat]() mutable -> Result<Hashed> {
    Hashed result;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      const std::int64_t began_ns = disk_.change_clock_ns();
      if (want == Want::both) {
        Result<ContentDigests> both = disk_.hash_both(path);
        if (!both) return std::unexpected(std::move(both.error()));
        result.digests = *both;
      } else {
        Result<FastDigest> fast = disk_.hash_fast(path);
        if (!fast) return std::unexpected(std::move(fast.error()));
        result.digests.fast = *fast;
      }
      Result<FileStat> after = disk_.stat_following(path);
      if (!after) return std::unexpected(std::move(after.error()));
      result.stat = *after;
      if (*after == before) {
        result.durable = is_durable(after->ctime_ns, began_ns);
        break;
      }
      before = *after;
    }
    return result;
  });
  if (!hashed) return std::unexpected(as_seen(std::move(hashed.error()), key));
  if (slot.stat != hashed->stat) claim->unsettled = true;  // somebody may have been given the other
  slot.stat = hashed->stat;
  slot.fast = hashed->digests.fast;
  slot.strong = want == Want::both ? std::make_unique<StrongDigest>(hashed->digests.strong) : nullptr;
  slot.has_fast = true;
  slot.durable = hashed->durable;
  if (slot.durable) {
    claim.shard().fresh.push_back({std::string(key), slot.stat, slot.fast, hashed->digests.strong, want == Want::both});
  }
  return {};
}

Result<ContentDigests> TreeCache::digest(std::string_view path, Want want) {
  const std::string_view key = key_of(path);
  const Place place = place_of(key);
  Shard& shard = shard_of(place.dir);
  std::unique_lock lock(shard.mutex);
  Entry& entry = entry_of(shard, place);
  Claim<Entry> claim(shard, std::move(lock), entry);
  if (accounting_) shard.asked(claim->asks);
  Status settled = settle(claim, key);
  if (!settled) return std::unexpected(std::move(settled.error()));
  Entry* slot = &entry;
  if (entry.stat.type == FileType::symlink) {
    // What a symlink leads to may be written without its own path being forgotten, so it is looked at every time.
    if (!entry.target) entry.target = std::make_unique<Entry>();
    slot = entry.target.get();
    Result<FileStat> now = claim.outside([&] { return stat_following(key, Use::content); });
    if (!now) return std::unexpected(as_seen(std::move(now.error()), key));
    slot->forget();
    slot->see(*now);
  }
  if (slot->stat.type == FileType::other) {
    return fail(ErrorKind::io, "cannot read `" + std::string(key) + "`: not a regular file");
  }
  if (slot->wants_both()) want = Want::both;
  if (!slot->has_fast || (want == Want::both && !slot->strong)) {
    Status hashed = hash(claim, *slot, key, want);
    if (!hashed) {
      if (slot->stat.type == FileType::file) unknown_ = true;
      return std::unexpected(std::move(hashed.error()));
    }
  }
  ContentDigests result{slot->fast, {}, slot->stat.size};
  if (slot->strong) result.strong = *slot->strong;
  return result;
}

Result<FileStat> TreeCache::stat_following(std::string_view path, Use use) {
  const std::string file = absolute(key_of(path));
  if (!accounting_) return disk_.stat_following(file);
  const std::int64_t clock_ns = disk_.change_clock_ns();
  Result<FileStat> found = disk_.stat_following(file);
  if (!found && found.error().kind != ErrorKind::not_found) unknown_ = true;
  const bool young =
      found && use == Use::content && found->type != FileType::directory && is_young(found->ctime_ns, clock_ns);
  const Followed look = {found.value_or(FileStat{}), found.has_value(), young};
  const std::lock_guard lock(followed_mutex_);
  const auto [known, added] = followed_.try_emplace(file, look);
  if (!added && (young || !known->second.shows(look))) known->second.unsettled = true;
  std::vector<std::uint32_t>& askers = known->second.askers;
  if (askers.empty() || askers.back() != asker_of_thread) askers.push_back(asker_of_thread);
  return found;
}

// --- the account ---

void TreeCache::forget_askers() {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (Ask& ask : shard.asks) ask.asker = SourceTree::everybody;
  }
  const std::lock_guard lock(followed_mutex_);
  for (auto& [path, look] : followed_) look.askers = {SourceTree::everybody};
}

// Whether the content behind a stat, which was looked at from `clock_ns` on, may change without the stat.
bool TreeCache::is_young(std::int64_t ctime_ns, std::int64_t clock_ns) {
  constexpr std::int64_t second = 1'000'000'000;
  if (is_durable(ctime_ns, clock_ns)) return false;
  if (ctime_ns > clock_ns + second) unknown_ = true;  // waiting does not help against a clock that is ahead
  return true;
}

// Gives the clock from before.
std::int64_t TreeCache::look_before_listing(Claim<Listing>& claim, std::string_view key) {
  const std::int64_t clock_ns = disk_.change_clock_ns();
  const Result<FileStat> found = claim.outside([&] { return disk_.stat(absolute(key)); });
  if (!found && found.error().kind != ErrorKind::not_found) unknown_ = true;
  const Known now = found ? Known::present : Known::absent;
  if (claim->known != Known::nothing && (claim->known != now || (found && claim->before != *found)))
    claim->unsettled = true;
  claim->known = now;
  if (found) claim->before = *found;
  return clock_ns;
}

void TreeCache::account_for_listing(Listing& listing, bool listed, std::int64_t clock_ns) {
  const bool is_directory = listing.known == Known::present && listing.before.type == FileType::directory;
  // What is no directory cannot be listed, which its stat says; everything else was an accident.
  if (listed && (!is_directory || is_young(listing.before.ctime_ns, clock_ns))) listing.unsettled = true;
  if (!listed && is_directory) unknown_ = true;
}

void TreeCache::account_for_link(std::string_view path) {
  if (!accounting_) return;
  const std::int64_t clock_ns = disk_.change_clock_ns();
  const Result<FileStat> link = stat(path);
  if (!link || !is_young(link->ctime_ns, clock_ns)) return;
  const Place place = place_of(key_of(path));
  Shard& shard = shard_of(place.dir);
  const std::lock_guard lock(shard.mutex);
  entry_of(shard, place).unsettled = true;
}

TreeCache::Account TreeCache::account(const std::function<void(const SourceTree::Look&)>& each) const {
  Account account = unknown_ ? Account::unknown : Account::settled;
  std::vector<std::uint32_t> askers;
  const auto give = [&](const Place& place, bool followed, const FileStat* stat, bool settled) {
    std::ranges::sort(askers);
    askers.erase(std::ranges::unique(askers).begin(), askers.end());
    if (!settled) account = std::max(account, Account::young);
    each({place.dir, place.name, followed, stat, askers, settled});
    askers.clear();
  };
  const auto is_known = [](const auto& slot) { return slot.known == Known::present || slot.known == Known::absent; };
  const auto is_young = [](const Entry& entry) { return entry.has_fast && !entry.durable; };
  for (const Shard& shard : shards_)
    for (const auto& [dir, directory] : shard.directories) {
      const std::string path = absolute(dir);
      for (const auto& [name, entry] : directory.entries) {
        if (entry.asks == 0) continue;
        const bool young = is_young(entry) || (entry.target && is_young(*entry.target));
        shard.append_askers(entry.asks, askers);
        give({path, name.empty() ? std::string_view(".") : name}, false,
             entry.known == Known::present ? &entry.stat : nullptr, is_known(entry) && !young && !entry.unsettled);
      }
      const Listing& listing = directory.listing;
      if (listing.asks == 0) continue;
      const bool present = listing.known == Known::present;
      const FileStat* const stat = present ? &listing.before : nullptr;
      shard.append_askers(listing.asks, askers);
      // Of itself, unless it is none: then of its name, where nothing is or something else.
      const Place place = place_of(path);
      const bool settled = is_known(listing) && !listing.unsettled;
      if (present && stat->type == FileType::directory)
        give({path, "."}, false, stat, settled);
      else if (!place.name.empty())
        give(place, false, stat, settled);
      else
        account = Account::unknown;
    }
  for (const auto& [path, look] : followed_) {
    const Place place = place_of(path);
    if (place.name.empty()) account = Account::unknown;
    askers = look.askers;
    give(place, true, look.present ? &look.stat : nullptr, !look.unsettled);
  }
  return account;
}

template <class Slot>
void TreeCache::forget_slot(Slot& slot) {
  if (slot.asks != 0) slot.unsettled = true;
  if (slot.claimed) {
    slot.forgotten = true;
  } else {
    slot.forget();
  }
}

void TreeCache::forget_below(std::string_view key) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    auto& directories = shard.directories;
    for (auto it = directories.lower_bound(key); it != directories.end(); ++it) {
      if (!key.empty() && !it->first.starts_with(key)) break;
      if (it->first != key && !is_below(it->first, key)) continue;
      forget_slot(it->second.listing);
      for (auto& [name, entry] : it->second.entries) forget_slot(entry);
    }
  }
}

// Writing a path may have made the directories above it, too.
void TreeCache::forget_above(std::string_view key) {
  for (std::string_view path = key;;) {
    const Place place = place_of(path);
    Shard& shard = shard_of(place.dir);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.directories.find(place.dir);
    if (found != shard.directories.end()) {
      const auto entry = found->second.entries.find(place.name);
      if (entry != found->second.entries.end()) forget_slot(entry->second);
      forget_slot(found->second.listing);
    }
    if (path == place.dir) return;
    path = place.dir;
  }
}

void TreeCache::note_link(std::string_view link, std::string_view real) {
  std::pair<std::string, std::string> both(key_of(link), key_of(real));
  const std::lock_guard lock(links_mutex_);
  if (std::ranges::find(links_, both) == links_.end()) links_.push_back(std::move(both));
  has_links_ = true;
}

// The other names of what lies at or below `key`.
void TreeCache::add_linked(std::string_view key, std::vector<std::string>& keys) {
  const auto add = [&](std::string name) {
    if (std::ranges::find(keys, name) == keys.end()) keys.push_back(std::move(name));
  };
  const auto add_other = [&](const std::string& one, const std::string& other) {
    if (one == key || is_below(one, key))
      add(other);
    else if (is_below(key, one))
      add(other.empty() ? std::string(key.substr(one.size() + 1))
                        : std::string(other).append(one.empty() ? "/" : "").append(key.substr(one.size())));
  };
  const std::lock_guard lock(links_mutex_);
  for (const auto& [link, real] : links_) {
    add_other(link, real);
    add_other(real, link);
  }
}

// Names multiply where a symlink leads to a directory that holds it: the first ones are enough to see it as unsettled.
void TreeCache::forget(std::string_view path) {
  constexpr std::size_t most_names = 64;
  std::vector<std::string> keys = {std::string(key_of(path))};
  for (std::size_t i = 0; i < keys.size() && i < most_names; ++i) {
    forget_below(keys[i]);
    forget_above(keys[i]);
    if (has_links_.load(std::memory_order_relaxed)) add_linked(std::string(keys[i]), keys);
  }
}

void TreeCache::look_again(std::string_view path) {
  const Place place = place_of(key_of(path));
  Shard& shard = shard_of(place.dir);
  const std::lock_guard lock(shard.mutex);
  forget_slot(entry_of(shard, place));
}

}  // namespace trilock
