#include "engine/discovered.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/resolver.hpp"
#include "schemas/depfile.hpp"

namespace trilock {
namespace {

bool is_within(std::string_view path, std::string_view dir) {
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

// Steps upwards are taken on the text, which is wrong where they follow a symlink; then the path stays as it was.
std::string clean_path(SourceTree& tree, const std::string& absolute) {
  std::string clean = tree_path(tree, absolute);
  if (absolute.find("/../") == std::string::npos) return clean;
  Disk& disk = tree.disk();
  const Result<FileStat> meant = disk.stat_following(absolute);
  const Result<FileStat> found = disk.stat_following(tree.absolute(clean));
  if (!meant || (found && found->inode == meant->inode && found->device == meant->device)) return clean;
  return absolute;
}

// Of the outputs at or above it, one node's.
const Node* producer_of(const Graph& graph, std::string_view path) {
  for (const Node& node : graph.nodes())
    for (const OutputSpec& output : node.outputs)
      if (is_within(path, output.path)) return &node;
  return nullptr;
}

bool is_foreign(std::span<const std::string> foreign, std::string_view path) {
  for (std::string_view above = path;;) {
    if (std::binary_search(foreign.begin(), foreign.end(), above)) return true;
    const std::size_t slash = above.rfind('/');
    if (slash == std::string_view::npos || slash == 0) return false;
    above = above.substr(0, slash);
  }
}

FastDigest content_of(SourceTree& tree, const std::string& path) {
  if (const Result<FastDigest> digest = tree.digest(path)) return *digest;
  Result<std::vector<DirEntry>> names = tree.list(path);
  if (!names) names = tree.list(path + "/");  // through a symlink
  if (!names) return {};
  FastHasher hasher;
  for (const DirEntry& name : *names) hasher.update(name.name + '\0');
  return hasher.digest();
}

}  // namespace

Result<std::vector<std::string>> discovered_paths(RunState& state, NodeId id, const Action& action,
                                                  std::span<const InputState> declared, const std::string& dir,
                                                  std::string_view depfile) {
  Result<std::vector<std::string>> named = parse_depfile(depfile);
  if (!named) return std::unexpected(named.error());
  const auto counts_already = [&](const std::string& path) {
    const auto found = std::ranges::lower_bound(declared, path, {}, &InputState::path);
    return found != declared.end() && found->path == path && found->type == EntryType::file;
  };
  const std::string own_scratch = tree_path(state.tree, state.scratch_root);
  const auto is_own = [&](const std::string& path) {
    return path == action.depfile || is_within(path, own_scratch) ||
           std::ranges::any_of(action.outputs, [&](const OutputSpec& o) { return is_within(path, o.path); });
  };
  Resolver resolver(state, id);
  const std::span<const std::string> foreign = resolver.foreign_outputs();
  std::vector<std::string> paths;
  for (const std::string& name : *named) {
    std::string path = clean_path(state.tree, name.starts_with('/') ? name : dir + "/" + name);
    if (path.empty() || counts_already(path) || is_own(path)) continue;
    if (is_foreign(foreign, path)) {
      const Node* producer = producer_of(state.graph, path);
      const std::string label = producer == nullptr ? "another node" : producer->label;
      return fail(ErrorKind::invalid,
                  fmt::format("it read `{}`, an output of {}, on which it does not depend", path, label),
                  fmt::format("add `after = [\"{}\"]`, so that it is there, and made, before", label));
    }
    paths.push_back(std::move(path));
  }
  std::ranges::sort(paths);
  const auto repeated = std::ranges::unique(paths);
  paths.erase(repeated.begin(), repeated.end());
  return paths;
}

std::vector<DiscoveredInput> look_at_discovered(SourceTree& tree, std::span<const std::string> paths) {
  std::vector<DiscoveredInput> discovered;
  discovered.reserve(paths.size());
  for (const std::string& path : paths) discovered.push_back({path, content_of(tree, path)});
  return discovered;
}

std::string written_since(RunState& state, std::span<const DiscoveredInput> discovered, std::int64_t began_ns) {
  Disk& disk = state.tree.disk();
  for (const DiscoveredInput& input : discovered) {
    const Result<FileStat> stat = disk.stat_following(state.tree.absolute(input.path));
    if (!stat || stat->type == FileType::directory || stat->ctime_ns < began_ns) continue;
    // An output of a node before this one is written by that node alone, which may have ended in the same tick.
    if (stat->ctime_ns > began_ns || producer_of(state.graph, input.path) == nullptr) return input.path;
  }
  return {};
}

}  // namespace trilock
