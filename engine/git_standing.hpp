// What git knows of files that a run would replace: whether it has what is in them, and whether they matter to it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cache/disk.hpp"
#include "engine/environment.hpp"
#include "engine/process.hpp"

namespace trilock {

enum class GitStanding : std::uint8_t {
  unmodified,  // it is tracked, and its bytes are those of the index
  ignored,     // it is not tracked, and an ignore rule names it
  other,       // modified, untracked, in no repository, or nobody could say
};

struct GitSurroundings {
  Disk& disk;
  ProcessRunner& runner;
  const Environment& environment;
};

// Of these files and symlinks, in their order: absolute paths. Each is asked for in the innermost work tree that it
// lies in; two processes of git a work tree, unless there are very many files. Nothing that a repository configures is
// run: content is compared without filters, so a file that git would convert is `other`. Writes nothing. Thread rule:
// any thread.
[[nodiscard]] std::vector<GitStanding> git_standing(const GitSurroundings& surroundings,
                                                    std::span<const std::string> paths);

}  // namespace trilock
