#include "engine/revision_world.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace trilock {
namespace {

constexpr int most_symlinks = 40;  // as Linux has it

bool is_within(std::string_view path, std::string_view dir) {
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

std::unexpected<Error> not_there(const std::string& path) {
  return fail(ErrorKind::not_found, fmt::format("`{}` does not exist", path));
}

std::unexpected<Error> refused(const std::string& path) {
  return fail(ErrorKind::io, fmt::format("cannot write `{}`: a revision is not to be changed", path));
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// `.` and `..` removed by the letter: `dir` has no symlink in it.
std::string join_cleaned(const std::string& dir, std::string_view rest) {
  std::string path = rest.starts_with('/') || dir == "/" ? "" : dir;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..")
      path.resize(path.empty() ? 0 : path.rfind('/'));
    else
      path.append("/").append(part);
  }
  return path.empty() ? "/" : path;
}

}  // namespace

RevisionDisk::RevisionDisk(Disk& disk, std::string top, const Revision::Differences& differences,
                           std::vector<std::string> apart)
    : disk_(disk), top_(std::move(top)), differences_(differences) {
  std::erase_if(differences_, [&](const auto& difference) {
    return std::ranges::any_of(apart, [&](const std::string& path) { return is_within(difference.first, path); });
  });
}

bool RevisionDisk::differs_below(const std::string& dir) const {
  const auto first = differences_.lower_bound(dir + "/");
  return first != differences_.end() && first->first.starts_with(dir + "/");
}

bool RevisionDisk::copied_below(const std::string& dir) const {
  const std::string prefix = dir + "/";
  for (auto each = differences_.lower_bound(prefix); each != differences_.end() && each->first.starts_with(prefix);
       ++each)
    if (!each->second.empty()) return true;
  return false;
}

RevisionDisk::Found RevisionDisk::find(const std::string& path) {
  if (path == top_ || !is_within(path, top_)) return {Source::work_tree, path};
  const auto own = differences_.find(path);
  if (own != differences_.end() && !own->second.empty()) return {Source::copy, own->second};
  // A file and a directory of one name: what the revision has at or below a path decides over what is above it.
  if (copied_below(path)) {
    const Result<FileStat> now = disk_.stat(path);
    const bool is_directory = own == differences_.end() && now && now->type == FileType::directory;
    return {is_directory ? Source::work_tree : Source::directory, path};
  }
  if (own != differences_.end()) return {Source::absent, path};
  for (std::string above = parent_of(path); above.size() > top_.size(); above = parent_of(above))
    if (differences_.contains(above)) return {Source::absent, path};
  if (differs_below(path) && vanishes(path)) return {Source::absent, path};
  return {Source::work_tree, path};
}

bool RevisionDisk::vanishes(const std::string& dir) {
  const Result<std::vector<DirEntry>> entries = disk_.list(dir);
  if (!entries) return false;
  return std::ranges::all_of(
      *entries, [&](const DirEntry& entry) { return find(dir + "/" + entry.name).source == Source::absent; });
}

// What lies above the top of the work tree is the same in every revision. Directories are resolved once each.
std::string RevisionDisk::real_path(const std::string& path, Last last, int symlinks) {
  if (!is_within(path, top_) || path == top_) return path;
  const std::string parent = parent_of(path);
  std::string dir;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = real_directories_.find(parent); known != real_directories_.end()) dir = known->second;
  }
  if (dir.empty()) {
    dir = real_path(parent, Last::follow, symlinks);
    const std::lock_guard lock(mutex_);
    real_directories_.emplace(parent, dir);
  }
  std::string real = join_cleaned(dir, path.substr(parent.size() + 1));
  if (last == Last::keep || symlinks == most_symlinks) return real;
  const Found found = find(real);
  const Result<FileStat> stat = stat_of(found, real);
  if (!stat || stat->type != FileType::symlink) return real;
  const Result<std::string> target = disk_.read_link(found.path);
  return target ? real_path(join_cleaned(dir, *target), Last::follow, symlinks + 1) : real;
}

Result<FileStat> RevisionDisk::stat_of(const Found& found, const std::string& path) {
  if (found.source == Source::absent) return not_there(path);
  if (found.source == Source::directory) {
    FileStat stat;
    stat.type = FileType::directory;
    stat.mode = 0755;
    return stat;
  }
  Result<FileStat> stat = disk_.stat(found.path);
  if (!stat || found.source == Source::work_tree || stat->type != FileType::file) return stat;
  // Git knows of the mode only whether the owner may execute; the rest is the umask's, and no difference.
  const Result<FileStat> now = disk_.stat(path);
  if (now && now->type == FileType::file && ((now->mode ^ stat->mode) & 0100) == 0) stat->mode = now->mode;
  return stat;
}

Result<FileStat> RevisionDisk::stat(const std::string& path) {
  const std::string real = real_path(path, Last::keep);
  return stat_of(find(real), real);
}

Result<FileStat> RevisionDisk::stat_following(const std::string& path) {
  const std::string real = real_path(path, Last::follow);
  const Found found = find(real);
  return found.source == Source::work_tree ? disk_.stat_following(real) : stat_of(found, real);
}

Result<std::vector<DirEntry>> RevisionDisk::list(const std::string& path) {
  // A final slash asks for what a symlink leads to.
  const bool follows = path.size() > 1 && path.ends_with('/');
  const std::string dir =
      real_path(follows ? path.substr(0, path.size() - 1) : path, follows ? Last::follow : Last::keep);
  const Found found = find(dir);
  if (found.source == Source::absent) return not_there(path);
  std::vector<DirEntry> entries;
  if (found.source == Source::work_tree) {
    Result<std::vector<DirEntry>> now = disk_.list(dir);
    if (!now || (!differs_below(dir) && dir != top_)) return now;
    entries = std::move(*now);
  }
  const std::string prefix = dir + "/";
  for (auto each = differences_.lower_bound(prefix); each != differences_.end() && each->first.starts_with(prefix);
       ++each) {
    if (each->second.empty()) continue;
    const std::string name = each->first.substr(prefix.size(), each->first.find('/', prefix.size()) - prefix.size());
    if (entries.empty() || std::ranges::find(entries, name, &DirEntry::name) == entries.end())
      entries.push_back({name, FileType::other});
  }
  std::erase_if(entries, [&](DirEntry& entry) {
    if (!differences_.contains(prefix + entry.name) && !differs_below(prefix + entry.name)) return false;
    const Found inside = find(prefix + entry.name);
    const Result<FileStat> stat = stat_of(inside, prefix + entry.name);
    if (stat) entry.type = stat->type;
    return !stat;
  });
  std::ranges::sort(entries, {}, &DirEntry::name);
  return entries;
}

Result<std::string> RevisionDisk::read(const std::string& path) {
  const Found found = find(real_path(path, Last::follow));
  if (found.source == Source::absent) return not_there(path);
  return disk_.read(found.path);
}

Result<std::string> RevisionDisk::read_start(const std::string& path, std::size_t bytes) {
  const Found found = find(real_path(path, Last::follow));
  if (found.source == Source::absent) return not_there(path);
  return disk_.read_start(found.path, bytes);
}

Result<std::string> RevisionDisk::read_link(const std::string& path) {
  const Found found = find(real_path(path, Last::keep));
  if (found.source == Source::absent) return not_there(path);
  return disk_.read_link(found.path);
}

Result<FastDigest> RevisionDisk::hash_fast(const std::string& path) {
  const Found found = find(real_path(path, Last::follow));
  if (found.source == Source::absent) return not_there(path);
  return disk_.hash_fast(found.path);
}

Result<ContentDigests> RevisionDisk::hash_both(const std::string& path) {
  const Found found = find(real_path(path, Last::follow));
  if (found.source == Source::absent) return not_there(path);
  return disk_.hash_both(found.path);
}

Status RevisionDisk::write(const std::string& path, std::string_view, std::uint32_t) {
  return refused(path);
}
Status RevisionDisk::copy(const std::string&, const std::string& to, std::uint32_t) {
  return refused(to);
}
Status RevisionDisk::make_directories(const std::string& path, std::uint32_t) {
  return refused(path);
}
Status RevisionDisk::make_symlink(const std::string&, const std::string& path) {
  return refused(path);
}
Status RevisionDisk::set_mode(const std::string& path, std::uint32_t) {
  return refused(path);
}
Status RevisionDisk::set_mtime(const std::string& path, std::int64_t) {
  return refused(path);
}
Status RevisionDisk::rename(const std::string&, const std::string& to) {
  return refused(to);
}
Status RevisionDisk::remove(const std::string& path) {
  return refused(path);
}

Result<std::string> RevisionDisk::read_plain(const std::string& path, std::uint64_t) {
  return refused(path);
}
Result<StrongDigest> RevisionDisk::hash_plain(const std::string& path) {
  return refused(path);
}
Status RevisionDisk::write_new(const std::string& path, std::string_view, NewFileMode) {
  return refused(path);
}
Result<FileStat> RevisionDisk::copy_exact(const std::string&, const std::string& to, const StrongDigest&, std::uint64_t,
                                          NewFileMode) {
  return refused(to);
}
Status RevisionDisk::touch(const std::string& path) {
  return refused(path);
}
Status RevisionDisk::sync_files(std::span<const std::string> paths) {
  return refused(paths.empty() ? "" : paths.front());
}
Status RevisionDisk::sync_directories(std::span<const std::string> paths) {
  return refused(paths.empty() ? "" : paths.front());
}
Result<std::unique_ptr<DiskLock>> RevisionDisk::try_lock(const std::string& path) {
  return refused(path);
}

Result<ProcessResult> RevisionRunner::run(const ProcessSpec& spec) {
  const std::string& top = revision_.top();
  if (!is_within(spec.dir, top)) return runner_.run(spec);
  const Result<std::string> checkout = revision_.checkout();
  if (!checkout) return std::unexpected(checkout.error());
  ProcessSpec there = spec;
  there.dir.replace(0, top.size(), *checkout);
  for (std::string& argument : there.argv) replace_all(argument, top + "/", *checkout + "/");
  for (std::string& variable : there.env) replace_all(variable, top + "/", *checkout + "/");
  Result<ProcessResult> result = runner_.run(there);
  if (!result) return result;
  for (std::string* text : {&result->out, &result->err}) replace_all(*text, *checkout, top);
  return result;
}

}  // namespace trilock
