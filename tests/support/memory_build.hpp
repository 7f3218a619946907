// Whole runs in this process: a pipeline of `command` nodes over any Disk, with processes that are functions of files
// (tests/support/program.hpp).
//
//   MemoryBuild build;
//   build.disk.put("/w/trilock.toml", …);      // the workspace is /w
//   build.run();  build.outcome("command.a");  build.ran;   // labels that ran, in order
//
// The tool is called `true`, since a tool must be found on the real file system, and that is there on every machine.
// Thread rule: one thread, runs inside may have several jobs.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/run.hpp"
#include "tests/support/memory_disk.hpp"

namespace trilock::test {

class Build {
 public:
  // `disk` outlives it. Paths are absolute.
  Build(Disk& disk, std::string root, std::string cache_dir);
  virtual ~Build();

  // Returns the exit code; 2 when the pipeline has errors (then `findings` holds them as text).
  virtual int run(RunOptions options = {}, std::vector<std::string> labels = {});
  // Reads, plans and links, and no more.
  PlannedPipeline planned();
  // Decides about every node, or those of these labels and what they depend on, running nothing.
  std::vector<Forecast> look(RunOptions options = {}, std::vector<std::string> labels = {});

  [[nodiscard]] Outcome outcome(const std::string& label) const { return reports.at(label).outcome; }
  std::unique_ptr<Workspace> open();  // for what is no run
  void forget_state();                // as if `.trilock` had been deleted

  std::map<std::string, NodeReport> reports;
  std::vector<std::string> ran;
  std::vector<std::string> looked_at;  // labels of what `look` gave
  std::vector<std::string> warnings;
  std::string findings;
  std::map<std::string, std::string> environment;
  // Called before each process with the arguments; may change files.
  std::function<void(const std::vector<std::string>&)> before_process;
  // Asked before each process; what it gives is how the process ended, and nothing else happens.
  std::function<std::optional<ProcessResult>(const ProcessSpec&)> instead_of_process;
  std::atomic<std::size_t> processes = 0;
  // With half of the content of an output whose write failed: what a tool on a full disk leaves.
  std::function<void(const std::string& path, const std::string& half)> after_failed_write;
  std::vector<std::uint64_t> pauses_ms;  // between attempts; none is waited for

 private:
  class Runner;
  class Listener;
  bool plan(Workspace& workspace, PlannedPipeline& planned);
  static std::vector<NodeId> select(const Graph& graph, const std::vector<std::string>& labels);

  Disk& disk_;
  std::string root_;
  std::unique_ptr<StateDb> db_;
  std::unique_ptr<ProcessRunner> runner_;
  SourceMap sources_;
};

// In memory: the workspace is /w, the cache /cache, and time passes before and after a run.
class MemoryBuild final : public Build {
 public:
  MemoryBuild();
  int run(RunOptions options = {}, std::vector<std::string> labels = {}) override;

  MemoryDisk disk;
};

}  // namespace trilock::test
