// The door to standard output and standard error, for all commands. What could not be written is not forgotten:
// end_output() turns it into an exit code, since a file that lacks its end must not pass for whole. A reader that went
// away (EPIPE) wants no more, which is no error: a command that only prints has ended by SIGPIPE before it comes to
// that, and a run goes on (docs/cli.md). Thread rule: any thread.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace trilock::cli {

void write_out(std::string_view text);          // kept until there is much of it, flush_out(), or the end
void write_out_at_once(std::string_view text);  // with all that was kept before
void flush_out();
void write_err(std::string_view text);  // at once; where it gets lost, there is nobody left to tell

template <class... Values>
void print_out(fmt::format_string<Values...> format, Values&&... values) {
  write_out(fmt::format(format, std::forward<Values>(values)...));
}
template <class... Values>
void print_err(fmt::format_string<Values...> format, Values&&... values) {
  write_err(fmt::format(format, std::forward<Values>(values)...));
}

// Writes what was kept. `code`; or that of a failed environment, with a message, where all went well but for some of
// the output that is lost.
[[nodiscard]] int end_output(int code);

}  // namespace trilock::cli
