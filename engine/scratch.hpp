// The scratch directory of one action: made with mode 0700, filled with what the action stages and writes, removed
// with everything in it. Also keeps the node's old outputs while the action runs, so that a failure leaves them as
// they were and a success never mixes them with new ones. They are kept beside the directory: most actions have old
// outputs, and few need one. Nothing of them is deleted before the action has come out well; the journal knows of them,
// so that the run after one that was killed brings them back (engine/aside_return.hpp). Belongs to one thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/source_tree.hpp"
#include "engine/journal.hpp"
#include "schemas/action.hpp"

namespace trilock {

class Scratch {
 public:
  // Without a journal a kill loses what is set aside.
  Scratch(SourceTree& tree, std::string dir, Journal* journal = nullptr)
      : tree_(tree), dir_(std::move(dir)), journal_(journal) {}
  ~Scratch();  // the old outputs stay, unless they were brought back or are not needed any more
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& dir() const { return dir_; }
  // Making and removing a directory costs more than starting a small process, so it is made when first needed.
  Status make();
  // Copies with one fixed modification time, so that equal contexts are equal to every builder.
  Status stage(std::span<const StagedEntry> entries);
  // Moves the outputs of a node out of the way and makes the directories that they will be in. After an error the
  // outputs are where they were, or are brought back by `bring_back`.
  Status set_aside(std::span<const OutputSpec> outputs, const std::string& label);
  // Where a path at or below an output that was set aside is now, absolute; "" when nothing was there.
  [[nodiscard]] std::string kept(std::string_view path) const;
  // After a failure: the old outputs take the place of whatever the action left. Those for which that fails stay where
  // they are for the next run, and the error names the first of them.
  Status bring_back();
  // After a success: the old outputs are not needed any more.
  void accept();
  // After `bring_back`: outputs, relative to the workspace, where what the action left could not be removed.
  [[nodiscard]] const std::vector<OutputSpec>& left() const { return left_; }

 private:
  [[nodiscard]] std::vector<std::string> kept_places(std::span<const OutputSpec> outputs) const;
  Status note(std::span<const OutputSpec> outputs, const std::string& label, std::span<const std::string> places);

  struct Aside {
    std::string path;    // as the node declares it
    std::string output;  // absolute
    std::string kept;    // absolute, beside the scratch directory
    bool existed = false;
  };
  SourceTree& tree_;
  std::string dir_;
  Journal* journal_;
  bool made_ = false;
  std::vector<Aside> aside_;
  std::uint64_t noted_ = 0;  // the number of the journal's entry
  bool keeps_ = false;       // what is aside is all that there is of it
  std::vector<OutputSpec> left_;
};

// Moves a file, a symlink or a whole directory to where nothing is. What cannot be renamed (it is a mount point, or the
// place is on another file system) is copied, and removed once all of it is there; a mount point itself stays, empty.
// After an error it is where it was, whole. The directory that it goes to has to exist.
Status move_entry(Disk& disk, const std::string& from, const std::string& to);
// The way back of what was set aside: as move_entry_back does it, but first under a name with `half_back` when that
// takes more than one step. A kill in the middle of these leaves that name, which says that the place had been cleared.
inline constexpr std::string_view half_back = ".back";
Status put_back(Disk& disk, const std::string& kept, const std::string& to);
// The way back, to a place where nothing may be left but an empty directory that cannot be replaced.
Status move_entry_back(Disk& disk, const std::string& kept, const std::string& to);

}  // namespace trilock
