#include "engine/watch/watcher.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cache/disk.hpp"
#include "cache/snapshot_check.hpp"
#include "engine/workspace_lock.hpp"
#include "engine/workspace_search.hpp"

namespace trilock {
namespace {

using namespace std::chrono_literals;

// An editor or a compiler is done when nothing has happened for a moment; what never rests is not waited for.
constexpr auto debounce = 50ms;
constexpr auto longest_debounce = 1s;
// Who has been told that something differs runs now, and will own the workspace by then.
constexpr auto precedence = 450ms;
constexpr auto between_looks_at_lock = 100ms;
// What no event speaks of.
constexpr auto between_blind_looks = 2s;
constexpr auto between_many_blind_looks = 10s;
constexpr std::size_t looks_at_once = 2048;  // 2 ms
// More than these are not looked at while somebody waits: looking on all processors would be faster.
constexpr std::size_t most_looks_for_answer = 4096;
constexpr std::size_t most_own_watches = 8192;

// The system's watches are for all programs of a user.
std::size_t own_watches() {
  return std::min(most_own_watches, Inotify::most_watches() / 8);
}

Watcher::Difference difference_of(const SnapshotView& snapshot, std::uint32_t look) {
  return {path_of_look(snapshot, look), was_directory(snapshot, look)};
}

}  // namespace

Watcher::Watcher(WatchedRun run, std::unique_ptr<Inotify> inotify)
    : run_(std::move(run)), view_(own_view()), inotify_(std::move(inotify)), looks_(*inotify_, own_watches()) {}

Result<std::unique_ptr<Watcher>> Watcher::open(WatchedRun run) {
  Result<std::unique_ptr<Inotify>> inotify = Inotify::open();
  if (!inotify) return std::unexpected(std::move(inotify.error()));
  return std::unique_ptr<Watcher>(new Watcher(std::move(run), std::move(*inotify)));
}

void Watcher::add_to(std::vector<pollfd>& polled) const {
  polled.push_back({inotify_->fd(), POLLIN, 0});
  if (inotify_->mounts_fd() >= 0) polled.push_back({inotify_->mounts_fd(), POLLPRI, 0});
}

void Watcher::run_begins() {
  running_ = true;
  was_once_more_ = once_more_;
  due_ = waits_ = once_more_ = false;
  changed_.reset();
}

// What happened up to now is in the looks that the run left, or differs from them.
void Watcher::run_ended() {
  take_events();
  running_ = false;
  changed_.reset();
  const std::string left = run_looks_file(run_.state_dir);
  MappedFile snapshot(snapshot_file(run_.state_dir));
  const auto view = SnapshotView::over(snapshot.bytes());
  answers_ = is_ours_ = view && is_own(*view);
  seen_ = identity_of(snapshot);
  edited_meanwhile_.clear();
  if (answers_) {
    follow(std::move(snapshot));
    find_edited_meanwhile(MappedFile(left));
  } else {
    follow(MappedFile(left));
  }
  ::unlink(left.c_str());
}

void Watcher::follow(MappedFile file) {
  if (!looks_.follow(std::move(file))) {
    answers_ = false;
    return follow_as_it_is();
  }
  first_pass_ = true;
  due_ = false;
  once_more_ = !was_once_more_ && looks_.snapshot()->is(looks_.snapshot()->header().report, run_once_more);
  inotify_->watch_directory(run_.state_dir, Notifier::Tell::names);
}

// The nodes that failed are decided by every run, so their snapshot has what they would see now.
void Watcher::find_edited_meanwhile(MappedFile file) {
  const auto looks = SnapshotView::over(file.bytes());
  const auto differing = looks ? differing_looks(*looks, 1, looks->look_count()) : std::nullopt;
  if (differing)
    for (const std::uint32_t look : *differing) edited_meanwhile_.push_back(difference_of(*looks, look));
}

// The run was killed, or could write nothing: what is there counts as what it looked at.
void Watcher::follow_as_it_is() {
  const std::unique_ptr<Disk> disk = make_real_disk();
  SnapshotBuilder builder;
  const auto add = [&](const std::string& path, std::string_view directory, std::string_view name, bool followed) {
    const Result<FileStat> now = followed ? disk->stat_following(path) : disk->stat(path);
    builder.add(directory, name, followed, now ? &*now : nullptr);
  };
  const std::size_t slash = run_.pipeline.rfind('/');
  add(run_.pipeline, slash == 0 ? "/" : run_.pipeline.substr(0, slash), run_.pipeline.substr(slash + 1), false);
  if (const SnapshotView* const old = looks_.snapshot())
    for (const SnapshotDirectory& directory : old->directories()) {
      const std::string path = old->text(directory.path);
      if (path.starts_with(run_.state_dir)) continue;
      for (const SnapshotLook& look : old->looks(directory))
        if (const char* const name = old->text(look.name)) add(path + "/" + name, path, name, look.followed != 0);
    }
  const auto bytes = builder.finish({});
  const std::string file = run_looks_file(run_.state_dir);
  if (bytes && disk->write(file, *bytes, 0600)) looks_.follow(MappedFile(file));
  first_pass_ = looks_.snapshot() != nullptr;
  inotify_->watch_directory(run_.state_dir, Notifier::Tell::names);
}

bool Watcher::is_own(const SnapshotView& snapshot) const {
  const SnapshotHeader& header = snapshot.header();
  return (snapshot.is(header.directory, "") || snapshot.is(header.directory, run_.directory)) &&
         std::ranges::equal(snapshot.words(), run_.words,
                            [&](std::uint32_t place, const std::string& word) { return snapshot.is(place, word); });
}

// Of a run that somebody else has done. One with other words leaves these looks what they are: the state database
// differs, so the own run follows.
void Watcher::take_up_snapshot() {
  const std::string path = snapshot_file(run_.state_dir);
  const FileIdentity there = identity_of_file(path);
  if (there == FileIdentity{} || there == seen_.file) return;
  MappedFile file(path);
  seen_ = identity_of(file);
  const auto view = SnapshotView::over(file.bytes());
  if (!view || !view->has_sum() || !is_own(*view)) return;
  answers_ = true;
  is_ours_ = waits_ = false;
  edited_meanwhile_.clear();
  changed_.reset();
  follow(std::move(file));
}

void Watcher::take_events() {
  if (inotify_->mounts_changed()) looks_.doubt_all();
  if (!looks_.take_events()) return;
  const Clock::time_point now = Clock::now();
  if (changed_)
    changed_->last = now;
  else
    changed_ = {now, now};
}

std::vector<Watcher::Difference> Watcher::differences() const {
  std::vector<Difference> all = edited_meanwhile_;
  for (const std::uint32_t look : looks_.differing()) all.push_back(difference_of(*looks_.snapshot(), look));
  return all;
}

std::optional<WatchAnswer> Watcher::changes() const {
  if (!answers_ || !is_ours_ || looks_.suspects() > 0 || looks_.blind() > 0) return std::nullopt;
  return WatchAnswer{.snapshot = looks_.identity().sum, .verdict = WatchVerdict::changed, .looks = looks_.differing()};
}

Watcher::Clock::time_point Watcher::quiet_at() const {
  return std::min(changed_->last + debounce, changed_->first + longest_debounce);
}

std::optional<Watcher::Clock::time_point> Watcher::next_step() const {
  if (running_ || looks_.snapshot() == nullptr) return std::nullopt;
  if (first_pass_) return Clock::now();
  std::optional<Clock::time_point> next;
  const auto at = [&](Clock::time_point time) { next = next ? std::min(*next, time) : time; };
  if (changed_) at(quiet_at());
  if (waits_) at(not_before_);
  if (looks_.blind() > 0) at(blind_at_);
  return next;
}

void Watcher::step() {
  take_events();
  if (running_) return;
  take_up_snapshot();
  const Clock::time_point now = Clock::now();
  pass(now);
  if (due_) find_due(now);
}

// Holds suspects against the disk where it is time for that.
void Watcher::pass(Clock::time_point now) {
  if (!first_pass_ && looks_.blind() > 0 && now >= blind_at_) {
    looks_.doubt_blind();
    blind_at_ = now + (looks_.blind() > most_looks_for_answer ? between_many_blind_looks : between_blind_looks);
    if (!changed_) changed_ = {now - debounce, now - debounce};
  }
  if (!first_pass_ && (!changed_ || now < quiet_at())) return;
  looks_.check(looks_at_once);
  if (looks_.suspects() > 0) {
    if (changed_) changed_->first = std::min(changed_->first, now - longest_debounce);  // go on with it
    return;
  }
  const bool by_event = std::exchange(changed_, std::nullopt).has_value();
  const bool by_run = std::exchange(first_pass_, false) && !by_event;
  if (!looks_.differs() && !once_more_ && edited_meanwhile_.empty()) {
    in_vain_ = 0;
    due_ = waits_ = false;
    return;
  }
  in_vain_ = by_run && !once_more_ ? in_vain_ + 1 : 0;
  // A run that changes what it looks at would go on for ever: 0, 1, 2, 4 s between its runs, and up to 64.
  not_before_ = in_vain_ < 2 ? now : now + 1s * (1U << std::min(in_vain_ - 2, 6U));
  due_ = true;
}

void Watcher::find_due(Clock::time_point now) {
  if (now < not_before_) {
    waits_ = true;
    return;
  }
  waits_ = WorkspaceLock::is_held(run_.state_dir, WorkspaceLock::Purpose::run);
  if (waits_) not_before_ = now + between_looks_at_lock;
}

WatchAnswer Watcher::answer(const WatchQuestion& question) {
  WatchAnswer answer{.snapshot = question.snapshot.sum};
  if (running_ || !answers_ || !view_ || question.view != *view_ || question.snapshot != looks_.identity())
    return answer;
  take_events();
  looks_.doubt_blind();
  // Files with several links are looked at twice, once they are watched.
  for (int i = 0; i < 2 && looks_.suspects() > 0 && looks_.suspects() <= most_looks_for_answer; ++i)
    looks_.check(most_looks_for_answer);
  if (looks_.suspects() > 0) return answer;
  answer.verdict = looks_.differs() ? WatchVerdict::changed : WatchVerdict::unchanged;
  if (looks_.differs()) {
    answer.looks = looks_.differing();
    const Clock::time_point now = Clock::now();
    changed_ = {changed_ ? changed_->first : now, now + precedence};
  }
  return answer;
}

}  // namespace trilock
