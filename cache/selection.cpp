// One walk serves all patterns: a directory is entered once, when the last pattern that says something about all of it
// selects. A pattern without special characters costs one stat and starts a walk only if it names a directory.
#include "cache/selection.hpp"

#include <algorithm>
#include <utility>

#include "cache/links.hpp"

namespace trilock {

namespace {

// `path` is `dir` or below it.
bool is_within(std::string_view path, std::string_view dir) {
  if (dir.empty()) return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

bool is_private(std::string_view name) {
  return name == ".git" || name == ".trilock";
}

bool has_private_component(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (is_private(path.substr(0, slash))) return true;
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return false;
}

}  // namespace

std::string join_path(std::string_view dir, std::string_view name) {
  std::string path(dir);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

bool Selection::Pattern::matches(std::string_view path) const {
  return literal ? is_within(path, text) : glob.matches(path);
}

bool Selection::Pattern::may_match_below(std::string_view dir) const {
  return literal ? is_within(dir, text) || is_within(text, dir) : glob.may_match_below(dir);
}

bool Selection::Pattern::matches_all_below(std::string_view dir) const {
  return literal ? is_within(dir, text) : glob.matches_all_below(dir);
}

Selection::Selection(SourceTree& tree, std::span<const InputPattern> patterns, std::span<const std::string> skip,
                     Symlinks symlinks)
    : tree_(tree), symlinks_(symlinks), skip_(skip.begin(), skip.end()) {
  patterns_.reserve(patterns.size());
  for (const InputPattern& pattern : patterns) {
    const std::string_view text = pattern.pattern;
    const bool literal = is_literal_pattern(text);
    patterns_.push_back(
        {text, pattern.exclude, literal, literal ? text : literal_prefix(text), Glob(literal ? "" : text)});
  }
}

bool Selection::counts(const Pattern& pattern, const Start& start) const {
  return pattern.exclude || !start.behind_symlink || is_within(pattern.prefix, start.dir);
}

bool Selection::is_selected(std::string_view path, const Start& start) const {
  for (std::size_t i = patterns_.size(); i-- > 0;) {
    const Pattern& pattern = patterns_[i];
    if (counts(pattern, start) && pattern.matches(path)) return !pattern.exclude;
  }
  return false;
}

bool Selection::is_skipped(std::string_view path) const {
  if (skip_.empty()) return false;
  for (;;) {
    if (skip_.contains(path)) return true;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return skip_.contains("");
    path = path.substr(0, slash);
  }
}

bool Selection::is_entered(std::string_view dir, const Start& start) const {
  for (std::size_t i = patterns_.size(); i-- > 0;) {
    const Pattern& pattern = patterns_[i];
    if (!counts(pattern, start)) continue;
    if (pattern.exclude ? pattern.matches_all_below(dir) : pattern.may_match_below(dir)) return !pattern.exclude;
  }
  return false;
}

Status Selection::walk(const std::string& dir, const Start& start) {
  if (!walked_.insert(dir).second) return {};
  // A final slash makes the listing follow.
  Result<std::vector<DirEntry>> names = tree_.list(start.is_symlink && dir == start.dir ? dir + "/" : dir);
  if (!names) {
    if (names.error().kind == ErrorKind::not_found) return {};
    return std::unexpected(std::move(names.error()));
  }
  for (const DirEntry& entry : *names) {
    // A `.git` that is a file (of a worktree or a submodule) holds a path of this machine.
    if (is_private(entry.name) || entry.type == FileType::other) continue;
    std::string path = join_path(dir, entry.name);
    if (skip_.contains(path)) continue;
    if (entry.type == FileType::directory) {
      if (!is_entered(path, start)) continue;
      Status walked = walk(path, start);
      if (!walked) return walked;
    } else if (is_selected(path, start)) {
      Status taken = take(std::move(path), entry.type);
      if (!taken) return taken;
    }
  }
  return {};
}

Status Selection::take(std::string path, FileType type) {
  if (type == FileType::symlink && symlinks_ == Symlinks::followed)
    if (Status followed = follow(path); !followed) return followed;
  selected_.push_back(std::move(path));
  return {};
}

// A file that a symlink leads to counts with the symlink.
Status Selection::follow(const std::string& link) {
  const Result<LinkEnd> end = follow_links(tree_, link);
  if (!end) return std::unexpected(end.error());
  if (!end->exists || end->type != FileType::directory) return {};
  if (!end->inside())
    return fail(ErrorKind::invalid,
                "input `" + link + "` leads to the directory `" + end->path + "`, which is outside the workspace",
                "leave it out with `\"!" + link + "\"`, or write out what is read: `\"" + link + "/**\"`");
  if (has_private_component(end->path) || is_skipped(end->path)) return {};
  return take_all_below(end->path);
}

// Each directory once, so that symlinks in a circle come to an end.
Status Selection::take_all_below(const std::string& dir) {
  if (!taken_whole_.insert(dir).second) return {};
  Result<std::vector<DirEntry>> names = tree_.list(dir);
  if (!names) {
    if (names.error().kind == ErrorKind::not_found) return {};
    return std::unexpected(std::move(names.error()));
  }
  for (const DirEntry& entry : *names) {
    if (is_private(entry.name) || entry.type == FileType::other) continue;
    std::string path = join_path(dir, entry.name);
    if (skip_.contains(path) || is_left_out(path)) continue;
    Status taken = entry.type == FileType::directory ? take_all_below(path) : take(std::move(path), entry.type);
    if (!taken) return taken;
  }
  return {};
}

bool Selection::is_left_out(std::string_view path) const {
  for (std::size_t i = patterns_.size(); i-- > 0;)
    if (patterns_[i].matches(path)) return patterns_[i].exclude;
  return false;
}

void Selection::add_start(std::string dir, bool is_symlink) {
  bool behind = is_symlink;
  for (std::size_t slash = dir.find('/'); slash != std::string::npos && !behind; slash = dir.find('/', slash + 1)) {
    const Result<FileStat> above = tree_.stat(dir.substr(0, slash));
    behind = above && above->type == FileType::symlink;
  }
  if (behind)
    if (const Result<LinkEnd> end = follow_links(tree_, dir); end) tree_.note_link(dir, end->path);
  starts_.push_back({std::move(dir), behind, is_symlink});
}

Status Selection::begin_literal(const Pattern& pattern) {
  const std::string path(pattern.text);
  if (is_skipped(path)) return {};
  Result<FileStat> there = tree_.stat(path);
  if (!there) {
    if (there.error().kind != ErrorKind::not_found) return std::unexpected(std::move(there.error()));
    if (!is_selected(path, {})) return {};
    return fail(ErrorKind::not_found, "input `" + path + "` does not exist");
  }
  switch (there->type) {
    case FileType::directory:
      if (!has_private_component(path)) add_start(path, false);
      return {};
    case FileType::file:
    case FileType::symlink:
      return is_selected(path, {}) ? take(path, there->type) : Status{};
    case FileType::other:
      break;
  }
  return fail(ErrorKind::invalid, "input `" + path + "` is no file, directory or symlink");
}

// What the user wrote out before the first special character is resolved as any path is, symlinks included: a walk
// that ended there in silence would lose inputs.
Status Selection::begin_glob(const Pattern& pattern) {
  const std::string dir(pattern.prefix);
  if (has_private_component(dir) || is_skipped(dir)) return {};
  Result<FileStat> there = tree_.stat(dir);
  if (!there) {
    if (there.error().kind == ErrorKind::not_found) return {};
    return std::unexpected(std::move(there.error()));
  }
  if (there->type == FileType::directory || there->type == FileType::symlink) {
    add_start(dir, there->type == FileType::symlink);
  }
  return {};
}

Result<std::vector<std::string>> Selection::run() {
  for (const Pattern& pattern : patterns_) {
    if (pattern.exclude) continue;
    Status begun = pattern.literal ? begin_literal(pattern) : begin_glob(pattern);
    if (!begun) return std::unexpected(std::move(begun.error()));
  }
  // From the top down, so that whatever counts in a directory counts when it is walked.
  std::ranges::sort(starts_, {}, &Start::dir);
  for (const Start& start : starts_) {
    if (!is_entered(start.dir, start)) continue;
    Status walked = walk(start.dir, start);
    if (!walked) return std::unexpected(std::move(walked.error()));
  }
  std::ranges::sort(selected_);
  const auto repeated = std::ranges::unique(selected_);
  selected_.erase(repeated.begin(), repeated.end());
  return std::move(selected_);
}

}  // namespace trilock
