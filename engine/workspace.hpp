// One workspace as it is open: its folder, its state database, the files in it, the doors to processes and tools.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/disk.hpp"
#include "cache/source_tree.hpp"
#include "cache/state_db.hpp"
#include "engine/environment.hpp"
#include "engine/journal.hpp"
#include "engine/parallel.hpp"
#include "engine/process.hpp"
#include "engine/questions.hpp"
#include "engine/state_place.hpp"
#include "engine/tools.hpp"
#include "engine/workspace_search.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/result.hpp"

namespace trilock {

class Workspace {
 public:
  enum class State : std::uint8_t {
    use,   // read what is there; nothing is made on disk, and tools are asked quietly (engine/questions.hpp)
    make,  // make the places of state where they are missing
  };
  enum class Recall : std::uint8_t {
    all,   // what earlier runs knew of files
    some,  // what `recall` asks for
  };
  // `root` is absolute. `warnings` receives what the user should know of the places of state and of the database.
  static Result<std::unique_ptr<Workspace>> open(std::string root, State state, std::vector<std::string>& warnings,
                                                 Recall recall = Recall::all);
  // Over parts that outlive it: how tests run whole builds in memory.
  Workspace(std::string root, StatePlace place, Environment environment, Disk& disk, StateDb& db, ProcessRunner& runner,
            Recall recall = Recall::all);

  // What earlier runs knew of these files, as the source tree names them, or of all. Before they are looked at.
  void recall(std::span<const std::string> paths);
  void recall_all();

  [[nodiscard]] const std::string& root() const { return root_; }
  // What can be done without: digests, results, scratch, logs. This user's alone; nothing may be there before a run.
  [[nodiscard]] const std::string& state_dir() const { return place_.disposable; }
  // What must not be lost, and no command removes unasked.
  [[nodiscard]] const std::string& durable_dir() const { return place_.durable; }
  [[nodiscard]] const StatePlace& place() const { return place_; }
  [[nodiscard]] Disk& disk() { return *disk_; }
  [[nodiscard]] SourceTree& tree() { return tree_; }
  [[nodiscard]] StateDb& db() { return *db_; }
  [[nodiscard]] ProcessRunner& runner() { return *runner_; }
  [[nodiscard]] Questions& questions() { return questions_; }
  [[nodiscard]] Tools& tools() { return tools_; }
  [[nodiscard]] Journal* journal() { return owned_.journal.get(); }  // null over parts of another
  [[nodiscard]] const Environment& environment() const { return environment_; }
  // What its Disk keeps to: the workspace, and what TRILOCK_OUTPUT_ROOTS allows besides.
  [[nodiscard]] Confinement confinement() const;

  // TRILOCK_CACHE_DIR, else `[cache] dir`, else $XDG_CACHE_HOME/trilock, else ~/.cache/trilock. Absolute.
  [[nodiscard]] std::string cache_dir(const CacheSettings& settings) const;
  // Whether the user or the pipeline chose it, so that others may have chosen the same.
  [[nodiscard]] bool cache_dir_is_named(const CacheSettings& settings) const;
  // A path of the pipeline's settings: absolute, below the home directory with `~/`, or seen from the workspace.
  [[nodiscard]] std::string absolute_path(const std::string& path) const;

  // Hands what was learned (digests, answers) to the database, and waits until it is on disk.
  Status save();

  // Ends what an opened workspace has outside of its memory: processes, the journal, the database. Nothing may be asked
  // of it afterwards.
  void close();

 private:
  struct Parts {
    std::unique_ptr<Disk> disk;
    std::unique_ptr<StateDb> db;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<ProcessRunner> runner;
  };
  Parts owned_;  // of an opened workspace; what the pointers below lead to
  std::string root_;
  StatePlace place_;
  Environment environment_;
  Disk* disk_;
  StateDb* db_;
  ProcessRunner* runner_;
  SourceTree tree_;
  Questions questions_;
  Tools tools_;
};

// The outside of a pipeline while it is read: files and git through the workspace.
class WorkspaceWorld final : public PipelineWorld {
 public:
  explicit WorkspaceWorld(Workspace& workspace) : workspace_(workspace) {}
  Result<std::string> read_file(const std::string& path) override;
  Result<std::string> read_stretches(const std::string& path, std::span<const ByteStretch> stretches) override;
  Result<std::vector<std::string>> glob(const std::string& pattern) override;
  std::optional<std::string> environment(const std::string& name) override;
  Result<std::string> git(GitFact fact) override;
  [[nodiscard]] Loop loop() override { return on_all_processors; }

 private:
  Workspace& workspace_;
};

}  // namespace trilock
