// What every command begins with: the workspace is found and opened, the pipeline read, planned and linked, and the
// labels of the command line turned into nodes. Each step that fails says so on standard error and gives an exit code.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cli/flags.hpp"
#include "engine/run.hpp"
#include "engine/workspace.hpp"
#include "schemas/diagnostic.hpp"

namespace trilock::cli {

enum ExitCode : int { exit_done = 0, exit_failed = 1, exit_usage = 2, exit_environment = 5, exit_interrupted = 130 };

struct Session {
  std::unique_ptr<Workspace> workspace;
  std::string pipeline_path;  // relative to the workspace
  SourceMap sources;
  Diagnostics diagnostics;
  PlannedPipeline planned;
};

// 0, or the exit code to end with.
[[nodiscard]] int open_workspace(const Invocation& invocation, Workspace::State state, Session& session);
[[nodiscard]] int load(const Invocation& invocation, Session& session);

// Every node without labels; otherwise what they select. Unknown labels are reported with a suggestion.
[[nodiscard]] int select(const Invocation& invocation, const Session& session, std::vector<NodeId>& selected);

void print_error(const Error& error);
void print_diagnostics(const Session& session);

// The commands. Each returns the exit code.
int run_command(const Invocation& invocation);
int why_command(const Invocation& invocation);
int graph_command(const Invocation& invocation);
int list_command(const Invocation& invocation);
int check_command(const Invocation& invocation);
int clean_command(const Invocation& invocation);

}  // namespace trilock::cli
