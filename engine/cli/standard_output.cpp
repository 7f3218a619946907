#include "engine/cli/standard_output.hpp"

#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>

#include "engine/cli/bare_output.hpp"
#include "engine/cli/session.hpp"

namespace trilock::cli {
namespace {

constexpr std::size_t most_kept = 64 * 1024;

// There is one of a process, as there is one `stdout`, which is not used: it gives up where a terminal or a pipe that
// another process has made non-blocking is slow.
struct StandardOutput {
  std::mutex mutex;
  std::string kept;  // guarded by mutex
  int lost = 0;      // guarded by mutex; why the first of it could not be written

  // With the mutex held.
  void write() {
    const int error = write_all(STDOUT_FILENO, kept);
    if (error != EPIPE && lost == 0) lost = error;
    kept.clear();
  }
};

StandardOutput& standard_output() {
  static StandardOutput output;
  return output;
}

}  // namespace

void write_out(std::string_view text) {
  StandardOutput& output = standard_output();
  const std::lock_guard lock(output.mutex);
  output.kept += text;
  if (output.kept.size() >= most_kept) output.write();
}

void write_out_at_once(std::string_view text) {
  StandardOutput& output = standard_output();
  const std::lock_guard lock(output.mutex);
  output.kept += text;
  output.write();
}

void flush_out() {
  write_out_at_once({});
}

void write_err(std::string_view text) {
  write_all(STDERR_FILENO, text);
}

int end_output(int code) {
  flush_out();
  StandardOutput& output = standard_output();
  const std::lock_guard lock(output.mutex);
  if (output.lost == 0) return code;
  write_err(lost_output_message(output.lost));
  return code == exit_done ? exit_environment : code;
}

}  // namespace trilock::cli
