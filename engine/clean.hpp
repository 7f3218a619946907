// What `clean` removes of one node: what lies at a declared output and is, to the byte, what the recorded result says
// that the node left there. Neither the pipeline nor a record decides alone, so a file that somebody wrote by hand, or
// edited since, is never lost to an output of its name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/source_tree.hpp"
#include "schemas/action.hpp"
#include "schemas/node.hpp"

namespace trilock {

struct Cleaned {
  struct Kept {
    std::string path;
    std::string reason;
  };
  std::vector<std::string> removed;  // what is inside a directory before the directory
  std::vector<Kept> kept;
  std::vector<Error> errors;  // what should have been removed and could not be
};

// `made` is the recorded result of the node; null when there is none. A directory goes once it is empty. Where an
// output lies behind a symlink that leads out of the workspace, nothing is removed.
void clean_outputs(SourceTree& tree, const Node& node, const ActionResult* made, Cleaned& cleaned);

}  // namespace trilock
