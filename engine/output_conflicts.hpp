// Whether two nodes lay claim to the same files.
#pragma once

#include "schemas/diagnostic.hpp"

namespace trilock {

class Graph;

// Reports outputs that are equal to or inside another node's output, and outputs that another node selects as input
// without depending, directly or not, on the node that makes them. Decided on names alone, so that the answer does not
// depend on which files happen to exist; but what symlinks in the directories of outputs lead to counts as a name of
// theirs (engine/output_links.hpp).
void report_output_conflicts(const Graph& graph, Diagnostics& diagnostics);

}  // namespace trilock
