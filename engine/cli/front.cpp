// The program `trilock`: small, and linked statically, since loading what a run with nothing to do does not need takes
// longer than such a run. It answers `trilock run` when a snapshot says that nothing has changed, and becomes the
// engine (main.cpp) for everything else.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "engine/cli/bare_output.hpp"
#include "engine/cli/engine_program.hpp"
#include "engine/cli/own_process.hpp"
#include "engine/cli/short_path.hpp"
#include "engine/workspace_search.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int exit_environment = 5;

// As the console ends a run: on a terminal the line may have something on it that was typed. Gives the exit code.
int print(std::string_view report, Clock::time_point started) {
  using namespace trilock::cli;
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started);
  const char* const term = std::getenv("TERM");
  std::string text;
  if (is_live_terminal(::isatty(STDOUT_FILENO) == 1, term == nullptr ? "dumb" : term)) text = "\r\x1b[2K";
  text.append(report).append(time_taken(static_cast<std::uint64_t>(passed.count()))).append("\n");
  ::signal(SIGPIPE, SIG_IGN);
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0 || error == EPIPE) return 0;  // a reader that goes away is no error, as for the engine
  write_all(STDERR_FILENO, lost_output_message(error));
  return exit_environment;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace trilock::cli;
  const Clock::time_point started = Clock::now();
  prepare_process();
  const std::string own = trilock::own_file();
  if (argc > 1 && std::string_view(argv[1]) == "run") {
    const std::vector<std::string> places = engine_places(own);
    const ShortAnswer answer = answer_shortly({{argv + 2, static_cast<std::size_t>(argc - 2)}, places});
    if (answer.report) return print(*answer.report, started);
    if (answer.changes) hand_over(*answer.changes);
  }
  return become_engine(own, argv);
}
