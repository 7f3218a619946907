#include "engine/old_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "cache/own_file.hpp"
#include "engine/workspace_lock.hpp"

namespace trilock {
namespace {

constexpr std::int64_t between_sweeps_ns = std::int64_t{24} * 3600 * 1'000'000'000;
constexpr std::uint64_t largest_note = std::uint64_t{64} * 1024;

std::vector<DirEntry> entries_of(Disk& disk, const std::string& directory) {
  Result<std::vector<DirEntry>> entries = disk.list(directory);
  return entries ? std::move(*entries) : std::vector<DirEntry>();
}

// A run writes the lock's file when it begins.
bool is_unused(Disk& disk, const std::string& directory, std::int64_t now_ns) {
  std::int64_t newest = 0;
  for (const char* const name : {"", "/lock", "/watch.lock", "/state.db"})
    if (const Result<FileStat> stat = disk.stat(directory + name)) newest = std::max(newest, stat->mtime_ns);
  return newest + unused_state_age_ns <= now_ns;
}

// What was displaced is the user's, and what a killed run set aside, which its journal knows.
bool keeps_something(Disk& disk, const std::string& directory) {
  return disk.stat(directory + "/journal") || !entries_of(disk, directory + "/displaced").empty();
}

std::unique_ptr<WorkspaceLock> try_lock(const std::string& directory, WorkspaceLock::Purpose purpose) {
  const auto give_up = [](const LockHolder&) { return WorkspaceLock::Answer::give_up; };
  return WorkspaceLock::acquire(directory, "trilock run", give_up, purpose).value_or(nullptr);
}

void remove_unused(Disk& disk, const std::string& directory, std::int64_t now_ns) {
  const OwnOpening own = try_open_own_directory(directory.c_str());
  if (own.descriptor < 0) return;
  ::close(own.descriptor);
  if (!is_unused(disk, directory, now_ns) || keeps_something(disk, directory)) return;
  const auto run = try_lock(directory, WorkspaceLock::Purpose::run);
  const auto watch = try_lock(directory, WorkspaceLock::Purpose::watch);
  std::string failed;
  if (run && watch) static_cast<void>(remove_tree(Beneath(), directory, failed));
}

void remove_siblings(Disk& disk, const std::string& root, const std::string& base, const StatePlace& place,
                     std::int64_t now_ns) {
  const std::string dot = dot_directory(root);
  if (place.disposable != dot + "/" + place.id) return;
  for (const DirEntry& entry : entries_of(disk, dot))
    if (entry.type == FileType::directory && is_state_id(entry.name) && entry.name != place.id &&
        read_own_file(base + "/" + entry.name + "/workspace", largest_note))
      remove_unused(disk, dot + "/" + entry.name, now_ns);
}

// The note's third line, to its end: engine/state_home.cpp.
bool workspace_is_gone(Disk& disk, const std::string& durable) {
  const Result<std::string> note = read_own_file(durable + "/workspace", largest_note);
  if (!note) return false;
  std::size_t at = note->find('\n');
  if (at != std::string::npos) at = note->find('\n', at + 1);
  if (at == std::string::npos || note->substr(at + 1, 1) != "/") return false;
  const Result<FileStat> stat = disk.stat(note->substr(at + 1));
  return !stat && stat.error().kind == ErrorKind::not_found;
}

void forget_workspace(Disk& disk, const std::string& link, const std::string& durable, std::int64_t now_ns) {
  if (!workspace_is_gone(disk, durable) || !is_unused(disk, durable, now_ns)) return;
  for (const DirEntry& entry : entries_of(disk, durable))
    if (entry.name != "workspace" && entry.name != "git-index") return;
  // The link first: an id that no link has is found by nobody.
  std::string failed;
  if (::unlink(link.c_str()) == 0) static_cast<void>(remove_tree(Beneath(), durable, failed));
}

void sweep_base(Disk& disk, const std::string& base, const StatePlace& place, std::int64_t now_ns) {
  const std::string stamp = base + "/swept";
  if (const Result<FileStat> last = disk.stat(stamp); last && last->mtime_ns + between_sweeps_ns > now_ns) return;
  if (!write_own_file(stamp, "")) return;
  const std::string links = base + "/by-path";
  for (const DirEntry& entry : entries_of(disk, links)) {
    const std::string file = links + "/" + entry.name;
    const std::optional<StateLink> link = read_state_link(file);
    if (!link || link->id == place.id) continue;
    const std::string durable = base + "/" + link->id;
    remove_unused(disk, durable + "/work", now_ns);
    forget_workspace(disk, file, durable, now_ns);
  }
  if (place.disposable != place.durable + "/work") remove_unused(disk, place.durable + "/work", now_ns);
}

}  // namespace

void remove_old_state(Disk& disk, const std::string& root, const StatePlace& place, std::int64_t now_ns) {
  const std::string base = parent_of(place.durable);
  remove_siblings(disk, root, base, place, now_ns);
  sweep_base(disk, base, place, now_ns);
}

}  // namespace trilock
