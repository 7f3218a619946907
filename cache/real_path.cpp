#include "cache/real_path.hpp"

#include <algorithm>
#include <vector>

namespace trilock {
namespace {

constexpr int most_symlinks = 40;  // as Linux has it

// Behind what is still to be walked, so that it comes first.
void push_components(std::string_view path, std::vector<std::string>& open) {
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view part = slash == path.npos ? path : path.substr(slash + 1);
    if (!part.empty() && part != ".") open.emplace_back(part);
    path = path.substr(0, slash == path.npos ? 0 : slash);
  }
}

}  // namespace

std::string real_path(Disk& disk, std::string_view root, std::string_view path) {
  std::string at = path.starts_with('/') || root == "/" ? "" : std::string(root);  // "" is the root of all
  std::vector<std::string> open;
  push_components(path, open);
  int symlinks = 0;
  while (!open.empty()) {
    const std::string part = std::move(open.back());
    open.pop_back();
    if (part == "..") {
      at.resize(at.empty() ? 0 : at.rfind('/'));
      continue;
    }
    std::string next = at + "/" + part;
    const Result<FileStat> stat = disk.stat(next);
    const bool leads_on = stat && stat->type == FileType::symlink && symlinks < most_symlinks;
    const Result<std::string> target = leads_on ? disk.read_link(next) : std::string();
    if (!leads_on || !target) {
      at = std::move(next);
      continue;
    }
    ++symlinks;
    if (target->starts_with('/')) at.clear();
    push_components(*target, open);
  }
  return at.empty() ? "/" : at;
}

bool lies_in(std::string_view path, std::string_view root) {
  if (root == "/") return true;
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace trilock
