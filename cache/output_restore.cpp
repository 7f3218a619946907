// Putting outputs back in two steps. First every file and symlink that differs is made, and verified, in the scratch
// directory of the workspace, where no glob and no listing of a node that runs at the same time can see it; so
// a missing or damaged blob and a full disk are found while nothing has changed. Then they are renamed into place, so a
// kill leaves no temporary among the outputs; a directory that is missing is made whole there and renamed at once, with
// all that is below it.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "cache/hash.hpp"
#include "cache/output_check.hpp"
#include "cache/outputs.hpp"

namespace trilock {
namespace {

constexpr std::uint32_t owner_access = 0700;

class Restoration {
 public:
  Restoration(SourceTree& tree, FetchAll fetch, std::string stage)
      : tree_(tree), disk_(tree.disk()), fetch_(std::move(fetch)), stage_(std::move(stage)) {}

  Status find_differences(std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries);
  Status run();

 private:
  static constexpr std::size_t no_work = std::numeric_limits<std::size_t>::max();
  struct Work {
    Difference difference;
    std::string staged;            // absolute; of what is made before anything changes
    std::size_t within = no_work;  // the directory, by its place in work_, that it is renamed with
    bool moved = false;            // of a directory: it, and all that is within it, is in its place
  };

  void add(const Difference& difference);
  Status stage();
  Status apply(Work& work);
  Status put_in_place(const Work& work);
  Status make_room(const Difference& difference);
  Status unlock_parent(std::string_view path);
  Status settle_directories();

  SourceTree& tree_;
  Disk& disk_;
  const FetchAll fetch_;
  std::string stage_;
  std::span<const OutputEntry> entries_;
  std::vector<Work> work_;
  std::size_t open_ = no_work;                                     // the directory that what comes next may be within
  std::map<std::string, std::uint32_t, std::less<>> directories_;  // whose mode is set at the end: path -> mode
};

bool needs_staging(const Difference& difference) {
  if (difference.entry == nullptr || difference.entry->type == EntryType::directory) return false;
  return difference.kind != Difference::Kind::mode;
}

Status Restoration::find_differences(std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries) {
  entries_ = entries;
  return each_difference(tree_, outputs, entries, [this](const Difference& difference) {
    add(difference);
    return true;
  });
}

// Differences come in an order in which what is below a directory follows it.
void Restoration::add(const Difference& difference) {
  Work work{.difference = difference, .staged = {}};
  if (open_ != no_work && is_at_or_below(difference.path, work_[open_].difference.path)) {
    work.within = open_;
    work.staged = work_[open_].staged + difference.path.substr(work_[open_].difference.path.size());
  } else {
    const bool opens = difference.kind == Difference::Kind::missing && difference.entry->type == EntryType::directory;
    if (opens) open_ = work_.size();
    if (opens || needs_staging(difference)) work.staged = fmt::format("{}/{}", stage_, work_.size());
  }
  work_.push_back(std::move(work));
}

Status Restoration::run() {
  if (work_.empty()) return {};
  if (Status cleared = disk_.remove(stage_); !cleared) return cleared;  // what an interrupted run left
  Status status = stage();
  for (Work& work : work_) {
    if (status) status = apply(work);
  }
  // Also after a failure: a directory that was opened for writing must not stay so.
  Status settled = settle_directories();
  (void)disk_.remove(stage_);
  return status ? settled : status;
}

Status Restoration::stage() {
  std::vector<BlobRequest> requests;
  for (const Work& work : work_) {
    if (work.staged.empty()) continue;
    const OutputEntry& entry = *work.difference.entry;
    Status status;
    switch (entry.type) {
      case EntryType::file:
        requests.push_back({.digest = entry.blob, .size = entry.size, .path = work.staged, .mode = entry.mode});
        break;
      case EntryType::symlink:
        status = disk_.make_symlink(entry.symlink_target, work.staged);
        break;
      case EntryType::directory:
        status = disk_.make_directories(work.staged, entry.mode | owner_access);
        break;
    }
    if (status) continue;
    const Error& error = status.error();
    return fail(error.kind, fmt::format("cannot restore `{}`: {}", entry.path, error.message), error.help);
  }
  const Status fetched = requests.empty() ? Status{} : fetch_(requests);
  if (fetched) return {};
  return fail(fetched.error().kind, "cannot restore outputs: " + fetched.error().message, fetched.error().help);
}

Status Restoration::apply(Work& work) {
  const Difference& difference = work.difference;
  if (work.within != no_work && work_[work.within].moved) {
    if (difference.entry->type == EntryType::directory) directories_[difference.entry->path] = difference.entry->mode;
    return {};
  }
  if (Status status = unlock_parent(parent_path(difference.path)); !status) return status;
  const std::string path = tree_.absolute(difference.path);
  if (difference.kind == Difference::Kind::extra) return disk_.remove(path);
  const OutputEntry& entry = *difference.entry;
  if (entry.type == EntryType::directory) directories_[entry.path] = entry.mode;
  if (difference.kind == Difference::Kind::mode) {
    if (entry.type == EntryType::directory) return disk_.set_mode(path, entry.mode | owner_access);
    return disk_.set_mode(path, entry.mode);
  }
  if (Status status = make_room(difference); !status) return status;
  if (entry.type != EntryType::directory) return put_in_place(work);
  // The output may be on another file system than the scratch directory, and then all that is below is put there piece
  // by piece.
  if (!work.staged.empty()) work.moved = disk_.rename(work.staged, path).has_value();
  return work.moved ? Status{} : disk_.make_directories(path, entry.mode | owner_access);
}

// A file or symlink takes the place of another in one step; a directory cannot be replaced so, nor replace anything.
Status Restoration::make_room(const Difference& difference) {
  const std::string path = tree_.absolute(difference.path);
  if (difference.kind == Difference::Kind::type) {
    const bool was_directory = difference.type == FileType::directory;
    if (was_directory || difference.entry->type == EntryType::directory) return disk_.remove(path);
  }
  if (difference.kind == Difference::Kind::missing) {
    const std::string_view parent = parent_path(difference.path);
    if (!parent.empty() && !directories_.contains(parent))
      return disk_.make_directories(tree_.absolute(std::string(parent)));
  }
  return {};
}

Status Restoration::put_in_place(const Work& work) {
  const std::string path = tree_.absolute(work.difference.path);
  const OutputEntry& entry = *work.difference.entry;
  const Status renamed = disk_.rename(work.staged, path);
  // The output may be on another file system than the scratch directory.
  if (!renamed && renamed.error().kind == ErrorKind::io) {
    if (entry.type == EntryType::symlink) return disk_.make_symlink(entry.symlink_target, path);
    return disk_.copy(work.staged, path, entry.mode);
  }
  return renamed;
}

// A recorded directory may be read-only.
Status Restoration::unlock_parent(std::string_view path) {
  if (path.empty() || directories_.contains(path)) return {};
  const auto recorded = std::ranges::lower_bound(
      entries_, path, {}, [](const OutputEntry& entry) -> std::string_view { return entry.path; });
  if (recorded == entries_.end() || recorded->path != path) return {};
  const Result<FileStat> stat = tree_.stat(recorded->path);
  if (!stat || (stat->mode & owner_access) == owner_access) return {};
  directories_[recorded->path] = recorded->mode;
  return disk_.set_mode(tree_.absolute(recorded->path), recorded->mode | owner_access);
}

// From the innermost outwards, since a directory that loses its permissions hides what is below it.
Status Restoration::settle_directories() {
  Status first;
  for (auto directory = directories_.rbegin(); directory != directories_.rend(); ++directory) {
    Status status = disk_.set_mode(tree_.absolute(directory->first), directory->second);
    if (!status && first) first = std::move(status);
  }
  return first;
}

}  // namespace

Status restore_outputs(SourceTree& tree, const FetchAll& fetch, std::span<const OutputSpec> outputs,
                       std::span<const OutputEntry> entries, const std::string& scratch_root) {
  if (outputs.empty()) return {};
  const std::string unusable = unusable_entry(outputs, entries);
  if (!unusable.empty()) return fail(ErrorKind::corrupt, "stored outputs cannot be used: " + unusable);
  for (const OutputSpec& output : outputs) tree.forget(output.path);
  // Two nodes never share an output, so its name tells the stages of nodes that are restored at once apart.
  const std::string name = fast_digest(outputs.front().path).hex();
  Restoration restoration(tree, fetch, fmt::format("{}/restore-{}", scratch_root, name));
  if (Status status = restoration.find_differences(outputs, entries); !status) return status;
  const Status status = restoration.run();
  for (const OutputSpec& output : outputs) tree.forget(output.path);
  return status;
}

}  // namespace trilock
