// The first pipeline of a folder: what the rules make of its files, as a text that loads without errors.
#pragma once

#include <string>
#include <vector>

#include "engine/workspace.hpp"
#include "rules/draft.hpp"

namespace trilock {

struct FirstPipeline {
  std::string text;
  std::vector<std::string> nodes;         // labels of those that will run
  std::vector<std::string> switched_off;  // labels of those that are written down behind `#`
  std::vector<DraftRemark> found;
  std::vector<DraftRemark> left_out;  // what could not be made use of, and why
};

// Reads the workspace, runs nothing, writes nothing. There must be no pipeline in it.
[[nodiscard]] FirstPipeline draft_pipeline(Workspace& workspace);

}  // namespace trilock
