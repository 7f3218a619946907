// The way through trilock, top to bottom: the command line names a command; a command opens the workspace, reads the
// pipeline (schemas), plans its nodes (rules), links them (engine/graph), decides and runs (engine/run), and reports.
#include "engine/cli/own_process.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"

namespace {

using namespace trilock::cli;

int run(int argc, char** argv) {
  std::optional<ChangeNotice> changes = take_over();
  auto invocation = parse_command_line(argc, argv);
  if (!invocation) {
    Session session;
    report(session, invocation.error());
    return end_without_result(presumed_invocation(argc, argv), session, exit_usage);
  }
  invocation->changes = std::move(changes);
  switch (invocation->command) {
    case Command::help:
      write_out(invocation->help_text);
      return exit_done;
    case Command::run:
      return run_command(*invocation);
    case Command::watch:
      return watch_command(*invocation);
    case Command::why:
      return why_command(*invocation);
    case Command::graph:
      return graph_command(*invocation);
    case Command::query:
      return query_command(*invocation);
    case Command::affected:
      return affected_command(*invocation);
    case Command::list:
      return list_command(*invocation);
    case Command::check:
      return check_command(*invocation);
    case Command::clean:
      return clean_command(*invocation);
    case Command::cache:
      return cache_command(*invocation);
    case Command::init:
      return init_command(*invocation);
    case Command::schema:
      return schema_command(*invocation);
    case Command::completion:
      return completion_command(*invocation);
    case Command::complete:
      return complete_command(*invocation);
  }
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  prepare_process();
  return end_output(run(argc, argv));
}
