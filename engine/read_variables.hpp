// Files that variables are read from, and nodes that write them.
#pragma once

#include <span>

#include "cache/source_tree.hpp"
#include "engine/graph.hpp"
#include "schemas/diagnostic.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// Reports outputs that are or hold a file that a variable is read from: variables have their values before anything
// runs, so what such a node writes would count in the next run only.
void report_written_variables(const Graph& graph, std::span<const Pipeline::ReadFile> files, const SourceTree& tree,
                              Diagnostics& diagnostics);

}  // namespace trilock
