// What both programs print with, the front (front.cpp) and the engine: without fmt, which the front does not hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trilock::cli {

// "5.2 s", "3 min 20 s".
[[nodiscard]] std::string seconds(std::uint64_t milliseconds);
[[nodiscard]] std::string time_taken(std::uint64_t milliseconds);  // " in 5.2 s", behind summary_counts()

// To the end, waiting for a slow reader, also where another process has made a terminal non-blocking. 0, or the error
// for which the rest could not be written: EPIPE when the reader is gone.
int write_all(int fd, std::string_view text);
[[nodiscard]] std::string lost_output_message(int error);  // "error: cannot write to standard output: …\n"

// Whether standard output is a terminal that can move its cursor.
[[nodiscard]] bool is_live_terminal(bool terminal, std::string_view term);

}  // namespace trilock::cli
