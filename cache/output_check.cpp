#include "cache/output_check.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace trilock {
namespace {

FileType file_type(EntryType type) {
  switch (type) {
    case EntryType::file:
      return FileType::file;
    case EntryType::directory:
      return FileType::directory;
    case EntryType::symlink:
      return FileType::symlink;
  }
  return FileType::other;
}

std::string_view name_of(FileType type) {
  switch (type) {
    case FileType::file:
      return "a file";
    case FileType::directory:
      return "a directory";
    case FileType::symlink:
      return "a symlink";
    case FileType::other:
      break;
  }
  return "a device, socket or fifo";
}

const OutputEntry* find(std::span<const OutputEntry> entries, std::string_view path) {
  const auto found = std::ranges::lower_bound(entries, path, {},
                                              [](const OutputEntry& entry) -> std::string_view { return entry.path; });
  return found != entries.end() && found->path == path ? &*found : nullptr;
}

class Comparison {
 public:
  Comparison(SourceTree& tree, std::span<const OutputEntry> entries,
             const std::function<bool(const Difference&)>& visit)
      : tree_(tree), entries_(entries), visit_(visit) {}

  // Both false when no more is wanted.
  Result<bool> check(const OutputEntry& entry);
  Result<bool> check_unrecorded(const std::string& path);

 private:
  Result<bool> has_content(const OutputEntry& entry);
  Result<bool> check_file(const OutputEntry& entry, const FileStat& stat);
  Result<bool> check_names(const OutputEntry& directory);
  bool report(Difference::Kind kind, const OutputEntry& entry, const FileStat& stat, std::string target = {});

  SourceTree& tree_;
  std::span<const OutputEntry> entries_;
  const std::function<bool(const Difference&)>& visit_;
  std::string_view gone_;  // a directory that is none on disk: what is below it must not be looked at through it
};

bool Comparison::report(Difference::Kind kind, const OutputEntry& entry, const FileStat& stat, std::string target) {
  return visit_({kind, entry.path, &entry, stat.type, stat.mode & output_mode_bits, std::move(target)});
}

Result<bool> Comparison::check(const OutputEntry& entry) {
  if (!gone_.empty() && is_at_or_below(entry.path, gone_)) return report(Difference::Kind::missing, entry, {});
  const Result<FileStat> stat = tree_.stat(entry.path);
  const bool present = stat.has_value();
  if (!present && stat.error().kind != ErrorKind::not_found) return std::unexpected(stat.error());
  if (!present || stat->type != file_type(entry.type)) {
    if (entry.type == EntryType::directory) gone_ = entry.path;
    if (!present) return report(Difference::Kind::missing, entry, {});
    return report(Difference::Kind::type, entry, *stat);
  }
  if (entry.type == EntryType::symlink) {
    Result<std::string> target = tree_.read_link(entry.path);
    if (!target) return std::unexpected(target.error());
    if (*target == entry.symlink_target) return true;
    return report(Difference::Kind::target, entry, *stat, std::move(*target));
  }
  if (entry.type == EntryType::file) return check_file(entry, *stat);
  if ((stat->mode & output_mode_bits) != entry.mode && !report(Difference::Kind::mode, entry, *stat)) return false;
  return check_names(entry);
}

// What came out of a cache is known by its SHA-256 alone.
Result<bool> Comparison::has_content(const OutputEntry& entry) {
  if (entry.content == FastDigest{}) {
    const Result<ContentDigests> digests = tree_.strong_digest(entry.path);
    if (!digests) return std::unexpected(digests.error());
    return digests->strong == entry.blob;
  }
  const Result<FastDigest> digest = tree_.digest(entry.path);
  if (!digest) return std::unexpected(digest.error());
  return *digest == entry.content;
}

Result<bool> Comparison::check_file(const OutputEntry& entry, const FileStat& stat) {
  bool same = stat.size == entry.size;
  if (same) {
    const Result<bool> holds = has_content(entry);
    if (!holds) return std::unexpected(holds.error());
    same = *holds;
  }
  if (!same) return report(Difference::Kind::content, entry, stat);
  if ((stat.mode & output_mode_bits) != entry.mode) return report(Difference::Kind::mode, entry, stat);
  return true;
}

Result<bool> Comparison::check_names(const OutputEntry& directory) {
  const Result<std::vector<DirEntry>> names = tree_.list(directory.path);
  if (!names) return std::unexpected(names.error());
  for (const DirEntry& name : *names) {
    if (name.name == ".trilock") continue;
    std::string path = directory.path + "/" + name.name;
    if (find(entries_, path) != nullptr) continue;
    if (!visit_({.kind = Difference::Kind::extra, .path = std::move(path), .type = name.type})) return false;
  }
  return true;
}

Result<bool> Comparison::check_unrecorded(const std::string& path) {
  const Result<FileStat> stat = tree_.stat(path);
  if (stat) return visit_({.kind = Difference::Kind::extra, .path = path, .type = stat->type});
  if (stat.error().kind != ErrorKind::not_found) return std::unexpected(stat.error());
  return true;
}

// Without `.`, `..`, empty components or a NUL.
bool is_clean(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (name.empty() || name == "." || name == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

Status each_difference(SourceTree& tree, std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries,
                       const std::function<bool(const Difference&)>& visit) {
  Comparison comparison(tree, entries, visit);
  for (const OutputEntry& entry : entries) {
    const Result<bool> more = comparison.check(entry);
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
  }
  for (const OutputSpec& output : outputs) {
    // Below a recorded directory it has been seen already.
    if (find(entries, output.path) != nullptr || find(entries, parent_path(output.path)) != nullptr) continue;
    const Result<bool> more = comparison.check_unrecorded(output.path);
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
  }
  return {};
}

std::string describe(const Difference& difference) {
  switch (difference.kind) {
    case Difference::Kind::missing:
      return fmt::format("`{}` is missing", difference.path);
    case Difference::Kind::type:
      return fmt::format("`{}` is {} instead of {}", difference.path, name_of(difference.type),
                         name_of(file_type(difference.entry->type)));
    case Difference::Kind::content:
      return fmt::format("`{}` has other content", difference.path);
    case Difference::Kind::target:
      return fmt::format("`{}` points to `{}` instead of `{}`", difference.path, difference.target,
                         difference.entry->symlink_target);
    case Difference::Kind::mode:
      return fmt::format("`{}` has mode {:04o} instead of {:04o}", difference.path, difference.mode,
                         difference.entry->mode);
    case Difference::Kind::extra:
      return fmt::format("`{}` is new", difference.path);
  }
  return {};
}

std::string unusable_entry(std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries) {
  std::string_view before;
  for (const OutputEntry& entry : entries) {
    if (!is_clean(entry.path)) return fmt::format("`{}` is no clean path", entry.path);
    if (entry.path <= before) return fmt::format("`{}` is out of order", entry.path);
    before = entry.path;
    const OutputSpec* const output = output_of(outputs, entry.path);
    if (output == nullptr) return fmt::format("`{}` is in no declared output", entry.path);
    const OutputEntry* const parent = find(entries, parent_path(entry.path));
    const bool below = entry.path != output->path;
    if ((below && parent == nullptr) || (parent != nullptr && parent->type != EntryType::directory)) {
      return fmt::format("`{}` is in no recorded directory", entry.path);
    }
    if ((entry.mode & ~output_mode_bits) != 0) return fmt::format("`{}` has a mode beyond 0777", entry.path);
    if (entry.type != EntryType::symlink) continue;
    const std::string fault = symlink_fault(entry.path, entry.symlink_target, below ? output->path : "");
    if (!fault.empty()) return fmt::format("the symlink `{}` {}", entry.path, fault);
  }
  return {};
}

std::string symlink_fault(std::string_view path, std::string_view target, std::string_view inside) {
  if (target.empty() || target.find('\0') != std::string_view::npos) return "has no usable target";
  if (target.front() == '/') return fmt::format("points to the absolute path `{}`", target);
  std::string resolved(parent_path(path));
  bool after_name = false;
  for (std::string_view rest = target; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      after_name = true;
      if (!resolved.empty()) resolved += '/';
      resolved += name;
    } else if (after_name) {
      return fmt::format("points to `{}`, with a `..` after a name", target);
    } else if (resolved.empty()) {
      return fmt::format("points to `{}`, which is outside the workspace", target);
    } else {
      resolved = parent_path(resolved);
    }
  }
  if (is_at_or_below(resolved, inside)) return {};
  return fmt::format("points to `{}`, which is outside `{}`", target, inside);
}

bool is_at_or_below(std::string_view path, std::string_view dir) {
  if (dir.empty()) return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

const OutputSpec* output_of(std::span<const OutputSpec> outputs, std::string_view path) {
  const OutputSpec* outermost = nullptr;
  for (const OutputSpec& output : outputs) {
    if (!is_at_or_below(path, output.path)) continue;
    if (outermost == nullptr || output.path.size() < outermost->path.size()) outermost = &output;
  }
  return outermost;
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace trilock
