// What `/proc` says of processes. Thread rule: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trilock {

struct ProcessFacts {
  std::string name;
  char state = 'Z';
  std::uint64_t started = 0;  // in ticks since the machine started, as /proc counts; 0: not known
};

struct Survivor {
  pid_t pid = -1;
  std::string name;
};

// Nothing when there is no such process.
[[nodiscard]] std::optional<ProcessFacts> facts_of(pid_t pid);
// The same from the text of /proc/PID/stat. The name in it may hold anything, parentheses and spaces as well.
[[nodiscard]] std::optional<ProcessFacts> parse_facts(std::string_view stat);
[[nodiscard]] std::optional<uid_t> real_user_of(pid_t pid);
// The soft limit RLIMIT_LOCKS, where process tags are (engine/descendants.hpp). Nothing when the process is gone, or
// may not be asked since it is another user's.
[[nodiscard]] std::optional<std::uint64_t> lock_limit_of(pid_t pid);
[[nodiscard]] std::vector<pid_t> all_processes();
// The numbers in a text of one number a line or word, as far as it is that.
[[nodiscard]] std::vector<pid_t> parse_pids(std::string_view text);

// Reaps a child of this process that was sent KILL. False when it has not ended after five seconds: what waits for a
// broken disk or network share does not.
[[nodiscard]] bool reap_killed(pid_t pid);

}  // namespace trilock
