// The context of an image build: what lies below a directory, less what `.dockerignore` says and less what other nodes
// write. Reads through the source tree. Thread rule: any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/source_tree.hpp"
#include "rules/image/dockerignore.hpp"
#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

// The rules for a Dockerfile and a context, both relative to the workspace: `<Dockerfile>.dockerignore` when it exists
// (even empty), else `.dockerignore` of the context, else none. Errors name the file.
[[nodiscard]] Result<IgnoreRules> read_ignore_rules(SourceTree& tree, const std::string& dockerfile,
                                                    const std::string& context);

struct ContextListing {
  std::vector<StagedEntry> entries;  // parents before what is in them; the first is the context itself
  std::vector<std::string> inputs;   // the same paths, without the context itself; sorted
};

// `skip` holds paths that are left out with all below them, and with directories that are there for them alone: whether
// such a directory exists depends on who ran before. `.trilock` is always left out, sockets and devices too. An ignored
// directory is kept when something in it is not ignored. `destination` is where the copy goes in the scratch directory.
[[nodiscard]] Result<ContextListing> list_context(SourceTree& tree, const std::string& context,
                                                  const IgnoreRules& rules, std::span<const std::string> skip,
                                                  const std::string& destination);

}  // namespace trilock
