// The files that a pipeline consists of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/findings.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

struct PipelineFile {
  SourceId source = SourceId::none;
  std::string path;   // relative to the workspace, cleaned
  ConfigTable table;  // without `include`
};

// Reads the root file and, depth first, what each file includes; the root comes first. Patterns are relative to the
// file that has them. A file that is reached twice, through a cycle too, is read once. Only the tables of `choice`,
// when it is not null.
[[nodiscard]] std::vector<PipelineFile> read_pipeline_files(const std::string& root, const TableChoice* choice,
                                                            PipelineWorld& world, SourceMap& sources,
                                                            Findings& findings);

// `path` joined to the directory of `file` and freed of `.`, `..` and double slashes; "" when it leaves the workspace
// or is absolute.
[[nodiscard]] std::string path_beside(std::string_view file, std::string_view path);

}  // namespace trilock
