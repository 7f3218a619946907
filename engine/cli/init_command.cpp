#include "engine/cli/session.hpp"
namespace trilock::cli {
int init_command(const Invocation&) {
  return exit_done;
}
}  // namespace trilock::cli
