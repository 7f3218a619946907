// How git is asked: in a repository that is found here and not by git, and so that it starts no program but itself,
// takes no lock, fetches nothing and writes nothing.
//
// The nearest `.git` at or above a folder is taken, so a bare repository among the files of the workspace is none. Its
// settings may name programs that git would run by itself: a file system monitor, hooks, filters. `-c` switches off
// what git takes from there, by name, for submodules too; what cannot be switched off so is an error that names it.
// The user's own settings are read in the same way: which of their filters run is for the files of the repository to
// say. docs/design/0017-questions.md
//
// Thread rule: constant once it is found.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cache/disk.hpp"
#include "engine/environment.hpp"
#include "engine/git_config.hpp"
#include "engine/outside.hpp"
#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

class Git {
 public:
  // What a command will look into. Submodules are asked by commands that say whether the work tree has changes.
  enum class Reach : std::uint8_t { repository, submodules };

  // `dir` is absolute and without symlinks; no git is taken that lies in it or in the work tree. not_found: it is in no
  // repository. tool_missing: there is no git. invalid: a setting that cannot be switched off, or what is no
  // repository.
  static Result<Git> find(const std::string& dir, const Environment& environment, Reach reach = Reach::repository);

  [[nodiscard]] const std::string& top() const { return top_; }              // of the work tree, absolute
  [[nodiscard]] const std::string& directory() const { return directory_; }  // of the repository, absolute
  [[nodiscard]] std::string index_file() const { return directory_ + "/index"; }

  struct Command {
    std::string executable;         // absolute
    std::vector<std::string> argv;  // argv[0] is "git"
    std::vector<EnvVar> env;        // on top of the base environment
    std::string dir;                // the top of the work tree: paths in arguments are relative to it
  };
  // `arguments` begin with the name of git's command. `index` is the file to take in place of the repository's.
  [[nodiscard]] Command command(std::vector<std::string> arguments, const std::string& index = {}) const;

 private:
  // Where a repository has its files.
  struct Location {
    std::string top;
    std::string directory;
    std::string common;  // of all its work trees
  };
  static Result<Location> find_place(const std::string& dir);
  static Result<Location> place_at(const std::string& top);
  static Status read_settings(const Location& place, const std::string& home, std::vector<GitSetting>& settings);
  static Status read_submodules(const Location& place, const std::string& home, std::vector<GitSetting>& settings,
                                std::size_t depth);
  Status switch_off(const std::vector<GitSetting>& settings);

  std::string executable_;
  std::string path_variable_;
  std::string top_;
  std::string directory_;
  bool is_ours_ = false;          // whether all of it belongs to this user
  std::vector<std::string> off_;  // "key=value" for -c
};

// A copy of a repository's index in a directory of its own, for commands that would write to the index: they bring the
// stats of files in it up to date, even without optional locks. It has the time of the index, by which git tells which
// files may have changed in the same tick. Gone with its owner.
class GitIndexCopy {
 public:
  static Result<GitIndexCopy> of(const Git& git, Disk& disk, const Environment& environment);
  [[nodiscard]] std::string file() const { return dir_.path() + "/index"; }

 private:
  explicit GitIndexCopy(PrivateDirectory dir) : dir_(std::move(dir)) {}
  PrivateDirectory dir_;
};

// Copies it to `to`; without an index there is nothing to copy. Errors are those of `disk`.
Status copy_git_index(const Git& git, Disk& disk, const std::string& to);

}  // namespace trilock
