// What `check` says of programs: which ones a node starts that do not count, and which of `programs` are missing here.
#pragma once

#include "engine/run.hpp"
#include "schemas/diagnostic.hpp"

namespace trilock {

// Notes and warnings at the places of scripts and programs; nodes of a matrix that say the same are told once. Looks
// programs up in the PATH of each node; a node whose PATH comes from another node is passed over. Starts nothing.
void find_undeclared_programs(Workspace& workspace, const PlannedPipeline& planned, Diagnostics& diagnostics);

}  // namespace trilock
