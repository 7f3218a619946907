#include "engine/leftovers.hpp"

#include <fmt/format.h>

#include "engine/resolver.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

constexpr std::uint64_t survivor_grace_ms = 10'000;

std::string describe(const std::vector<Survivor>& survivors) {
  constexpr std::size_t shown = 5;
  std::string names;
  for (std::size_t i = 0; i < survivors.size() && i < shown; ++i)
    names += fmt::format("{}`{}` ({})", i == 0 ? "" : ", ", survivors[i].name, survivors[i].pid);
  if (survivors.size() > shown) names += fmt::format(" and {} more", survivors.size() - shown);
  return fmt::format("an earlier run was killed; processes that it left have been ended: {}", names);
}

}  // namespace

std::vector<std::string> clear_leftovers(Journal& journal, Disk& disk, const std::string& scratch_root,
                                         std::vector<Journal::Entry>& entries) {
  Result<Journal::Remains> remains = journal.arm();
  if (!remains) return {remains.error().message};
  if (remains->empty()) return {};
  std::vector<std::string> said;
  // First of all, since they may still write what this run is about to read.
  const std::vector<Survivor> survivors = end_survivors(remains->runs, survivor_grace_ms);
  if (!survivors.empty()) said.push_back(describe(survivors));
  if (Status removed = disk.remove(scratch_root); !removed) said.push_back(removed.error().message);
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
