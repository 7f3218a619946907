// The scratch directory of one action: made with mode 0700, filled with what the action stages and writes, removed
// with everything in it. Also keeps the node's old outputs while the action runs, so that a failure leaves them as
// they were and a success never mixes them with new ones. They are kept beside the directory: most actions have old
// outputs, and few need one. Nothing of them is deleted before the action has come out well. Belongs to one thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/source_tree.hpp"
#include "schemas/action.hpp"

namespace trilock {

class Scratch {
 public:
  Scratch(SourceTree& tree, std::string dir) : tree_(tree), dir_(std::move(dir)) {}
  ~Scratch();  // the old outputs go with it, unless they were brought back
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& dir() const { return dir_; }
  // Making and removing a directory costs more than starting a small process, so it is made when first needed.
  Status make();
  // Copies with one fixed modification time, so that equal contexts are equal to every builder.
  Status stage(std::span<const StagedEntry> entries);
  // Moves the outputs out of the way and makes the directories that they will be in. After an error the outputs are
  // where they were, or are brought back by `bring_back`.
  Status set_aside(std::span<const OutputSpec> outputs);
  // Where a path at or below an output that was set aside is now, absolute; "" when nothing was there.
  [[nodiscard]] std::string kept(std::string_view path) const;
  // After a failure: the old outputs take the place of whatever the action left. Those for which that fails stay where
  // they are, and the error names the first of them.
  Status bring_back();

 private:
  struct Aside {
    std::string path;    // as the node declares it
    std::string output;  // absolute
    std::string kept;    // absolute, beside the scratch directory
    bool existed = false;
  };
  SourceTree& tree_;
  std::string dir_;
  bool made_ = false;
  std::vector<Aside> aside_;
};

// Moves a file, a symlink or a whole directory to where nothing is. What cannot be renamed (it is a mount point, or the
// place is on another file system) is copied, and removed once all of it is there; a mount point itself stays, empty.
// After an error it is where it was, whole. The directory that it goes to has to exist.
Status move_entry(Disk& disk, const std::string& from, const std::string& to);
// The way back, to a place where nothing may be left but an empty directory that cannot be replaced.
Status move_entry_back(Disk& disk, const std::string& kept, const std::string& to);

}  // namespace trilock
