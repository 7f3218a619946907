// The door to processes. A process is started directly (no shell between), in a process group of its own, with exactly
// the given environment; its output is read as it comes. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/source_tree.hpp"
#include "engine/descendants.hpp"
#include "schemas/result.hpp"

namespace trilock {

enum class Stream : std::uint8_t { out, err };

struct ProcessSpec {
  std::string executable;                                   // absolute
  std::vector<std::string> argv;                            // argv[0] as the process sees it
  std::vector<std::string> env;                             // "NAME=value"
  std::string dir;                                          // absolute
  std::uint64_t timeout_ms = 0;                             // 0: no limit
  std::function<void(Stream, std::string_view)> on_output;  // called on the calling thread; may be empty
};

enum class ProcessEnd : std::uint8_t { exited, signaled, timed_out, cancelled };

struct ProcessResult {
  ProcessEnd end = ProcessEnd::exited;
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
  std::uint64_t duration_ms = 0;
};

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  // Blocks until the process has ended, and with it all that it started, wherever that went: what outlives it gets
  // KILL; after a time limit or a stop it first has the rest of the grace period. An error only when it could not be
  // started.
  virtual Result<ProcessResult> run(const ProcessSpec& spec) = 0;
  // From any thread: every running process and every later one is cancelled. `terminate` sends TERM, then KILL after
  // the grace period; `kill` sends KILL at once.
  enum class Stop : std::uint8_t { terminate, kill };
  virtual void stop(Stop how) = 0;
  // Ends all that processes have left, of whichever it is. Only while none runs. Returns those that cannot be ended:
  // another user's.
  virtual std::vector<Survivor> end_all() { return {}; }
  // Blocks for that long and gives true; gives false as soon as there is a stop.
  virtual bool pause(std::uint64_t milliseconds) = 0;
};

struct ProcessRunnerOptions {
  std::uint64_t grace_ms = 10'000;  // between TERM and KILL
  Brands brands = new_brands();
  // Called once, before the first process is started; an error is that of every process then. May be empty.
  std::function<Status()> before_first = nullptr;
};

// Its destructor ends what processes have left.
[[nodiscard]] std::unique_ptr<ProcessRunner> make_process_runner(ProcessRunnerOptions options = {});

// The executable that a name means: with a slash relative to `dir`, otherwise the first match in `path_variable`.
// "" when there is none. Absolute otherwise.
[[nodiscard]] std::string find_executable(std::string_view name, std::string_view path_variable, std::string_view dir);
[[nodiscard]] std::vector<std::string> find_all_executables(std::string_view name, std::string_view path_variable);
// The same; every place that was looked at goes into the account of the tree.
[[nodiscard]] std::string find_executable(SourceTree& tree, std::string_view name, std::string_view path_variable,
                                          std::string_view dir);
[[nodiscard]] std::vector<std::string> find_all_executables(SourceTree& tree, std::string_view name,
                                                            std::string_view path_variable);

// find_executable for one PATH, each name looked for until it is found: a run starts the same few programs over and
// over. Thread rule: any thread.
class Executables {
 public:
  explicit Executables(std::string path_variable) : path_variable_(std::move(path_variable)) {}
  [[nodiscard]] std::string find(const std::string& name);  // without a slash, or absolute; "" when there is none

 private:
  std::string path_variable_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> found_;  // guarded by mutex_
};

}  // namespace trilock
