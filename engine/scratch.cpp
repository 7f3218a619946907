#include "engine/scratch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cache/output_check.hpp"

namespace trilock {
namespace {
// 1980-01-01T00:00:00Z: the earliest time that zip files, which some build tools make, can hold.
constexpr std::int64_t staged_mtime_ns = 315'532'800'000'000'000;
constexpr std::uint32_t private_mode = 0700;

// Removes it, or all that is in it where it has to stay.
Status clear(Disk& disk, const std::string& output) {
  Status removed = disk.remove(output);
  if (removed) return removed;
  const Result<std::vector<DirEntry>> left = disk.list(output);
  return left && left->empty() ? Status() : removed;
}

Status copy_entry(Disk& disk, const std::string& from, const std::string& to);

Status copy_directory(Disk& disk, const std::string& from, const std::string& to, const FileStat& stat) {
  const Result<std::vector<DirEntry>> names = disk.list(from);
  if (!names) return std::unexpected(names.error());
  // Writable while it is filled.
  if (Status made = disk.make_directories(to, private_mode); !made) return made;
  for (const DirEntry& entry : *names)
    if (Status copied = copy_entry(disk, from + "/" + entry.name, to + "/" + entry.name); !copied) return copied;
  return disk.set_mode(to, stat.mode);
}

Status copy_entry(Disk& disk, const std::string& from, const std::string& to) {
  const Result<FileStat> stat = disk.stat(from);
  if (!stat) return std::unexpected(stat.error());
  Status copied;
  switch (stat->type) {
    case FileType::file:
      copied = disk.copy(from, to, stat->mode);
      break;
    case FileType::directory:
      copied = copy_directory(disk, from, to, *stat);
      break;
    case FileType::symlink: {
      const Result<std::string> target = disk.read_link(from);
      copied = target ? disk.make_symlink(*target, to) : std::unexpected(target.error());
      break;
    }
    case FileType::other:
      return fail(ErrorKind::invalid,
                  fmt::format("cannot move `{}`: it is a device, socket or fifo on another file system", from));
  }
  return copied ? disk.set_mtime(to, stat->mtime_ns) : copied;
}

// A directory that may not be written to can only be renamed within its parent, since `..` in it changes.
Status rename_entry(Disk& disk, const std::string& from, const std::string& to) {
  Status renamed = disk.rename(from, to);
  if (renamed || renamed.error().kind != ErrorKind::io) return renamed;
  constexpr std::uint32_t owner_writes = 0200;
  const Result<FileStat> stat = disk.stat(from);
  if (!stat || stat->type != FileType::directory || (stat->mode & owner_writes) != 0) return renamed;
  if (!disk.set_mode(from, stat->mode | owner_writes)) return renamed;
  renamed = disk.rename(from, to);
  static_cast<void>(disk.set_mode(renamed ? to : from, stat->mode));
  return renamed;
}

}  // namespace

Scratch::~Scratch() {
  if (made_) static_cast<void>(tree_.disk().remove(dir_));
  if (keeps_) return;
  for (const Aside& aside : aside_)
    if (aside.existed) static_cast<void>(tree_.disk().remove(aside.kept));
}

Status Scratch::make() {
  if (made_) return {};
  made_ = true;
  return tree_.disk().make_directories(dir_, private_mode);
}

Status Scratch::stage(std::span<const StagedEntry> entries) {
  Disk& disk = tree_.disk();
  for (const StagedEntry& entry : entries) {
    const std::string from = tree_.absolute(entry.source);
    const std::string to = dir_ + "/" + entry.destination;
    Status done;
    switch (entry.type) {
      case EntryType::directory:
        // Writable while it is filled; the recorded mode is set below.
        done = disk.make_directories(to, 0755);
        break;
      case EntryType::file:
        done = disk.copy(from, to, entry.mode);
        break;
      case EntryType::symlink: {
        const Result<std::string> target = disk.read_link(from);
        done = target ? disk.make_symlink(*target, to) : std::unexpected(target.error());
        break;
      }
    }
    if (!done) return done;
  }
  // Backwards, since filling a directory changes its time: entries are sorted, so what is inside comes later.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const std::string to = dir_ + "/" + entry->destination;
    if (entry->type == EntryType::directory)
      if (Status done = disk.set_mode(to, entry->mode); !done) return done;
    if (Status done = disk.set_mtime(to, staged_mtime_ns); !done) return done;
  }
  return {};
}

// By output: where it will be kept; "" for one that is not there. Under names of their own: what an earlier run could
// not bring back may still be here, and process numbers come again.
std::vector<std::string> Scratch::kept_places(std::span<const OutputSpec> outputs) const {
  Disk& disk = tree_.disk();
  std::vector<std::string> places(outputs.size());
  std::size_t number = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!disk.stat(tree_.absolute(outputs[i].path))) continue;
    do places[i] = fmt::format("{}.old-{}", dir_, number++);
    while (disk.stat(places[i]) || disk.stat(places[i] + std::string(half_back)));
  }
  return places;
}

// Before anything is moved. Outputs that are not there are noted as well: a kill leaves them half made.
Status Scratch::note(std::span<const OutputSpec> outputs, const std::string& label,
                     std::span<const std::string> places) {
  if (journal_ == nullptr) return {};
  std::vector<AsideOutput> noted;
  noted.reserve(outputs.size());
  // Where they are, which is not what their nodes call those that are in the state directory.
  const auto below = [](const std::string& path, std::string_view dir) {
    return is_at_or_below(path, dir) ? path.substr(std::min(dir.size() + 1, path.size())) : std::string();
  };
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (std::string output = below(tree_.absolute(outputs[i].path), tree_.root()); !output.empty())
      noted.push_back({std::move(output), below(places[i], parent_path(dir_))});
  const Result<std::uint64_t> number = journal_->set_aside(label, std::move(noted));
  if (!number) return std::unexpected(number.error());
  noted_ = *number;
  return {};
}

Status Scratch::set_aside(std::span<const OutputSpec> outputs, const std::string& label) {
  Disk& disk = tree_.disk();
  const std::vector<std::string> places = kept_places(outputs);
  if (Status done = note(outputs, label, places); !done) return done;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputSpec& output = outputs[i];
    Aside aside{.path = output.path, .output = tree_.absolute(output.path), .kept = places[i], .existed = false};
    // One that is within another may have gone with it.
    if (!aside.kept.empty() && disk.stat(aside.output)) {
      Status moved = disk.rename(aside.output, aside.kept);
      if (!moved) {
        if (Status done = disk.make_directories(std::string(parent_path(dir_)), private_mode); !done) return done;
        moved = move_entry(disk, aside.output, aside.kept);
      }
      if (!moved) return moved;
      aside.existed = true;
      keeps_ = true;
    } else {
      if (Status done = disk.make_directories(std::string(parent_path(aside.output))); !done) return done;
    }
    aside_.push_back(std::move(aside));
    tree_.forget(output.path);
  }
  return {};
}

std::string Scratch::kept(std::string_view path) const {
  const std::string absolute = tree_.absolute(std::string(path));
  for (const Aside& aside : aside_)
    if (aside.existed && is_at_or_below(absolute, aside.output))
      return aside.kept + absolute.substr(aside.output.size());
  return {};
}

Status Scratch::bring_back() {
  Disk& disk = tree_.disk();
  Status first;
  for (const Aside& aside : aside_) {
    Status back = clear(disk, aside.output);
    if (!back) left_.push_back({.name = {}, .path = aside.path, .place = {}});
    if (back && aside.existed) back = put_back(disk, aside.kept, aside.output);
    tree_.forget(aside.path);
    if (back || !first) continue;
    const std::string where = aside.existed ? fmt::format("; what was there is in `{}`", aside.kept) : std::string();
    first = fail(back.error().kind, back.error().message + where, back.error().help);
  }
  aside_.clear();  // what did not come back stays where it is
  keeps_ = false;
  if (first && journal_ != nullptr) journal_->end(noted_);
  return first;
}

void Scratch::accept() {
  // Where nothing was kept a kill that comes before the end is written costs the node's work; no write is worth that.
  if (journal_ != nullptr && keeps_) journal_->end(noted_);
  if (journal_ != nullptr && !keeps_) journal_->end_soon(noted_);
  keeps_ = false;
}

Status move_entry(Disk& disk, const std::string& from, const std::string& to) {
  const Status renamed = rename_entry(disk, from, to);
  if (renamed || renamed.error().kind != ErrorKind::io) return renamed;
  // Under its name only when all of it is there: a kill leaves the one or the other.
  const std::string part = to + ".part";
  Status copied = copy_entry(disk, from, part);
  if (copied) copied = disk.rename(part, to);
  if (!copied) {
    static_cast<void>(disk.remove(part));
    return copied;
  }
  Status cleared = clear(disk, from);
  if (cleared) return {};
  // Some of it may be gone; the copy has all of it.
  static_cast<void>(move_entry_back(disk, to, from));
  return cleared;
}

Status put_back(Disk& disk, const std::string& kept, const std::string& to) {
  const Status renamed = rename_entry(disk, kept, to);
  if (renamed || renamed.error().kind != ErrorKind::io) return renamed;
  const std::string rest = kept + std::string(half_back);
  if (Status done = disk.rename(kept, rest); !done) return done;
  return move_entry_back(disk, rest, to);
}

Status move_entry_back(Disk& disk, const std::string& kept, const std::string& to) {
  const Status renamed = rename_entry(disk, kept, to);
  if (renamed || renamed.error().kind != ErrorKind::io) return renamed;
  const Result<FileStat> there = disk.stat(to);
  const Result<FileStat> stat = disk.stat(kept);
  if (there && stat && there->type == FileType::directory && stat->type == FileType::directory) {
    const Result<std::vector<DirEntry>> names = disk.list(kept);
    if (!names) return std::unexpected(names.error());
    for (const DirEntry& entry : *names) {
      const std::string back = to + "/" + entry.name;
      if (Status removed = disk.remove(back); !removed) return removed;
      if (Status moved = move_entry_back(disk, kept + "/" + entry.name, back); !moved) return moved;
    }
  } else if (Status copied = copy_entry(disk, kept, to); !copied) {
    return copied;
  }
  return disk.remove(kept);
}

}  // namespace trilock
