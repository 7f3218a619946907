#include "engine/cli/own_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <new>
#include <string_view>

#include "engine/cli/bare_output.hpp"

namespace trilock::cli {
namespace {

constexpr int exit_environment = 5;

void take_standard_places() {
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(file, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free is this one.
    if (::open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file) ::_exit(exit_environment);
  }
}

// Without memory: nothing here may ask for some.
[[noreturn]] void end_with(std::string_view reason) {
  write_all(STDERR_FILENO, "error: trilock cannot go on: ");
  write_all(STDERR_FILENO, reason);
  write_all(STDERR_FILENO, "\n");
  ::_exit(exit_environment);
}

[[noreturn]] void end_without_memory() {
  end_with("there is not enough memory");
}

[[noreturn]] void end_by_exception() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& thrown) {
    end_with(thrown.what());
  } catch (...) {
  }
  end_with("an exception of an unknown kind");
}

}  // namespace

void prepare_process() {
  take_standard_places();
  ::signal(SIGXFSZ, SIG_IGN);  // a file at the limit of its size (`ulimit -f`) is an error like a full disk
  std::set_new_handler(end_without_memory);
  std::set_terminate(end_by_exception);
}

}  // namespace trilock::cli
