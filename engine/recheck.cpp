#include "engine/recheck.hpp"

#include <fmt/format.h>

#include "engine/discovered.hpp"

namespace trilock {
namespace {

// Whether an input is still what it was when the key was made. A stat that could hide a change, since it was taken in
// the tick of the last one, proves nothing: then the bytes are read again.
bool is_still(SourceTree& tree, const InputState& input) {
  const Result<FileStat> then = tree.stat(input.path);
  tree.look_again(input.path);
  const Result<FileStat> now = tree.stat(input.path);
  if (!then || !now) return false;
  switch (input.type) {
    case EntryType::directory:  // its times move with what is made in it; what counts is its mode
      return now->type == FileType::directory && (now->mode & 0777) == input.mode;
    case EntryType::symlink: {
      const Symlinks symlinks = input.leads_to_file() ? Symlinks::followed : Symlinks::as_text;
      const Result<InputState> again = look_at(tree, input.path, symlinks);
      return again && again->symlink_target == input.symlink_target && again->content == input.content &&
             (again->mode == input.mode || !input.leads_to_file());
    }
    case EntryType::file:
      break;
  }
  if (*then != *now) return false;
  const Result<FastDigest> content = tree.digest(input.path);
  return content && *content == input.content;
}

// An input that changed while the action ran: what it read is not known, so its result must not be kept. All are looked
// at, so that nodes after this one see what is there now.
std::string changed_meanwhile(RunState& state, const Decision& decision) {
  std::string changed;
  for (const InputState& input : decision.inputs)
    if (!is_still(state.tree, input) && changed.empty()) changed = input.path;
  if (changed.empty() && !decision.action.depfile.empty())
    changed = written_since(state, decision.discovered, decision.began_ns);
  return changed;
}

}  // namespace

std::string why_unkept(RunState& state, NodeId id, const Decision& decision) {
  const std::string& label = state.graph.node(id).label;
  if (!decision.unkept.empty())
    return fmt::format("{}, which no cache can hold: the result of {} is used now but not kept", decision.unkept,
                       label);
  if (const std::string changed = changed_meanwhile(state, decision); !changed.empty())
    return fmt::format("`{}` changed while {} ran: its result is used now but not kept", changed, label);
  return {};
}

}  // namespace trilock
