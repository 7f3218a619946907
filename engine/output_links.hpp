// Where outputs lie once the symlinks in their directories are followed.
#pragma once

#include <span>

#include "cache/source_tree.hpp"
#include "schemas/node.hpp"

namespace trilock {

// Fills OutputSpec::real of outputs and depfiles, and tells the tree which directories, of outputs and of inputs, are
// one. Looks at each directory once. A directory that does not exist yet is none that leads elsewhere.
void follow_output_links(std::span<Node> nodes, SourceTree& tree);

}  // namespace trilock
