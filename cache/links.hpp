// Where a path leads once the symlinks in it are followed, told by names. For what is decided from it: a write is kept
// in its place by cache/beneath.hpp.
#pragma once

#include <string>

#include "cache/source_tree.hpp"

namespace trilock {

struct LinkEnd {
  std::string path;  // without symlinks as far as it exists, as the tree names it: absolute outside of the workspace
  bool exists = false;
  FileType type = FileType::other;
  std::uint32_t mode = 0;
  [[nodiscard]] bool inside() const { return !path.starts_with('/'); }
};

// Follows all symlinks of `path`, the last component's too. Each of them, and that nothing is where one leads, is
// looked at through the tree and so in its account; directories on the way are not, since their stats change with all
// that is made in them, and what lies behind them is looked at by itself. A loop leads nowhere, as a missing file does.
Result<LinkEnd> follow_links(SourceTree& tree, const std::string& path);

}  // namespace trilock
