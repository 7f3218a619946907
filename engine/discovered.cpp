#include "engine/discovered.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cache/hash.hpp"
#include "cache/output_check.hpp"
#include "rules/rule.hpp"
#include "schemas/depfile.hpp"

namespace trilock {
namespace {

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

std::unexpected<Error> undeclared_dependency(const std::string& path, const std::string& label) {
  return fail(ErrorKind::invalid,
              fmt::format("it read `{}`, an output of {}, on which it does not depend", path, label),
              fmt::format("add `after = [\"{}\"]`, so that it is made before it is read", label));
}

// What was made by a node before this one is known from its result, however young the file is.
bool is_as_made(RunState& state, const DiscoveredInput& input) {
  const std::optional<NodeId> producer = state.producers.of(input.path);
  if (!producer) return false;
  const std::optional<ActionResult>& result = state.finished[index_of(*producer)].result;
  if (!result) return false;
  const auto entry = std::ranges::find(result->outputs, input.path, &OutputEntry::path);
  if (entry == result->outputs.end() || entry->type != EntryType::file) return false;
  const Result<ContentDigests> now = state.tree.strong_digest(input.path);
  return now && now->fast == input.content && now->strong == entry->blob;
}

// Each with a zero after it; none when the path is no directory.
std::optional<std::string> names_in(SourceTree& tree, const std::string& path) {
  Result<std::vector<DirEntry>> entries = tree.list(path);
  if (!entries) entries = tree.list(path + "/");  // through a symlink
  if (!entries) return std::nullopt;
  std::string names;
  for (const DirEntry& entry : *entries) names.append(entry.name).append(1, '\0');
  return names;
}

FastDigest content_of(SourceTree& tree, const std::string& path) {
  if (const Result<FastDigest> digest = tree.digest(path)) return *digest;
  const std::optional<std::string> names = names_in(tree, path);
  return names ? fast_digest(*names) : FastDigest{};
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
    return path == action.depfile || is_at_or_below(path, own_scratch) ||
           std::ranges::any_of(action.outputs, [&](const OutputSpec& o) {
             return is_at_or_below(path, o.path) || (!o.real.empty() && is_at_or_below(path, o.real.view()));
           });
  };
  std::vector<bool> upstream;
  std::vector<std::string> paths;
  for (const std::string& name : *named) {
    std::string path = clean_path(state.tree, name.starts_with('/') ? name : dir + "/" + name);
    if (path.empty() || counts_already(path) || is_own(path)) continue;
    if (const std::optional<NodeId> producer = state.producers.of(path)) {
      if (upstream.empty()) upstream = state.graph.closure({&id, 1});
      if (!upstream[index_of(*producer)]) return undeclared_dependency(path, state.graph.node(*producer).label);
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

Result<std::string> strong_content_of(SourceTree& tree, const DiscoveredInput& input) {
  if (const Result<ContentDigests> digests = tree.strong_digest(input.path)) {
    if (digests->fast == input.content) return digests->strong.hex();
  } else if (const std::optional<std::string> names = names_in(tree, input.path)) {
    if (fast_digest(*names) == input.content) return "directory " + strong_digest(*names).hex();
  } else if (input.content == FastDigest{}) {
    return "absent";
  }
  return fail(ErrorKind::corrupt, fmt::format("`{}` changed while its digest was taken", input.path));
}

std::string written_since(RunState& state, std::span<const DiscoveredInput> discovered, std::int64_t began_ns) {
  Disk& disk = state.tree.disk();
  for (const DiscoveredInput& input : discovered) {
    const Result<FileStat> stat = disk.stat_following(state.tree.absolute(input.path));
    if (!stat || stat->type == FileType::directory || stat->ctime_ns < began_ns) continue;
    if (!is_as_made(state, input)) return input.path;
  }
  return {};
}

}  // namespace trilock
