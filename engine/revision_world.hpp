// The doors of a workspace as they would be with a revision checked out (engine/revision.hpp): the work tree with the
// files in which the revision differs laid over it. Everything else, what git ignores included, is the work tree's.
// Thread rule: any thread.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/disk.hpp"
#include "engine/process.hpp"
#include "engine/revision.hpp"
#include "engine/workspace.hpp"

namespace trilock {

// Reads only: every change is an error. Paths that lead through symlinked directories are followed as the revision has
// them. `apart` holds absolute paths at and below which the work tree counts: declared outputs, which nodes make, and
// which are compared by comparing the nodes.
class RevisionDisk final : public Disk {
 public:
  RevisionDisk(Disk& disk, std::string top, const Revision::Differences& differences, std::vector<std::string> apart);

  Result<FileStat> stat(const std::string& path) override;
  Result<FileStat> stat_following(const std::string& path) override;
  Result<std::vector<DirEntry>> list(const std::string& path) override;
  Result<std::string> read(const std::string& path) override;
  Result<std::string> read_start(const std::string& path, std::size_t bytes) override;
  Result<std::string> read_link(const std::string& path) override;
  Result<FastDigest> hash_fast(const std::string& path) override;
  Result<ContentDigests> hash_both(const std::string& path) override;
  std::int64_t change_clock_ns() override { return disk_.change_clock_ns(); }
  std::int64_t latest_stamp_ns() override { return disk_.latest_stamp_ns(); }
  void wait_for_clock(std::int64_t time_ns) override { disk_.wait_for_clock(time_ns); }
  Result<std::uint64_t> free_bytes(const std::string& path) override { return disk_.free_bytes(path); }

  Status write(const std::string& path, std::string_view content, std::uint32_t mode) override;
  Status copy(const std::string& from, const std::string& to, std::uint32_t mode) override;
  Status make_directories(const std::string& path, std::uint32_t mode) override;
  Status make_symlink(const std::string& target, const std::string& path) override;
  Status set_mode(const std::string& path, std::uint32_t mode) override;
  Status set_mtime(const std::string& path, std::int64_t mtime_ns) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_empty_directory(const std::string& path) override { return remove(path); }
  Status check_place(const std::string& path) override { return remove(path); }

  // A revision has no cache of its own.
  Result<std::string> read_plain(const std::string& path, std::uint64_t largest) override;
  Result<StrongDigest> hash_plain(const std::string& path) override;
  Status write_new(const std::string& path, std::string_view bytes, NewFileMode mode) override;
  Result<FileStat> copy_exact(const std::string& from, const std::string& to, const StrongDigest& digest,
                              std::uint64_t size, NewFileMode mode) override;
  Status touch(const std::string& path) override;
  Status sync_files(std::span<const std::string> paths) override;
  Status sync_directories(std::span<const std::string> paths) override;
  Result<std::unique_ptr<DiskLock>> try_lock(const std::string& path) override;

 private:
  enum class Source : std::uint8_t { work_tree, copy, absent, directory };  // directory: only the revision has it
  struct Found {
    Source source = Source::work_tree;
    std::string path;  // where the bytes are; with `absent` and `directory` the path that was asked for
  };
  enum class Last : std::uint8_t { keep, follow };  // a symlink in the last component

  [[nodiscard]] bool differs_below(const std::string& dir) const;
  [[nodiscard]] bool copied_below(const std::string& dir) const;
  Found find(const std::string& path);    // no symlink in its directories
  bool vanishes(const std::string& dir);  // a directory that holds nothing but what the revision has not
  std::string real_path(const std::string& path, Last last, int symlinks = 0);
  Result<FileStat> stat_of(const Found& found, const std::string& path);

  Disk& disk_;
  std::string top_;
  Revision::Differences differences_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> real_directories_;  // guarded by mutex_
};

// Runs processes in a checkout of the revision when they would run in the work tree, and reports the paths of the
// work tree. What git ignores is not there.
class RevisionRunner final : public ProcessRunner {
 public:
  RevisionRunner(ProcessRunner& runner, Revision& revision) : runner_(runner), revision_(revision) {}
  Result<ProcessResult> run(const ProcessSpec& spec) override;
  void stop(Stop how) override { runner_.stop(how); }
  bool pause(std::uint64_t milliseconds) override { return runner_.pause(milliseconds); }

 private:
  ProcessRunner& runner_;
  Revision& revision_;
};

// What reading the pipeline needs, as the revision has it. `workspace` is one over a RevisionDisk.
class RevisionWorld final : public PipelineWorld {
 public:
  RevisionWorld(Workspace& workspace, Revision& revision) : files_(workspace), revision_(revision) {}
  Result<std::string> read_file(const std::string& path) override { return files_.read_file(path); }
  Result<std::vector<std::string>> glob(const std::string& pattern) override { return files_.glob(pattern); }
  std::optional<std::string> environment(const std::string& name) override { return files_.environment(name); }
  Result<std::string> git(GitFact fact) override { return revision_.fact(fact); }
  [[nodiscard]] Loop loop() override { return files_.loop(); }

 private:
  WorkspaceWorld files_;
  Revision& revision_;
};

}  // namespace trilock
