// Which nodes have other inputs than in a revision of git, found without running anything.
//
// Both states are planned and decided about by the same code as a run (engine/decision.hpp), one over the work tree and
// one over the revision, and what their keys are made of is compared, field by field. Values and outputs of other
// nodes are not known without running: a node that uses those of an affected node is affected because of it. `after`
// is order only and passes nothing on. `when` is compared as it is written.
//
// Where a node's action cannot be made here (its tool is missing), what is declared is compared instead: the keys of
// its table, the files that `inputs` selects, and every file below its `dir`.
#pragma once

#include <string>
#include <vector>

#include "engine/key.hpp"
#include "engine/revision.hpp"
#include "engine/run.hpp"

namespace trilock {

struct AffectedNode {
  enum class Kind : std::uint8_t {
    changed,    // its own table or inputs differ
    added,      // the revision does not have it
    dependent,  // it uses what an affected node gives
  };
  NodeId id{};
  Kind kind = Kind::changed;
  std::string reason;                // "input main.go: content changed", "because of command.gen"
  std::vector<FieldChange> changes;  // of `changed`
  std::string because_of;            // of `dependent`: the label of the node that is changed or added
};

struct AffectedAnswer {
  std::vector<AffectedNode> nodes;    // in graph order
  std::vector<std::string> removed;   // labels that only the revision has, in the order of its files
  std::vector<std::string> warnings;  // what made the answer coarser than it could be
};

// `planned` is the work tree's pipeline; `load` is what it was loaded with. A revision without a usable pipeline makes
// all nodes affected, with a warning.
[[nodiscard]] AffectedAnswer find_affected(Workspace& workspace, const PlannedPipeline& planned,
                                           const LoadOptions& load, Revision& revision);

}  // namespace trilock
