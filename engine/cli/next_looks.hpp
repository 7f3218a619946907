// The looks of the snapshot after a run over a part of the graph: those of the one before, without what the nodes that
// were decided anew had asked for, and with what they asked for now.
#pragma once

#include <span>
#include <string>

#include "cache/graph_index.hpp"
#include "cache/snapshot.hpp"
#include "cache/source_tree.hpp"
#include "engine/change.hpp"

namespace trilock::cli {

// `tree` kept account of the part, with the nodes of the loaded graph as askers; when they were planned over another,
// `planned` did so then. False when it is not settled, or when something that only nodes beside the part had looked at
// is no longer as it was: then nobody knows what they would do. Looks at `own`, absolute paths, are left out.
[[nodiscard]] bool add_next_looks(const Change& change, const SourceTree& tree, const SourceTree* planned,
                                  std::span<const std::string> own, SnapshotBuilder& looks, GraphIndex& graph);

}  // namespace trilock::cli
