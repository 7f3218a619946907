#include "cache/links.hpp"

#include <utility>

#include "cache/output_check.hpp"

namespace trilock {
namespace {

constexpr int most_links = 40;  // as Linux has it

// The next component of a path, which gets shorter by it.
std::string take_component(std::string& path) {
  const std::size_t slash = path.find('/');
  std::string name = path.substr(0, slash);
  path.erase(0, slash == std::string::npos ? slash : slash + 1);
  return name;
}

std::string join(const std::string& dir, const std::string& name) {
  return dir == "/" ? dir + name : dir + "/" + name;
}

std::string as_named_by(const SourceTree& tree, std::string absolute) {
  const std::string& root = tree.root();
  if (absolute == root) return {};
  if (root == "/") return absolute.substr(1);
  return is_at_or_below(absolute, root) ? absolute.substr(root.size() + 1) : std::move(absolute);
}

}  // namespace

Result<LinkEnd> follow_links(SourceTree& tree, const std::string& path) {
  std::string real = path.starts_with('/') ? "/" : tree.root();
  std::string rest = path;
  FileStat there{.type = FileType::directory};
  int links = 0;
  while (!rest.empty()) {
    const std::string name = take_component(rest);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      real = real.substr(0, real.rfind('/'));
      if (real.empty()) real = "/";
      continue;
    }
    std::string next = join(real, name);
    const Result<FileStat> stat = tree.disk().stat(next);
    if (!stat && stat.error().kind != ErrorKind::not_found) return std::unexpected(stat.error());
    if (stat && stat->type == FileType::symlink && ++links <= most_links) {
      static_cast<void>(tree.stat(next));
      Result<std::string> target = tree.read_link(next);
      if (!target) return std::unexpected(std::move(target.error()));
      if (target->starts_with('/')) real = "/";
      rest = *target + "/" + rest;
      continue;
    }
    const bool leads_on = stat && stat->type != FileType::symlink;
    if (!leads_on || (stat->type != FileType::directory && rest.find_first_not_of('/') != std::string::npos)) {
      static_cast<void>(tree.stat(next));
      while (rest.ends_with('/')) rest.pop_back();
      return LinkEnd{.path = as_named_by(tree, rest.empty() ? std::move(next) : join(next, rest))};
    }
    real = std::move(next);
    there = *stat;
  }
  return LinkEnd{
      .path = as_named_by(tree, std::move(real)), .exists = true, .type = there.type, .mode = there.mode & 0777};
}

}  // namespace trilock
