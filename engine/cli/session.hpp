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
  std::vector<Error> errors;  // that have been printed
};

// The folder that the command works in, absolute and without symlinks.
[[nodiscard]] Result<std::string> working_directory(const Invocation& invocation);

// 0, or the exit code to end with.
[[nodiscard]] int open_workspace(const Invocation& invocation, Workspace::State state, Session& session);
[[nodiscard]] int load(const Invocation& invocation, Session& session);

// Every node without labels; otherwise what they select. Unknown labels are reported with a suggestion.
[[nodiscard]] int select(const Invocation& invocation, Session& session, std::vector<NodeId>& selected);

void print_error(const Error& error);
void report(Session& session, Error error);  // prints and keeps it
void print_diagnostics(const Session& session);
// In GitHub Actions: the diagnostics at their lines, on standard output.
void print_annotations(const Session& session);

// The commands. Each returns the exit code.
int run_command(const Invocation& invocation);
// A command line that could not be read but asks for `run --json`: its reader gets the last event all the same.
void end_unread_run(const Error& error, const std::vector<std::string>& words);
int why_command(const Invocation& invocation);
int graph_command(const Invocation& invocation);
int list_command(const Invocation& invocation);
int check_command(const Invocation& invocation);
int clean_command(const Invocation& invocation);
int init_command(const Invocation& invocation);
int schema_command(const Invocation& invocation);

}  // namespace trilock::cli
