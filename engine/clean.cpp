#include "engine/clean.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "cache/output_check.hpp"

namespace trilock {
namespace {

// The outputs that may be written, and so removed.
std::vector<OutputSpec> outputs_within_reach(SourceTree& tree, const Node& node, Cleaned& cleaned) {
  std::vector<OutputSpec> outputs;
  for (const OutputSpec& output : node.outputs) {
    if (Status reached = tree.disk().check_place(tree.absolute(output.path)); reached)
      outputs.push_back(output);
    else
      cleaned.kept.push_back({output.path, std::move(reached.error().message)});
  }
  return outputs;
}

// What the record says of these outputs; nothing when it cannot be true.
std::vector<OutputEntry> entries_at(std::span<const OutputSpec> outputs, const ActionResult* made) {
  std::vector<OutputEntry> entries;
  if (made == nullptr) return entries;
  for (const OutputEntry& entry : made->outputs)
    if (output_of(outputs, entry.path) != nullptr) entries.push_back(entry);
  if (!unusable_entry(outputs, entries).empty()) entries.clear();
  return entries;
}

}  // namespace

void clean_outputs(SourceTree& tree, const Node& node, const ActionResult* made, Cleaned& cleaned) {
  const std::vector<OutputSpec> outputs = outputs_within_reach(tree, node, cleaned);
  const std::vector<OutputEntry> entries = entries_at(outputs, made);
  std::set<std::string, std::less<>> others;  // recorded paths where something else is, or nothing
  const Status compared = each_difference(tree, outputs, entries, [&](const Difference& difference) {
    const bool extra = difference.kind == Difference::Kind::extra;
    if (extra)
      cleaned.kept.push_back({difference.path, fmt::format("no recorded result of {} made it", node.label)});
    else if (difference.kind != Difference::Kind::mode)
      others.insert(difference.path);
    if (!extra && difference.kind != Difference::Kind::mode && difference.kind != Difference::Kind::missing)
      cleaned.kept.push_back({difference.path, fmt::format("it changed since {} made it", node.label)});
    return true;
  });
  if (!compared) {
    cleaned.errors.push_back(compared.error());
    return;
  }
  // Sorted by path, so from the end what is inside a directory comes before it.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (others.contains(entry->path)) continue;
    const std::string path = tree.absolute(entry->path);
    Status removed;
    if (entry->type == EntryType::directory) {
      const Result<std::vector<DirEntry>> left = tree.disk().list(path);
      if (left && !left->empty()) continue;  // what is left in it has been named
      removed = tree.disk().remove_empty_directory(path);
    } else {
      removed = tree.disk().remove(path);
    }
    if (removed)
      cleaned.removed.push_back(entry->path);
    else
      cleaned.errors.push_back(std::move(removed.error()));
  }
}

}  // namespace trilock
