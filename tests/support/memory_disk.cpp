#include "tests/support/memory_disk.hpp"

#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include "cache/hash.hpp"

namespace trilock::test {

namespace {

std::string cannot(std::string_view verb, const std::string& path) {
  return "cannot " + std::string(verb) + " `" + path + "`";
}

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == 0 || slash == std::string_view::npos ? "/" : path.substr(0, slash));
}

std::string join(std::string_view dir, std::string_view name) {
  std::string path(dir);
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

// The paths below a directory are one range of the map, from the first of these to before the second.
std::pair<std::string, std::string> bounds_below(const std::string& dir) {
  const std::string first = dir == "/" ? "/" : dir + "/";
  return {first, first.substr(0, first.size() - 1) + "0"};  // '0' comes right after '/'
}

Status as_status(std::string what, int error) {
  if (error != 0) return fail_errno(std::move(what), error);
  return {};
}

constexpr int max_symlinks = 40;

}  // namespace

// The clock does not start at a whole second: a ctime of whole seconds looks like one of a coarse file system.
MemoryDisk::MemoryDisk(std::int64_t tick_ns) : tick_ns_(tick_ns), clock_ns_(1'700'000'000'500'000'000 + tick_ns) {
  create("/", FileType::directory, 0755);
}

// Walks the components, with those of symlinks put in their place. The last one need not exist.
MemoryDisk::Resolved MemoryDisk::resolve(std::string_view path, Last last) const {
  std::string rest(path);
  std::string done = "/";
  int symlinks = 0;
  if (rest.empty()) return {{}, ENOENT};
  if (rest.size() > 1 && rest.ends_with('/')) last = Last::followed;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string name = rest.substr(0, slash);
    rest = slash == std::string::npos ? std::string() : rest.substr(slash + 1);
    const bool is_last = rest.find_first_not_of('/') == std::string::npos;
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      done = parent_of(done);
      continue;
    }
    const std::string next = join(done, name);
    const auto found = files_.find(next);
    if (found == files_.end()) {
      if (!is_last) return {{}, ENOENT};
      return {next, 0};
    }
    const File& file = found->second;
    if (file.stat.type == FileType::symlink && (!is_last || last == Last::followed)) {
      if (++symlinks > max_symlinks) return {{}, ELOOP};
      if (file.content.starts_with('/')) done = "/";
      rest = rest.empty() ? file.content : file.content + "/" + rest;
      continue;
    }
    if (file.stat.type != FileType::directory && !is_last) return {{}, ENOTDIR};
    done = next;
  }
  return {done, 0};
}

const MemoryDisk::File* MemoryDisk::lookup(const std::string& path, Last last, int& error) const {
  const Resolved resolved = resolve(path, last);
  error = resolved.error;
  if (error != 0) return nullptr;
  const auto found = files_.find(resolved.path);
  if (found == files_.end()) error = ENOENT;
  return found == files_.end() ? nullptr : &found->second;
}

MemoryDisk::File& MemoryDisk::create(const std::string& resolved, FileType type, std::uint32_t mode) {
  File& file = files_[resolved];
  file = {};
  file.stat.type = type;
  file.stat.mode = mode;
  file.stat.mtime_ns = file.stat.ctime_ns = now();
  file.stat.inode = next_inode_++;
  file.stat.device = 1;
  if (resolved != "/") touch_parent(resolved);
  return file;
}

void MemoryDisk::touch_parent(const std::string& resolved) {
  FileStat& stat = files_.at(parent_of(resolved)).stat;
  stat.mtime_ns = stat.ctime_ns = now();
}

void MemoryDisk::erase_tree(const std::string& resolved) {
  const auto [first, last] = bounds_below(resolved);
  files_.erase(files_.lower_bound(first), files_.lower_bound(last));
  if (resolved != "/" && files_.erase(resolved) > 0) touch_parent(resolved);
  if (resolved == "/") create("/", FileType::directory, 0755);
}

// Resolves `path` for making something there; directories above it appear.
int MemoryDisk::make_parents(const std::string& path, Resolved& resolved) {
  resolved = resolve(path, Last::kept);
  if (resolved.error == ENOENT && path.rfind('/') != 0 && path.find('/') != std::string::npos) {
    Resolved parent;
    const int error = make_parents(parent_of(path), parent);
    if (error != 0) return error;
    if (!files_.contains(parent.path)) create(parent.path, FileType::directory, 0755);
    resolved = resolve(path, Last::kept);
  }
  return resolved.error;
}

int MemoryDisk::put_file(const std::string& path, std::string_view content, std::uint32_t mode) {
  Resolved resolved;
  const int error = make_parents(path, resolved);
  if (error != 0) return error;
  const auto found = files_.find(resolved.path);
  if (found != files_.end() && found->second.stat.type == FileType::directory) return EISDIR;
  File& file = create(resolved.path, FileType::file, mode);
  file.content = content;
  file.stat.size = content.size();
  return 0;
}

int MemoryDisk::replace_symlink(const std::string& path, std::string_view target) {
  if (target.empty()) return ENOENT;
  Resolved resolved;
  const int error = make_parents(path, resolved);
  if (error != 0) return error;
  erase_tree(resolved.path);
  File& file = create(resolved.path, FileType::symlink, 0777);
  file.content = target;
  file.stat.size = target.size();
  return 0;
}

void MemoryDisk::put(const std::string& path, std::string_view content, std::uint32_t mode) {
  const std::lock_guard lock(mutex_);
  const Resolved resolved = resolve(path, Last::followed);
  const auto found = resolved.error == 0 ? files_.find(resolved.path) : files_.end();
  if (found == files_.end() || found->second.stat.type != FileType::file) {
    put_file(path, content, mode);
    return;
  }
  // As an editor that truncates: the same inode, new times.
  File& file = found->second;
  file.content = content;
  file.stat.mode = mode;
  file.stat.size = content.size();
  file.stat.mtime_ns = file.stat.ctime_ns = now();
}

void MemoryDisk::put_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  Resolved resolved;
  if (make_parents(path, resolved) == 0 && !files_.contains(resolved.path)) {
    create(resolved.path, FileType::directory, 0755);
  }
}

void MemoryDisk::put_symlink(const std::string& path, std::string_view target) {
  const std::lock_guard lock(mutex_);
  replace_symlink(path, target);
}

void MemoryDisk::put_fifo(const std::string& path) {
  const std::lock_guard lock(mutex_);
  Resolved resolved;
  if (make_parents(path, resolved) == 0) create(resolved.path, FileType::other, 0644);
}

void MemoryDisk::put_mount(const std::string& path) {
  put_directory(path);
  const std::lock_guard lock(mutex_);
  mounts_.insert(path);
}

void MemoryDisk::erase(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Resolved resolved = resolve(path, Last::kept);
  if (resolved.error == 0) erase_tree(resolved.path);
}

bool MemoryDisk::has(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  int error = 0;
  return lookup(path, Last::kept, error) != nullptr;
}

std::string MemoryDisk::content(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  int error = 0;
  const File* file = lookup(path, Last::followed, error);
  return file == nullptr ? std::string() : file->content;
}

std::vector<std::string> MemoryDisk::paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [path, file] : files_) {
    if (path != "/") all.push_back(path);
  }
  return all;
}

void MemoryDisk::advance(std::int64_t ns) {
  const std::lock_guard lock(mutex_);
  clock_ns_ += ns;
}

std::vector<std::string> MemoryDisk::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

std::vector<std::string> MemoryDisk::lists() const {
  const std::lock_guard lock(mutex_);
  return lists_;
}

std::vector<std::string> MemoryDisk::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::size_t MemoryDisk::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

void MemoryDisk::clear_log() {
  const std::lock_guard lock(mutex_);
  reads_.clear();
  lists_.clear();
  stats_.clear();
  if (fault_at_ != 0) fault_at_ -= writes_;
  writes_ = 0;
}

void MemoryDisk::fail_write(std::size_t nth, int error_number, FaultSpan span) {
  const std::lock_guard lock(mutex_);
  fault_at_ = writes_ + nth;
  fault_error_ = error_number;
  fault_span_ = span;
}

void MemoryDisk::fail_read(const std::string& path, int error_number) {
  const std::lock_guard lock(mutex_);
  if (error_number == 0) {
    read_faults_.erase(path);
  } else {
    read_faults_[path] = error_number;
  }
}

void MemoryDisk::heal() {
  const std::lock_guard lock(mutex_);
  fault_at_ = 0;
  read_faults_.clear();
}

void MemoryDisk::on_read(std::function<void(const std::string& path)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

int MemoryDisk::begin_write() {
  ++writes_;
  if (fault_at_ == 0) return 0;
  const bool hit = fault_span_ == FaultSpan::once ? writes_ == fault_at_ : writes_ >= fault_at_;
  return hit ? fault_error_ : 0;
}

Result<FileStat> MemoryDisk::stat_as(const std::string& path, Last last) {
  const std::lock_guard lock(mutex_);
  stats_.push_back(path);
  int error = 0;
  const File* file = lookup(path, last, error);
  if (file == nullptr) return fail_errno(cannot("stat", path), error);
  return file->stat;
}

Result<FileStat> MemoryDisk::stat(const std::string& path) {
  return stat_as(path, Last::kept);
}
Result<FileStat> MemoryDisk::stat_following(const std::string& path) {
  return stat_as(path, Last::followed);
}

Result<std::vector<DirEntry>> MemoryDisk::list(const std::string& path) {
  const std::lock_guard lock(mutex_);
  lists_.push_back(path);
  const Resolved resolved = resolve(path, Last::kept);
  int error = 0;
  const File* dir = lookup(path, Last::kept, error);
  if (dir != nullptr && dir->stat.type != FileType::directory) error = ENOTDIR;
  if (const auto fault = read_faults_.find(path); fault != read_faults_.end()) error = fault->second;
  if (error != 0) return fail_errno(cannot("list", path), error);
  std::vector<DirEntry> entries;
  const auto [first, last] = bounds_below(resolved.path);
  for (auto it = files_.lower_bound(first); it != files_.end() && it->first < last; ++it) {
    std::string name = it->first.substr(first.size());
    if (!name.empty() && name.find('/') == std::string::npos)
      entries.push_back({std::move(name), it->second.stat.type});
  }
  return entries;
}

Result<std::string> MemoryDisk::bytes_of(const std::string& path, std::string_view verb, Last last) {
  std::function<void(const std::string&)> hook;
  std::string content;
  {
    const std::lock_guard lock(mutex_);
    reads_.push_back(path);
    int error = 0;
    const File* file = lookup(path, last, error);
    if (file != nullptr && file->stat.type == FileType::directory) error = EISDIR;
    if (file != nullptr && file->stat.type == FileType::symlink) error = ELOOP;
    if (const auto fault = read_faults_.find(path); fault != read_faults_.end()) error = fault->second;
    if (error != 0) return fail_errno(cannot(verb, path), error);
    if (file->stat.type == FileType::other) return fail(ErrorKind::io, cannot(verb, path) + ": not a regular file");
    content = file->content;
    hook = hook_;
  }
  if (hook) hook(path);
  return content;
}

Result<std::string> MemoryDisk::read(const std::string& path) {
  return bytes_of(path, "read", Last::followed);
}

Result<std::string> MemoryDisk::read_start(const std::string& path, std::size_t bytes) {
  Result<std::string> content = bytes_of(path, "read", Last::followed);
  if (content && content->size() > bytes) content->resize(bytes);
  return content;
}

Result<std::string> MemoryDisk::read_link(const std::string& path) {
  const std::lock_guard lock(mutex_);
  int error = 0;
  const File* file = lookup(path, Last::kept, error);
  if (file != nullptr && file->stat.type != FileType::symlink) error = EINVAL;
  if (error != 0) return fail_errno(cannot("read the symlink", path), error);
  return file->content;
}

Result<FastDigest> MemoryDisk::hash_fast(const std::string& path) {
  Result<std::string> content = bytes_of(path, "read", Last::followed);
  if (!content) return std::unexpected(std::move(content.error()));
  return fast_digest(*content);
}

Result<ContentDigests> MemoryDisk::hash_both(const std::string& path) {
  Result<std::string> content = bytes_of(path, "read", Last::followed);
  if (!content) return std::unexpected(std::move(content.error()));
  return ContentDigests{fast_digest(*content), strong_digest(*content), content->size()};
}

std::int64_t MemoryDisk::change_clock_ns() {
  const std::lock_guard lock(mutex_);
  return now();
}

void MemoryDisk::wait_for_clock(std::int64_t time_ns) {
  const std::lock_guard lock(mutex_);
  if (now() <= time_ns) clock_ns_ = time_ns + tick_ns_;
}

Result<std::uint64_t> MemoryDisk::free_bytes(const std::string&) {
  const std::lock_guard lock(mutex_);
  const bool full = fault_at_ != 0 && fault_error_ == ENOSPC && fault_span_ == FaultSpan::from_then_on;
  return full && writes_ >= fault_at_ ? 0 : std::uint64_t{1} << 40;
}

Status MemoryDisk::write(const std::string& path, std::string_view content, std::uint32_t mode) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  if (error == 0) error = put_file(path, content, mode);
  return as_status(cannot("write", path), error);
}

Status MemoryDisk::copy(const std::string& from, const std::string& to, std::uint32_t mode) {
  Result<std::string> content = bytes_of(from, "copy", Last::kept);
  if (!content) return std::unexpected(std::move(content.error()));
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  if (error == 0) error = put_file(to, *content, mode);
  return as_status(cannot("write", to), error);
}

Status MemoryDisk::make_directories(const std::string& path, std::uint32_t mode) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  const Resolved there = resolve(path, Last::followed);
  if (error == 0 && there.error == 0 && files_.contains(there.path)) {
    error = files_.at(there.path).stat.type == FileType::directory ? 0 : ENOTDIR;
  } else if (error == 0) {
    Resolved resolved;
    error = make_parents(path, resolved);
    if (error == 0) create(resolved.path, FileType::directory, mode);
  }
  return as_status(cannot("make the directory", path), error);
}

Status MemoryDisk::make_symlink(const std::string& target, const std::string& path) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  if (error == 0) error = replace_symlink(path, target);
  return as_status(cannot("make the symlink", path), error);
}

Status MemoryDisk::set_mode(const std::string& path, std::uint32_t mode) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  const Resolved resolved = resolve(path, Last::kept);
  if (error == 0) error = resolved.error;
  if (error == 0 && !files_.contains(resolved.path)) error = ENOENT;
  if (error == 0) {
    FileStat& stat = files_.at(resolved.path).stat;
    if (stat.type == FileType::symlink) return as_status(cannot("set the mode of", path), EOPNOTSUPP);
    stat.mode = mode;
    stat.ctime_ns = now();
  }
  return as_status(cannot("set the mode of", path), error);
}

Status MemoryDisk::set_mtime(const std::string& path, std::int64_t mtime_ns) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  const Resolved resolved = resolve(path, Last::kept);
  if (error == 0) error = resolved.error;
  if (error == 0 && !files_.contains(resolved.path)) error = ENOENT;
  if (error == 0) {
    FileStat& stat = files_.at(resolved.path).stat;
    stat.mtime_ns = mtime_ns;
    stat.ctime_ns = now();
  }
  return as_status(cannot("set the time of", path), error);
}

int MemoryDisk::move_tree(const std::string& from, const std::string& to) {
  const Resolved source = resolve(from, Last::kept);
  const Resolved target = resolve(to, Last::kept);
  if (source.error != 0) return source.error;
  if (target.error != 0) return target.error;
  if (!files_.contains(source.path)) return ENOENT;
  if (source.path == target.path) return 0;
  if (target.path.starts_with(source.path + "/")) return EINVAL;
  const bool is_directory = files_.at(source.path).stat.type == FileType::directory;
  if (const auto there = files_.find(target.path); there != files_.end()) {
    const bool onto_directory = there->second.stat.type == FileType::directory;
    if (onto_directory && !is_directory) return EISDIR;
    if (!onto_directory && is_directory) return ENOTDIR;
    const auto [first, last] = bounds_below(target.path);
    if (files_.lower_bound(first) != files_.lower_bound(last)) return ENOTEMPTY;
  }
  const auto [first, last] = bounds_below(source.path);
  std::vector<std::string> moving = {source.path};
  for (auto it = files_.lower_bound(first); it != files_.lower_bound(last); ++it) moving.push_back(it->first);
  for (const std::string& path : moving) {
    auto node = files_.extract(path);
    node.key() = target.path + path.substr(source.path.size());
    files_.erase(node.key());
    files_.insert(std::move(node));
  }
  files_.at(target.path).stat.ctime_ns = now();
  touch_parent(source.path);
  touch_parent(target.path);
  return 0;
}

Status MemoryDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  if (error == 0 && (mounts_.contains(from) || mounts_.contains(to))) error = EBUSY;
  if (error == 0 && mount_of(from) != mount_of(to)) error = EXDEV;
  if (error == 0) error = move_tree(from, to);
  return as_status(cannot("rename", from) + " to `" + to + "`", error);
}

// The innermost mount point that holds the path; "" for the root.
std::string_view MemoryDisk::mount_of(std::string_view path) const {
  std::string_view innermost;
  for (const std::string& mount : mounts_)
    if (path.starts_with(mount) && path.size() > mount.size() && path[mount.size()] == '/') innermost = mount;
  return innermost;
}

Status MemoryDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const int error = begin_write();
  if (error != 0) return as_status(cannot("remove", path), error);
  const Resolved resolved = resolve(path, Last::kept);
  if (resolved.error == 0) {
    erase_tree(resolved.path);
    if (mounts_.contains(resolved.path)) {
      create(resolved.path, FileType::directory, 0755);
      return as_status(cannot("remove", path), EBUSY);
    }
  } else if (resolved.error != ENOENT && resolved.error != ENOTDIR) {
    return as_status(cannot("remove", path), resolved.error);
  }
  return {};
}

Status MemoryDisk::remove_empty_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  const Resolved resolved = resolve(path, Last::kept);
  if (error == 0) error = resolved.error;
  const auto found = error == 0 ? files_.find(resolved.path) : files_.end();
  if (error == 0 && found == files_.end()) error = ENOENT;
  if (error == 0 && found->second.stat.type != FileType::directory) error = ENOTDIR;
  if (error == 0) {
    const auto below = files_.lower_bound(resolved.path + "/");
    if (below != files_.end() && below->first.starts_with(resolved.path + "/")) error = ENOTEMPTY;
  }
  if (error == 0) erase_tree(resolved.path);
  return as_status(cannot("remove", path), error);
}

Result<std::string> MemoryDisk::read_plain(const std::string& path, std::uint64_t largest) {
  const Result<FileStat> found = stat(path);
  if (!found) return std::unexpected(found.error());
  if (found->type != FileType::file) return fail(ErrorKind::corrupt, "`" + path + "` is not a regular file");
  if (found->size > largest) return fail(ErrorKind::corrupt, "`" + path + "` is too large");
  return bytes_of(path, "read", Last::kept);
}

Result<StrongDigest> MemoryDisk::hash_plain(const std::string& path) {
  const Result<std::string> bytes = read_plain(path, std::numeric_limits<std::uint64_t>::max());
  if (!bytes) return std::unexpected(bytes.error());
  return strong_digest(*bytes);
}

Status MemoryDisk::write_new(const std::string& path, std::string_view bytes, NewFileMode mode) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  Resolved resolved;
  if (error == 0) error = make_parents(path, resolved);
  if (error == 0 && files_.contains(resolved.path)) error = EEXIST;
  if (error == 0) error = put_file(path, bytes, mode.bits);
  if (error == 0) unsynced_.insert(files_.at(resolved.path).stat.inode);
  return as_status(cannot("write", path), error);
}

Result<FileStat> MemoryDisk::copy_exact(const std::string& from, const std::string& to, const StrongDigest& digest,
                                        std::uint64_t size, NewFileMode mode) {
  const Result<std::string> bytes = read_plain(from, std::numeric_limits<std::uint64_t>::max());
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != size || strong_digest(*bytes) != digest)
    return fail(ErrorKind::corrupt, "`" + from + "` has other bytes than it should have");
  if (Status written = write_new(to, *bytes, mode); !written) return std::unexpected(written.error());
  return stat(from);
}

Status MemoryDisk::touch(const std::string& path) {
  return set_mtime(path, change_clock_ns());
}

Status MemoryDisk::sync_files(std::span<const std::string> paths) {
  const std::lock_guard lock(mutex_);
  const int failed = begin_write();
  if (failed != 0) return as_status("cannot sync", failed);
  for (const std::string& path : paths) {
    int error = 0;
    const File* file = lookup(path, Last::kept, error);
    if (file == nullptr) return as_status(cannot("write", path), error);
    unsynced_.erase(file->stat.inode);
  }
  return {};
}

Status MemoryDisk::sync_directories(std::span<const std::string> paths) {
  const std::lock_guard lock(mutex_);
  const int failed = begin_write();
  if (failed != 0) return as_status("cannot sync", failed);
  for (const std::string& path : paths) {
    int error = 0;
    if (lookup(path, Last::kept, error) == nullptr) return as_status(cannot("write", path), error);
  }
  return {};
}

class MemoryLock final : public DiskLock {
 public:
  MemoryLock(MemoryDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~MemoryLock() override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.locks_.erase(path_);
  }

 private:
  MemoryDisk& disk_;
  std::string path_;
};

Result<std::unique_ptr<DiskLock>> MemoryDisk::try_lock(const std::string& path) {
  const std::lock_guard lock(mutex_);
  int error = begin_write();
  if (error == 0 && lookup(path, Last::kept, error) == nullptr) error = put_file(path, "", 0644);
  if (error != 0) return fail_errno(cannot("lock", path), error);
  if (!locks_.insert(path).second) return nullptr;
  return std::make_unique<MemoryLock>(*this, path);
}

void MemoryDisk::crash() {
  const std::lock_guard lock(mutex_);
  for (auto& [path, file] : files_) {
    if (!unsynced_.contains(file.stat.inode)) continue;
    file.content.clear();
    file.stat.size = 0;
  }
  unsynced_.clear();
  locks_.clear();
}

}  // namespace trilock::test
