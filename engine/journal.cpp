#include "engine/journal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "cache/boot.hpp"
#include "cache/own_file.hpp"
#include "engine/process_facts.hpp"

namespace trilock {
namespace {

constexpr std::uint64_t written_anew_at = 4u << 20;  // bytes: of what is over nobody needs to know

JournalOwner this_owner(const std::string& workspace) {
  return {.boot = current_boot().id, .user = ::geteuid(), .workspace = workspace};
}

// Another one that has the workspace's lock where that means nothing, as on some network shares.
bool still_runs(const DeadRun& run) {
  const auto facts = run.process == ::getpid() ? std::nullopt : facts_of(run.process);
  return facts && facts->started == run.started && facts->state != 'Z';
}

}  // namespace

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

Result<Journal::Remains> Journal::arm() {
  const std::lock_guard lock(mutex_);
  armed_ = true;
  const Result<std::string> text = read_own_file(path_, JournalLimits::file_bytes);
  if (!text && text.error().kind == ErrorKind::not_found) return Remains{};
  exists_ = true;
  if (!text) {
    // A file of ours that is larger than any that trilock writes makes room.
    if (text.error().kind == ErrorKind::invalid && open_own_file(path_, OwnUse::read))
      exists_ = ::unlink(path_.c_str()) != 0;
    return std::unexpected(text.error());
  }
  Remains remains = read_journal(*text, this_owner(workspace_));
  if (const auto on = std::ranges::find_if(remains.runs, still_runs); on != remains.runs.end())
    return fail(ErrorKind::io, fmt::format("`{}` is of process {}, which still runs", path_, on->process));
  for (const Entry& entry : remains.entries) open_[entry.number] = journal_line(entry);
  for (const Aside& aside : remains.asides) open_[aside.number] = journal_line(aside);
  if (!open_.empty()) last_ = open_.rbegin()->first;
  bytes_ = text->size();
  // What another user or workspace has to say in it stands nowhere in the way.
  if (remains.empty()) exists_ = ::unlink(path_.c_str()) != 0;
  return remains;
}

std::string Journal::run_line() const {
  const pid_t self = ::getpid();
  const auto facts = facts_of(self);
  return journal_line(DeadRun{.brands = brands_, .process = self, .started = facts ? facts->started : 0},
                      this_owner(workspace_));
}

Status Journal::begin() {
  if (begun_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(mutex_);
  if (!armed_ || begun_.load(std::memory_order_relaxed)) return {};
  // The numbers of what is still open go on, so what is written from here on is this run's.
  Status written = append(run_line());
  if (written) begun_.store(true, std::memory_order_release);
  return written;
}

Result<std::uint64_t> Journal::add(std::string line) {
  if (line.size() > JournalLimits::line_bytes)
    return fail(ErrorKind::invalid, "there are more outputs than trilock can keep apart");
  if (bytes_ > written_anew_at)
    if (Status written = write_new_file(); !written) return std::unexpected(written.error());
  if (Status written = append(line); !written) return std::unexpected(written.error());
  open_.emplace(last_, std::move(line));
  return last_;
}

Result<std::uint64_t> Journal::enter(const std::string& label, const std::vector<Field>& leaves) {
  if (leaves.empty()) return 0;
  if (Status begun = begin(); !begun) return std::unexpected(begun.error());
  const std::lock_guard lock(mutex_);
  if (!armed_) return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return add(journal_line(Entry{.number = ++last_,
                                .at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                                .label = label,
                                .leaves = leaves}));
}

Result<std::uint64_t> Journal::set_aside(const std::string& label, std::vector<AsideOutput> outputs) {
  if (outputs.empty()) return 0;
  if (Status begun = begin(); !begun) return std::unexpected(begun.error());
  const std::lock_guard lock(mutex_);
  if (!armed_) return 0;
  return add(journal_line(Aside{.number = ++last_, .label = label, .outputs = std::move(outputs)}));
}

void Journal::end(std::uint64_t number) {
  if (number == 0) return;
  const std::lock_guard lock(mutex_);
  if (open_.erase(number) == 0) return;
  // An end that is not written makes the next run look once more, and find nothing.
  static_cast<void>(append(journal_end_line(number)));
}

void Journal::end_soon(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (open_.erase(number) == 0) return;
  pending_ += journal_end_line(number);
  pending_ += '\n';
}

void Journal::keep() {
  const std::lock_guard lock(mutex_);
  is_kept_ = true;
}

void Journal::close() {
  const std::lock_guard lock(mutex_);
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (exists_ && open_.empty() && !is_kept_) exists_ = ::unlink(path_.c_str()) != 0;
  begun_.store(false, std::memory_order_release);
  armed_ = false;
}

Status Journal::open_file() {
  if (file_ >= 0) return {};
  Result<Descriptor> file = open_own_file(path_, OwnUse::append);
  if (!file) return std::unexpected(file.error());
  file_ = file->release();
  exists_ = true;
  return {};
}

// A line that a full disk cut short is ended by the newline before the next one, and passed over by who reads.
Status Journal::append(const std::string& line) {
  if (Status opened = open_file(); !opened) return opened;
  std::string text = "\n" + pending_ + line + "\n";
  const ssize_t count = ::write(file_, text.data(), text.size());
  if (count > 0) bytes_ += static_cast<std::uint64_t>(count);
  if (count != static_cast<ssize_t>(text.size()))
    return fail_errno(fmt::format("cannot write `{}`", path_), count < 0 ? errno : ENOSPC);
  pending_.clear();
  return {};
}

// Takes the place of the old one whole, so that a kill leaves one or the other.
Status Journal::write_new_file() {
  const std::string made = path_ + ".new";
  ::unlink(made.c_str());
  Result<Descriptor> file = open_own_file(made, OwnUse::append);
  if (!file) return std::unexpected(file.error());
  const int old = std::exchange(file_, file->release());
  pending_.clear();
  bytes_ = 0;
  Status written = append(run_line());
  for (const auto& [number, line] : open_)
    if (written) written = append(line);
  if (written && ::rename(made.c_str(), path_.c_str()) != 0)
    written = fail_errno(fmt::format("cannot write `{}`", path_), errno);
  if (!written) {
    ::close(std::exchange(file_, old));
    ::unlink(made.c_str());
    bytes_ = written_anew_at + 1;
    return written;
  }
  if (old >= 0) ::close(old);
  return {};
}

}  // namespace trilock
