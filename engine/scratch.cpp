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

}  // namespace

Scratch::~Scratch() {
  if (made_) static_cast<void>(tree_.disk().remove(dir_));
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

Status Scratch::set_aside(std::span<const OutputSpec> outputs) {
  Disk& disk = tree_.disk();
  for (const OutputSpec& output : outputs) {
    Aside aside{
        .output = tree_.absolute(output.path), .kept = fmt::format("{}.old-{}", dir_, aside_.size()), .existed = false};
    if (disk.stat(aside.output)) {
      Status moved = disk.rename(aside.output, aside.kept);
      if (!moved && moved.error().kind == ErrorKind::not_found) {
        if (Status done = disk.make_directories(std::string(parent_path(dir_)), private_mode); !done) return done;
        moved = disk.rename(aside.output, aside.kept);
      }
      aside.existed = moved.has_value();
      // One that cannot be moved (it is a mount point) goes at once: what is left of it would mix with what is new.
      if (!aside.existed)
        if (Status cleared = clear(disk, aside.output); !cleared) return cleared;
    } else {
      if (Status done = disk.make_directories(std::string(parent_path(aside.output))); !done) return done;
    }
    aside_.push_back(std::move(aside));
    tree_.forget(output.path);
  }
  return {};
}

Status Scratch::bring_back() {
  Disk& disk = tree_.disk();
  for (const Aside& aside : aside_) {
    if (Status removed = disk.remove(aside.output); !removed) return removed;
    if (!aside.existed) continue;
    if (Status done = disk.rename(aside.kept, aside.output); !done) return done;
  }
  for (const Aside& aside : aside_) tree_.forget(aside.output.substr(tree_.root().size() + 1));
  aside_.clear();
  return {};
}

}  // namespace trilock
