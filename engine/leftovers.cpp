#include "engine/leftovers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cache/output_check.hpp"
#include "engine/aside_return.hpp"
#include "engine/resolver.hpp"
#include "engine/survivors.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

constexpr std::uint64_t survivor_grace_ms = 10'000;

constexpr std::size_t most_named = 5;

// "`a`, `b` and 3 more"
std::string enumerate(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most_named; ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", names[i]);
  if (names.size() > most_named) text += fmt::format(" and {} more", names.size() - most_named);
  return text;
}

std::string enumerate(const std::vector<Survivor>& survivors) {
  std::vector<std::string> names;
  for (const Survivor& each : survivors) names.push_back(fmt::format("`{}` ({})", each.name, each.pid));
  return enumerate(names);
}

std::string enumerate_paths(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(fmt::format("`{}`", path));
  return enumerate(names);
}

void end_processes(std::span<const DeadRun> runs, std::vector<std::string>& said) {
  const SurvivorReport survivors = end_survivors(runs, survivor_grace_ms);
  if (!survivors.ended.empty())
    said.push_back(fmt::format("an earlier run was killed; processes that it left have been ended: {}",
                               enumerate(survivors.ended)));
  if (!survivors.left.empty())
    said.push_back(fmt::format("an earlier run was killed, and left {}", describe_unended(survivors.left)));
}

// What is left in the scratch root is half made, or was kept for an action that ended well.
void clear_scratch(Disk& disk, const std::string& root, const std::vector<std::string>& kept,
                   std::vector<std::string>& said) {
  if (kept.empty()) {
    if (Status removed = disk.remove(root); !removed) said.push_back(removed.error().message);
    return;
  }
  const Result<std::vector<DirEntry>> entries = disk.list(root);
  if (!entries) return;
  for (const DirEntry& entry : *entries)
    if (std::ranges::find(kept, entry.name) == kept.end())
      if (Status removed = disk.remove(root + "/" + entry.name); !removed) said.push_back(removed.error().message);
}

void bring_back(std::span<const Journal::Aside> asides, Workspace& workspace, std::vector<std::string>& said) {
  const AsidePlaces places{.workspace = workspace.root(),
                           .scratch_root = workspace.state_dir() + "/tmp",
                           .state_dir = workspace.state_dir()};
  AsideReturn done = return_aside(asides, *workspace.journal(), workspace.disk(), places);
  for (const std::string& error : done.errors)
    said.push_back(
        fmt::format("an earlier run was killed; what it had set aside stays in `{}`: {}", places.scratch_root, error));
  if (!done.back.empty())
    said.push_back(fmt::format("an earlier run was killed; outputs that it had set aside are back: {}",
                               enumerate_paths(done.back)));
  for (std::string& path : done.displaced)
    if (is_at_or_below(path, places.workspace)) path.erase(0, places.workspace.size() + 1);
  if (!done.displaced.empty())
    said.push_back(fmt::format("an earlier run was killed; outputs that it had begun were moved away: {}",
                               enumerate_paths(done.displaced)));
  clear_scratch(workspace.disk(), places.scratch_root, done.kept, said);
}

}  // namespace

std::string describe_unended(const std::vector<Survivor>& left) {
  return fmt::format("processes that cannot be ended: {}", enumerate(left));
}

std::vector<std::string> clear_leftovers(Workspace& workspace, std::vector<Journal::Entry>& entries) {
  Result<Journal::Remains> remains = workspace.journal()->arm();
  if (!remains) return {remains.error().message};
  std::vector<std::string> said;
  if (remains->unknown_lines > 0)
    said.push_back(fmt::format("`{}/journal` has {} {} that trilock does not write; left out", workspace.state_dir(),
                               remains->unknown_lines, remains->unknown_lines == 1 ? "line" : "lines"));
  if (remains->empty()) return said;
  // First of all, since they may still write what is about to be moved and read.
  end_processes(remains->runs, said);
  bring_back(remains->asides, workspace, said);
  entries = std::move(remains->entries);
  return said;
}

void name_leftovers(RunState& state, Journal& journal, const std::vector<Journal::Entry>& entries) {
  for (const Journal::Entry& entry : entries) {
    NodeId id{};
    if (!state.graph.find(entry.label, id)) {
      state.events.warning(
          fmt::format("an earlier run was cut short while {} ran, which is no node of this pipeline any more: what it "
                      "may have left outside the workspace is not looked for",
                      entry.label));
      journal.end(entry.number);
      continue;
    }
    const Node& node = state.graph.node(id);
    Resolver resolver(state, id);
    const Result<std::vector<Leftover>> found = registry()[node.rule]->leftovers(
        node, state.pipeline.targets[node.target], entry.leaves, entry.at_ms, resolver);
    if (!found && found.error().kind == ErrorKind::interrupted) return;  // the next run looks again
    if (!found)
      state.events.warning(
          fmt::format("an earlier run was cut short while {} ran; what it may have left cannot be looked "
                      "for: {}",
                      entry.label, found.error().message));
    else
      for (const Leftover& leftover : *found)
        state.events.warning(fmt::format("an earlier run was cut short while {} ran, and left {}: {}", entry.label,
                                         leftover.what, leftover.help));
    journal.end(entry.number);
  }
}

}  // namespace trilock
