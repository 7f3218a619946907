#include "engine/watch/watched_looks.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "cache/snapshot_check.hpp"

namespace trilock {
namespace {

// A directory does not hear of what is done to a file through a name elsewhere: another hard link, or what a file was
// mounted from.
bool has_other_names(const struct statx& file) {
  return S_ISREG(file.stx_mode) && (file.stx_nlink > 1 || (file.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
}

bool has_every_look_once(const SnapshotView& snapshot) {
  std::uint32_t next = 0;
  for (const SnapshotDirectory& directory : snapshot.directories()) {
    if (directory.first != next || snapshot.looks(directory).size() != directory.count ||
        snapshot.text(directory.path) == nullptr)
      return false;
    next += directory.count;
  }
  return next == snapshot.look_count();
}

const SnapshotDirectory& directory_of(const SnapshotView& snapshot, std::uint32_t look) {
  return *std::prev(std::ranges::upper_bound(snapshot.directories(), look, {}, &SnapshotDirectory::first));
}

const SnapshotLook& recorded(const SnapshotView& snapshot, std::uint32_t look) {
  const SnapshotDirectory& directory = directory_of(snapshot, look);
  return snapshot.looks(directory)[look - directory.first];
}

}  // namespace

std::string path_of_look(const SnapshotView& snapshot, std::uint32_t look) {
  std::string path = snapshot.text(directory_of(snapshot, look).path);
  const char* const name = snapshot.text(recorded(snapshot, look).name);
  if (name == nullptr || std::string_view(name) == ".") return path;
  return (path == "/" ? path : path + "/") + name;
}

bool was_directory(const SnapshotView& snapshot, std::uint32_t look) {
  return recorded(snapshot, look).type == FileType::directory;
}

WatchedLooks::WatchedLooks(Notifier& notifier, std::size_t own_watches)
    : notifier_(notifier), own_watches_(own_watches), tree_(notifier, [this](std::uint32_t look) { doubt(look); }) {}

WatchedLooks::~WatchedLooks() = default;

bool WatchedLooks::follow(MappedFile file) {
  std::optional<SnapshotView> view = SnapshotView::over(file.bytes());
  if (!view || !view->has_sum() || !has_every_look_once(*view)) return false;
  take_events();
  const MappedFile old = std::exchange(file_, std::move(file));
  view_ = view;
  identity_ = identity_of(file_);
  const std::uint32_t count = view_->look_count();
  states_.assign(count, suspect);
  suspects_.resize(count);
  std::iota(suspects_.begin(), suspects_.end(), 0U);
  different_ = 0;
  tree_.follow(*view_);
  watch_files();
  return true;
}

// Those that are watched already are given the same number again; the others are forgotten.
void WatchedLooks::watch_files() {
  const auto old = std::exchange(files_, {});
  own_watch_.assign(view_->look_count(), OwnWatch::none);
  blind_files_.clear();
  std::vector<std::uint32_t> wanted;
  for (const SnapshotDirectory& directory : view_->directories()) {
    std::uint32_t look = directory.first;
    for (const SnapshotLook& kept : view_->looks(directory)) {
      if (kept.present != 0 && kept.type == FileType::file) wanted.push_back(look);
      ++look;
    }
  }
  if (wanted.size() <= own_watches_)
    for (const std::uint32_t look : wanted) watch_file(look);
  for (const auto& [watch, looks] : old)
    if (!files_.contains(watch)) notifier_.forget(watch);
}

bool WatchedLooks::watch_file(std::uint32_t look) {
  const WatchId watch = notifier_.watch_file(path_of_look(*view_, look));
  if (watch == no_watch) return false;
  own_watch_[look] = OwnWatch::has;
  files_[watch].push_back(look);
  return true;
}

void WatchedLooks::doubt(std::uint32_t look) {
  happened_ = true;
  if ((states_[look] & suspect) != 0) return;
  states_[look] |= suspect;
  suspects_.push_back(look);
}

void WatchedLooks::doubt_all() {
  tree_.doubt_all();
  for (std::uint32_t look = 0; look < states_.size(); ++look) doubt(look);
  lost_ = true;
}

void WatchedLooks::doubt_blind() {
  for (const std::uint32_t look : tree_.blind()) doubt(look);
  for (const std::uint32_t look : blind_files_) doubt(look);
  happened_ = false;
}

bool WatchedLooks::take_events() {
  happened_ = false;
  notifier_.drain([this](const FileEvent& event) {
    if (!view_) return;
    if (event.kind == FileEvent::Kind::lost) return doubt_all();
    if (tree_.apply(event)) return;
    const auto found = files_.find(event.watch);
    if (found == files_.end()) return;
    for (const std::uint32_t look : found->second) doubt(look);
    if (event.kind == FileEvent::Kind::ended) files_.erase(found);
  });
  tree_.settle();
  if (std::exchange(lost_, false) && view_) watch_files();
  return std::exchange(happened_, false);
}

void WatchedLooks::check(std::size_t most) {
  std::vector<std::uint32_t> now;
  if (suspects_.size() <= most) {
    now.swap(suspects_);
  } else {
    now.assign(suspects_.end() - static_cast<std::ptrdiff_t>(most), suspects_.end());
    suspects_.resize(suspects_.size() - most);
  }
  std::ranges::sort(now);
  std::vector<std::uint32_t> unheard;
  const SeenLook seen = [&](std::uint32_t look, const struct statx& file) {
    if (has_other_names(file) && own_watch_[look] == OwnWatch::none) unheard.push_back(look);
  };
  // The sum of the file holds, and its looks are where it says.
  const auto found = differing_looks(*view_, now, seen);
  for (const std::uint32_t look : now) {
    different_ -= (states_[look] & different) != 0 ? 1 : 0;
    states_[look] = same;
  }
  for (const std::uint32_t look : found.value_or(now)) {
    states_[look] = different;
    ++different_;
  }
  for (const std::uint32_t look : unheard) {
    if (!watch_file(look)) {
      own_watch_[look] = OwnWatch::refused;
      blind_files_.push_back(look);
    }
    doubt(look);  // it may have been written to before it was watched
  }
}

std::vector<std::uint32_t> WatchedLooks::differing() const {
  std::vector<std::uint32_t> looks;
  if (different_ == 0) return looks;
  for (std::uint32_t look = 0; look < states_.size(); ++look)
    if ((states_[look] & different) != 0) looks.push_back(look);
  return looks;
}

}  // namespace trilock
