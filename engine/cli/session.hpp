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

enum ExitCode : int {
  exit_done = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_drift = 3,
  exit_environment = 5,
  exit_interrupted = 130
};

struct Session {
  std::unique_ptr<Workspace> workspace;
  std::string pipeline_path;  // relative to the workspace
  LoadOptions load_options;   // what the pipeline was loaded with
  SourceMap sources;
  Diagnostics diagnostics;
  PlannedPipeline planned;
  std::vector<Error> errors;  // that have been printed
};

// The folder that the command works in, absolute and without symlinks.
[[nodiscard]] Result<std::string> working_directory(const Invocation& invocation);

// exit_usage for what the user asked in vain; exit_environment where it is the machine that failed.
[[nodiscard]] int usage_code(const Error& error);

// 0, or the exit code to end with.
[[nodiscard]] int open_workspace(const Invocation& invocation, Workspace::State state, Session& session,
                                 Workspace::Recall recall = Workspace::Recall::all);
void read_load_options(const Invocation& invocation, Session& session);  // what `load` reads a pipeline with
[[nodiscard]] int load(const Invocation& invocation, Session& session);
// For commands that need no pipeline but heed one that is there: opens the workspace, or the current directory in its
// place, and reads the settings of the cache.
[[nodiscard]] int open_for_cache(const Invocation& invocation, Session& session);

// Every node without labels; otherwise what they select. Unknown labels are reported with a suggestion.
[[nodiscard]] int select(const Invocation& invocation, Session& session, std::vector<NodeId>& selected);

void report(Session& session, Error error);  // prints and keeps it
// From now on the output shows no value of a variable that the pipeline calls a secret, found as it is or not.
void hide_secrets(const Pipeline& pipeline, const Environment& environment);
// What there is to say of the pipeline, and of how much more there would be.
[[nodiscard]] std::vector<Diagnostic> findings(const Session& session);
void print_diagnostics(const Session& session);
// In GitHub Actions: the diagnostics at their lines, on standard output.
void print_annotations(const Session& session);

// All of that for a command that changes nothing in the workspace, findings reported.
[[nodiscard]] int prepare(const Invocation& invocation, Session& session);
[[nodiscard]] int prepare(const Invocation& invocation, Session& session, std::vector<NodeId>& selected);

// For a command that has nothing else to print, its errors and findings having been told: with `--json` they stand on
// standard output too, as `{"version","diagnostics"}`, or as the events that end a run. Returns `code`.
int end_without_result(const Invocation& invocation, const Session& session, int code);

// The commands. Each returns the exit code.
int run_command(const Invocation& invocation);
int watch_command(const Invocation& invocation);
int why_command(const Invocation& invocation);
int graph_command(const Invocation& invocation);
int query_command(const Invocation& invocation);
int affected_command(const Invocation& invocation);
int list_command(const Invocation& invocation);
int check_command(const Invocation& invocation);
int clean_command(const Invocation& invocation);
int cache_command(const Invocation& invocation);
int init_command(const Invocation& invocation);
int schema_command(const Invocation& invocation);
int completion_command(const Invocation& invocation);
int complete_command(const Invocation& invocation);

}  // namespace trilock::cli
