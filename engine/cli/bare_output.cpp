#include "engine/cli/bare_output.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace trilock::cli {

std::string seconds(std::uint64_t milliseconds) {
  std::array<char, 64> text{};
  if (milliseconds < 100'000)
    std::snprintf(text.data(), text.size(), "%.1f s", static_cast<double>(milliseconds) / 1000);
  else
    std::snprintf(text.data(), text.size(), "%llu min %llu s", static_cast<unsigned long long>(milliseconds / 60'000),
                  static_cast<unsigned long long>(milliseconds / 1000 % 60));
  return text.data();
}

std::string time_taken(std::uint64_t milliseconds) {
  return " in " + seconds(milliseconds);
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
    if (count >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    pollfd writable{fd, POLLOUT, 0};
    ::poll(&writable, 1, -1);
  }
  return 0;
}

std::string lost_output_message(int error) {
  return std::string("error: cannot write to standard output: ") + std::strerror(error) + "\n";
}

bool is_live_terminal(bool terminal, std::string_view term) {
  return terminal && term != "dumb";
}

}  // namespace trilock::cli
