#include "cache/source_tree.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "cache/real_path.hpp"
#include "cache/selection.hpp"
#include "cache/tree_cache.hpp"

namespace trilock {

struct SourceTree::Impl {
  TreeCache cache;
  std::set<std::string, std::less<>> trusted = {};  // written before anything is read

  [[nodiscard]] Status check_inside(const std::string& path) const;
  template <class Read>
  Result<std::string> read(const std::string& path, Read read);
};

Status SourceTree::Impl::check_inside(const std::string& path) const {
  if (path.starts_with('/'))
    return fail(ErrorKind::invalid, "`" + path + "` is an absolute path",
                "paths of a pipeline are relative to the workspace, so that it works in every checkout");
  if (path.contains('\0')) return fail(ErrorKind::invalid, "`" + path + "` is no path");
  if (lies_in(real_path(cache.disk(), cache.root(), path), cache.root())) return {};
  return fail(ErrorKind::invalid, "`" + path + "` leads out of the workspace",
              "the workspace is the directory of the pipeline and all below it; symlinks that stay in it are followed");
}

template <class Read>
Result<std::string> SourceTree::Impl::read(const std::string& path, Read read) {
  if (!path.starts_with('/') && !trusted.contains(path))
    if (Status inside = check_inside(path); !inside) return std::unexpected(std::move(inside.error()));
  // Reading a fifo would wait for somebody to write into it.
  const Result<FileStat> there = cache.stat_following(path, TreeCache::Use::content);
  if (there && there->type == FileType::other) {
    return fail(ErrorKind::io, "cannot read `" + path + "`: not a regular file");
  }
  if (there && there->type == FileType::file && there->size > largest_read)
    return fail(ErrorKind::invalid, "cannot read `" + path + "`: it is larger than 256 MiB");
  Result<std::string> content = read(cache.disk(), cache.absolute(path));
  if (!content) return std::unexpected(cache.as_seen(std::move(content.error()), path));
  return content;
}

SourceTree::SourceTree(Disk& disk, std::string root, std::string state_dir)
    : impl_(std::unique_ptr<Impl>(new Impl{TreeCache(disk, std::move(root), std::move(state_dir))})) {}
SourceTree::~SourceTree() = default;

Disk& SourceTree::disk() const {
  return impl_->cache.disk();
}
const std::string& SourceTree::root() const {
  return impl_->cache.root();
}
std::string SourceTree::absolute(const std::string& path) const {
  return impl_->cache.absolute(path);
}

void SourceTree::remember(const std::vector<FileDigest>& known) {
  impl_->cache.remember(known);
}
std::vector<FileDigest> SourceTree::take_new_digests() {
  return impl_->cache.take_new_digests();
}

Result<FileStat> SourceTree::stat(const std::string& path) {
  return impl_->cache.stat(path);
}
bool SourceTree::exists(const std::string& path) {
  return impl_->cache.stat(path).has_value();
}
Result<std::vector<DirEntry>> SourceTree::list(const std::string& path) {
  return impl_->cache.list(path);
}

Result<FileStat> SourceTree::stat_following(const std::string& path) {
  return impl_->cache.stat_following(path, TreeCache::Use::stat);
}

Result<std::string> SourceTree::read(const std::string& path) {
  return impl_->read(path, [](Disk& disk, const std::string& absolute) { return disk.read(absolute); });
}

Result<std::string> SourceTree::read(const std::string& path, std::span<const ByteStretch> stretches) {
  return impl_->read(path,
                     [=](Disk& disk, const std::string& absolute) { return disk.read_stretches(absolute, stretches); });
}

Status SourceTree::check_inside(const std::string& path) const {
  return impl_->check_inside(path);
}

void SourceTree::trust(const std::string& path) {
  impl_->trusted.insert(path);
}

std::string SourceTree::resolved(const std::string& path) const {
  const std::string real = real_path(disk(), root(), path);
  if (!lies_in(real, root())) return path;
  if (real.size() == root().size()) return {};
  return real.substr(root() == "/" ? 1 : root().size() + 1);
}

Result<std::string> SourceTree::read_link(const std::string& path) {
  impl_->cache.account_for_link(path);
  Result<std::string> target = impl_->cache.disk().read_link(impl_->cache.absolute(path));
  if (!target) return std::unexpected(impl_->cache.as_seen(std::move(target.error()), path));
  return target;
}

Result<FastDigest> SourceTree::digest(const std::string& path) {
  Result<ContentDigests> digests = impl_->cache.digest(path, TreeCache::Want::fast);
  if (!digests) return std::unexpected(std::move(digests.error()));
  return digests->fast;
}

Result<ContentDigests> SourceTree::strong_digest(const std::string& path) {
  return impl_->cache.digest(path, TreeCache::Want::both);
}

Result<std::vector<std::string>> SourceTree::select(std::span<const InputPattern> patterns,
                                                    std::span<const std::string> skip, Symlinks symlinks) {
  return Selection(*this, patterns, skip, symlinks).run();
}

namespace {

Status walk_into(SourceTree& tree, const std::string& dir, std::vector<SourceTree::Found>& found) {
  Result<std::vector<DirEntry>> names = tree.list(dir);
  if (!names) return std::unexpected(std::move(names.error()));
  for (const DirEntry& entry : *names) {
    if (entry.name == ".trilock") continue;
    found.push_back({join_path(dir, entry.name), entry.type});
    if (entry.type != FileType::directory) continue;
    const std::string below = found.back().path;
    Status walked = walk_into(tree, below, found);
    if (!walked) return walked;
  }
  return {};
}

}  // namespace

Result<std::vector<SourceTree::Found>> SourceTree::walk(const std::string& dir) {
  std::vector<Found> found;
  Status walked = walk_into(*this, dir, found);
  if (!walked) return std::unexpected(std::move(walked.error()));
  std::ranges::sort(found, {}, &Found::path);
  return found;
}

void SourceTree::forget(const std::string& path) {
  impl_->cache.forget(path);
}

void SourceTree::note_link(const std::string& link, const std::string& real) {
  impl_->cache.note_link(link, real);
}

void SourceTree::look_again(const std::string& path) {
  impl_->cache.look_again(path);
}

SourceTree::AskedFor::AskedFor(std::uint32_t asker) : before_(TreeCache::set_asker(asker)) {}

SourceTree::AskedFor::~AskedFor() {
  TreeCache::set_asker(before_);
}

void SourceTree::forget_askers() {
  impl_->cache.forget_askers();
}

bool SourceTree::machine_failed() const {
  return impl_->cache.machine_failed();
}

void SourceTree::keep_account() {
  impl_->cache.keep_account();
}

SourceTree::Account SourceTree::account(const std::function<void(const Look&)>& each) const {
  return impl_->cache.account(each);
}

}  // namespace trilock
