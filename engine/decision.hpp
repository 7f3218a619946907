// What is to be done about a node, and why: found without running anything but questions, changing nothing. `run`
// carries it out, `run --dry-run` and `why` show it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/key.hpp"
#include "engine/run_state.hpp"
#include "schemas/action.hpp"

namespace trilock {

enum class Next : std::uint8_t {
  nothing,  // unchanged: `result` is the recorded one
  restore,  // `result` is to be put back on disk, or only to be recorded here
  run,
  skip,  // a dependency did not come out, or `when` does not hold
  fail,  // the action cannot be made: `error`
};

struct Decision {
  Next next = Next::run;
  std::string reason;
  std::string blamed;  // skip: the label of the node that failed
  Error error;
  Action action;
  std::vector<InputState> inputs;
  std::vector<Field> upstream;
  std::vector<DiscoveredInput> discovered;  // as the last result named them; after a run, as that one did
  FastDigest key;
  bool has_key = false;
  bool not_known = false;  // whether it will run cannot be told, as `reason` says: only a run may ask (`next` is `run`)
  std::vector<FieldChange> changes;
  std::optional<ActionResult> result;
  std::vector<Process> revival;            // restore: brings back what `result` had outside (Rule::revive)
  bool recorded_here = false;              // `result` is this workspace's own: it is recorded, and holds no output
  std::optional<ActionMessages> portable;  // what `key` is for others; once it was needed
  std::optional<LookupAnswer> answer;      // of the cache, when it was asked
  std::string answer_reason;               // of a miss
  std::int64_t began_ns = 0;  // after a run: the disk's clock when the last attempt began; only with a depfile
  std::string unkept;         // after a run: why the result is used and not kept, or ""
};

// All nodes that `id` depends on must be finished.
[[nodiscard]] Decision decide(RunState& state, NodeId id);

// The patterns without those that name a file which does not exist.
[[nodiscard]] std::vector<InputPattern> present_inputs(std::span<const InputPattern> inputs, SourceTree& tree);

// An input as it counts for a key: a path of the workspace that is a file, a symlink or a directory. Of a symlink the
// file that it leads to counts too, unless the action only gets its text.
[[nodiscard]] Result<InputState> look_at(SourceTree& tree, const std::string& path,
                                         Symlinks symlinks = Symlinks::followed);

[[nodiscard]] KeyMaterial material_of(const RunState& state, const Decision& decision);

// The first change, and how many more there are.
[[nodiscard]] std::string reason_of(const std::vector<FieldChange>& changes);

// The action as others see it, with all that is known of what it reads.
[[nodiscard]] Result<PortableAction> portable_action_of(RunState& state, const Decision& decision);
// Under which it is kept what such actions were seen to read: the same without what this one reads.
[[nodiscard]] Result<StrongDigest> discovery_of(RunState& state, const Decision& decision);

// The secrets of the run and those that only this action has; `own` is where the latter are put when there are any.
[[nodiscard]] const Redactor& secrets_of(const RunState& state, const Action& action, Redactor& own);
// explain_key without the values of secrets: what is kept, compared and shown.
[[nodiscard]] std::vector<Field> explanation_of(const RunState& state, const Decision& decision);
// Takes the values of secrets out of all that a decision says.
void redact(const RunState& state, Decision& decision);

}  // namespace trilock
