#include "engine/cli/next_looks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace trilock::cli {
namespace {

void sort_once(std::vector<std::uint32_t>& askers) {
  std::ranges::sort(askers);
  askers.erase(std::ranges::unique(askers).begin(), askers.end());
}

}  // namespace

NextLooks::NextLooks(const Change& change, std::span<const std::string> own)
    : change_(change), snapshot_(change.snapshot()), own_(own) {}

bool NextLooks::take(const SourceTree& tree, Of of) {
  bool usable = true;
  const auto account = tree.account([&](const SourceTree::Look& look) {
    // Those for planning come last.
    auto askers = look.askers;
    if (of == Of::planning)
      askers = askers.subspan(
          static_cast<std::size_t>(std::ranges::lower_bound(askers, SourceTree::for_planning) - askers.begin()));
    if (askers.empty()) return;
    usable = usable && look.settled;
    const std::optional<FileStat> stat = look.stat == nullptr ? std::nullopt : std::optional<FileStat>(*look.stat);
    const auto [known, added] =
        taken_[std::string(look.directory)].try_emplace({std::string(look.name), look.followed}, Look{stat, {}});
    usable = usable && (added || known->second.stat == stat);
    for (const std::uint32_t node : nodes_of(askers))
      known->second.askers.push_back(node == SourceTree::everybody ? node : change_.whole_id(NodeId{node}));
  });
  return usable && account != SourceTree::Account::unknown;
}

const NextLooks::Look* NextLooks::look_in(const Directory& directory, std::string_view name, bool followed) {
  const auto found = directory.find(std::pair(name, followed));
  return found == directory.end() ? nullptr : &found->second;
}

bool NextLooks::is_own(std::string_view directory, std::string_view name) const {
  return std::ranges::any_of(own_, [&](std::string_view path) {
    return path.size() == directory.size() + 1 + name.size() && path.ends_with(name) && path.starts_with(directory);
  });
}

std::vector<std::uint32_t> NextLooks::rest_of(const SnapshotLook& look) const {
  std::vector<std::uint32_t> rest;
  for (const std::uint32_t asker : change_.graph().askers(look.askers))
    if (asker == SourceTree::everybody || !change_.is_decided(asker)) rest.push_back(asker);
  return rest;
}

// A file of the pipeline may have changed for everybody: its tables are compared one by one.
bool NextLooks::holds(const SnapshotLook& look, std::string_view directory, std::string_view name, const Look& now,
                      std::span<const std::uint32_t> rest) const {
  if (rest.empty() || now.stat == snapshot_.stat_of(look)) return true;
  const bool only_everybody = rest.size() == 1 && rest.front() == SourceTree::everybody;
  return only_everybody && look.followed != 0 && change_.is_pipeline_file(directory, name);
}

std::optional<RevisedLooks> NextLooks::revised() const {
  RevisedLooks revised;
  std::size_t met = 0;
  for (const SnapshotDirectory& directory : snapshot_.directories()) {
    const char* const path = snapshot_.text(directory.path);
    if (path == nullptr || !revise_directory(directory, path, revised, met)) return std::nullopt;
  }
  std::size_t all = 0;
  for (const auto& [path, directory] : taken_) all += directory.size();
  if (met != all || revised.own.size() != own_.size()) return std::nullopt;
  return revised;
}

bool NextLooks::revise_directory(const SnapshotDirectory& directory, std::string_view path, RevisedLooks& revised,
                                 std::size_t& met) const {
  const auto taken = taken_.find(path);
  const bool may_be_own = std::ranges::any_of(own_, [&](const std::string& file) { return file.starts_with(path); });
  const auto is_decided = [this](std::uint32_t asker) {
    return asker != SourceTree::everybody && change_.is_decided(asker);
  };
  std::vector<std::uint32_t> askers;
  std::uint32_t next = directory.first;
  for (const SnapshotLook& look : snapshot_.looks(directory)) {
    const std::uint32_t place = next++;
    const auto before = change_.graph().askers(look.askers);
    const Look* now = nullptr;
    if (taken != taken_.end() || may_be_own) {
      const char* const name = snapshot_.text(look.name);
      if (name == nullptr) return false;
      if (may_be_own && is_own(path, name)) {
        revised.own.emplace_back(place, fmt::format("{}/{}", path, name));
        continue;
      }
      now = taken == taken_.end() ? nullptr : look_in(taken->second, name, look.followed != 0);
      if (now != nullptr) {
        askers = rest_of(look);
        if (!holds(look, path, name, *now, askers)) return false;
      }
    }
    if (now == nullptr) {
      if (std::ranges::any_of(before, is_decided)) return false;
      continue;
    }
    ++met;
    askers.insert(askers.end(), now->askers.begin(), now->askers.end());
    sort_once(askers);
    if (!std::ranges::equal(askers, before)) return false;
    if (now->stat != snapshot_.stat_of(look)) revised.stats.emplace_back(place, now->stat);
  }
  return true;
}

bool NextLooks::add_to(SnapshotBuilder& looks, GraphIndex& graph) {
  for (const SnapshotDirectory& directory : snapshot_.directories())
    if (!add_directory(directory, looks, graph)) return false;
  for (auto& [path, directory] : taken_)
    for (auto& [name, look] : directory) {
      sort_once(look.askers);
      looks.add(path, name.first, name.second, look.stat ? &*look.stat : nullptr, graph.row(look.askers));
    }
  return true;
}

// Looks of before, joined with those of now where there are any; these are taken out.
bool NextLooks::add_directory(const SnapshotDirectory& directory, SnapshotBuilder& looks, GraphIndex& graph) {
  const char* const path = snapshot_.text(directory.path);
  if (path == nullptr) return false;
  const auto taken = taken_.find(std::string_view(path));
  for (const SnapshotLook& look : snapshot_.looks(directory)) {
    const char* const name = snapshot_.text(look.name);
    if (name == nullptr) return false;
    if (is_own(path, name)) continue;
    std::vector<std::uint32_t> askers = rest_of(look);
    std::optional<FileStat> stat = snapshot_.stat_of(look);
    if (taken != taken_.end()) {
      const auto now = taken->second.find(std::pair(std::string_view(name), look.followed != 0));
      if (now != taken->second.end()) {
        if (!holds(look, path, name, now->second, askers)) return false;
        askers.insert(askers.end(), now->second.askers.begin(), now->second.askers.end());
        sort_once(askers);
        stat = now->second.stat;
        taken->second.erase(now);
      }
    }
    if (!askers.empty()) looks.add(path, name, look.followed != 0, stat ? &*stat : nullptr, graph.row(askers));
  }
  return true;
}

}  // namespace trilock::cli
