// The scratch directory of one action: made with mode 0700, filled with what the action stages and writes, removed
// with everything in it. Also keeps the node's old outputs while the action runs, so that a failure leaves them as
// they were and a success never mixes them with new ones. They are kept beside the directory: most actions have old
// outputs, and few need one. Belongs to one thread.
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
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& dir() const { return dir_; }
  // Making and removing a directory costs more than starting a small process, so it is made when first needed.
  Status make();
  // Copies with one fixed modification time, so that equal contexts are equal to every builder.
  Status stage(std::span<const StagedEntry> entries);
  // Moves the outputs out of the way and makes the directories that they will be in.
  Status set_aside(std::span<const OutputSpec> outputs);
  // After a failure: the old outputs take the place of whatever the action left.
  Status bring_back();

 private:
  struct Aside {
    std::string output;  // absolute
    std::string kept;    // absolute, beside the scratch directory
    bool existed = false;
  };
  SourceTree& tree_;
  std::string dir_;
  bool made_ = false;
  std::vector<Aside> aside_;
};

}  // namespace trilock
