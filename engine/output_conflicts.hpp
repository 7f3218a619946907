// Whether two nodes lay claim to the same files, and whether outputs hold what is no output.
#pragma once

#include <span>
#include <string>

#include "schemas/diagnostic.hpp"

namespace trilock {

class Graph;

// Reports outputs that are equal to or inside another node's output, outputs that another node selects as input
// without depending, directly or not, on the node that makes them, and outputs that hold the node's own inputs.
// Decided on names alone, so that the answer does not depend on which files happen to exist; but what symlinks in the
// directories of outputs lead to counts as a name of theirs (engine/output_links.hpp). A pattern that begins at or
// below an output can mean nothing but what is in there, and one that begins above it (`**`) means the rest, since a
// node's outputs are no inputs of it.
void report_output_conflicts(const Graph& graph, Diagnostics& diagnostics);

// A file that was read to know the pipeline: relative to the workspace, or absolute outside of it.
struct LoadedFile {
  std::string path;
  std::string what;  // "the pipeline", "included by the pipeline"
};
// Reports outputs and depfiles that are one of these, or hold one.
void report_outputs_over_files(const Graph& graph, std::span<const LoadedFile> files, Diagnostics& diagnostics);

}  // namespace trilock
