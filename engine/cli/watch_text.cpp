#include "engine/cli/watch_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/cli/terminal_text.hpp"

namespace trilock::cli {
namespace {

constexpr std::size_t most_named = 3;

bool is_in(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string shown(std::string_view path, std::string_view root) {
  if (path == root) return ".";
  if (is_in(path, root)) path.remove_prefix(root.size() + 1);
  return visible_line(path, Colors::strip);
}

}  // namespace

std::string changes_text(std::span<const Watcher::Difference> changes, const std::string& root,
                         const std::string& state_dir) {
  std::vector<std::string> files;
  std::vector<std::string> listings;
  for (const Watcher::Difference& change : changes)
    if (!is_in(change.path, state_dir)) (change.is_directory ? listings : files).push_back(shown(change.path, root));
  // A new file shows in its directory, unless it was known that it was not there.
  std::vector<std::string>& names = files.empty() ? listings : files;
  if (names.empty()) return "another run has been here";
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  if (names.size() == 1) return names.front() + " changed";
  std::string text = fmt::format("{} {} changed: {}", names.size(), files.empty() ? "folders" : "files",
                                 fmt::join(names.begin(), names.begin() + std::min(names.size(), most_named), ", "));
  if (names.size() > most_named) text += fmt::format(" and {} more", names.size() - most_named);
  return text;
}

}  // namespace trilock::cli
