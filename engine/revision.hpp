// A revision of the git repository that the workspace is in, as the files in which it differs from the work tree.
//
// Git is asked for candidates only: a file that was touched, or changed and changed back, may be among them. What
// counts is decided by content, by whoever compares. The comparison is made with a private copy of git's index in which
// the tree of the revision was read, so staged, unstaged and untracked files are one thing, and no file of the
// repository is written. Copies are made as a checkout would make them but without programs that filter files (LFS),
// which nothing starts here (engine/git.hpp): such a file counts as different once it was touched. What git ignores has
// no other state and is in no difference.
//
// A submodule that is checked out is compared in the same way at the commit that the revision has for it; when it lacks
// that commit, all its files count as absent in the revision.
//
// Errors: `invalid` when there is no repository, no such revision or an unusable name; `tool_missing` without git;
// `tool_failed` with what git said. Thread rule: `checkout` may be called from any thread, the rest is constant.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cache/disk.hpp"
#include "engine/environment.hpp"
#include "engine/git.hpp"
#include "engine/process.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/result.hpp"

namespace trilock {

class Revision {
 public:
  struct Surroundings {
    Disk& disk;
    ProcessRunner& runner;
    const Environment& environment;
  };
  // `dir` is a folder of the work tree, absolute and without symlinks; `name` is what the user calls the revision.
  static Result<std::unique_ptr<Revision>> open(const Surroundings& surroundings, const std::string& dir,
                                                const std::string& name);
  ~Revision();                                                           // removes the copies
  [[nodiscard]] const std::string& scratch() const { return scratch_; }  // where they are; "" while there are none
  Revision(const Revision&) = delete;
  Revision& operator=(const Revision&) = delete;

  [[nodiscard]] const std::string& commit() const { return commit_; }  // full object id
  [[nodiscard]] const std::string& top() const { return git_.top(); }  // of the work tree, absolute

  // Absolute path in the work tree -> absolute path of a copy as the revision has it, "" when it has none there. A
  // directory stands for all in it (a repository inside that git does not look into).
  using Differences = std::map<std::string, std::string>;
  [[nodiscard]] const Differences& differences() const { return differences_; }

  // All files of the revision in a directory of their own, for tools that must see them; made when first asked for.
  Result<std::string> checkout();

  // What `${git.…}` means in the revision; the branch is the one that is checked out.
  Result<std::string> fact(PipelineWorld::GitFact fact);

 private:
  Revision(const Surroundings& surroundings, Git git) : surroundings_(surroundings), git_(std::move(git)) {}
  // One repository that is compared: the workspace's, or that of a submodule.
  struct Repository {
    Git git;
    std::string commit;
    std::string index;   // the private one
    std::string copies;  // where copies of its files go
  };
  struct Listed;  // what git lists of one repository

  // What it writes to standard output; `messages` gets what it writes to standard error.
  Result<std::string> git(const Git& git, std::vector<std::string> arguments, const std::string& index = {},
                          std::string* messages = nullptr);
  Status find_commit(const std::string& name);
  Error no_such_revision(const std::string& name);
  Status make_scratch();
  Status compare(const Repository& repository);
  Status list(const Repository& repository, Listed& listed);
  Status copy_files(const Repository& repository, const std::vector<std::string>& paths);
  Status compare_submodule(const Repository& repository, const std::string& path, const std::string& commit);

  Surroundings surroundings_;
  Git git_;
  std::string commit_;
  std::string scratch_;
  std::size_t repositories_ = 0;
  std::optional<Repository> main_;
  Differences differences_;
  std::mutex mutex_;
  std::string checkout_;  // guarded by mutex_
};

}  // namespace trilock
