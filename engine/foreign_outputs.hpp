// Files that stand at the outputs of a node and that no result of this user made. Nothing of them is lost unasked:
//
//   the bytes that a result made here, or that the cache directory has,
//   and a symlink to an output of the same node                         replaced; nothing is said
//   tracked by git, with the bytes of its index                         replaced, and said; git has them
//   ignored by git                                                      moved to `displaced/` of the state directory
//   anything else                                                       the node stops before it changes anything
//
// With RunOptions::overwrite, and after a run that was killed, or a power cut, and may have left half of it, what would
// stop the node is moved to `displaced/` as well. A file that comes out with the bytes that it had is as if it had been
// made here before. The mode of a file, empty directories, and fifos, sockets and devices below an output hold nothing
// that could be lost.
//
// Costs one stat an output where there is nothing, and else one an entry; git is asked only about what nobody here
// knows. Thread rule: any thread, as long as two nodes do not share an output.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/decision.hpp"
#include "engine/displaced.hpp"
#include "engine/made_index.hpp"
#include "engine/run_state.hpp"
#include "engine/scratch.hpp"

namespace trilock {

// What a run needs to know of files that are not its own; one a run.
struct OutputCare {
  OutputCare(StateDb& db, Disk& disk, const std::string& state_dir) : made(db), displaced(disk, state_dir) {}
  MadeIndex made;
  Displaced displaced;
};

struct ForeignFile {
  std::string path;  // relative to the workspace
  enum class Fate : std::uint8_t {
    displaced,  // kept in `displaced/`
    replaced,   // git has it
  } fate = Fate::displaced;
};

// Before the action of a node changes anything at `outputs`. ErrorKind::invalid when it must not; help says what to do.
Result<std::vector<ForeignFile>> find_foreign(RunState& state, NodeId id, const Decision& decision,
                                              std::span<const OutputSpec> outputs);

// After the action came out well, before what was set aside goes: moves to `displaced/` what has to be kept, and says
// what became of each file that is not as it was. After an error nothing has been moved. ErrorKind::invalid when
// something that git has would be gone, with nothing in its place.
Status settle_foreign(RunState& state, NodeId id, std::span<const ForeignFile> files, const Scratch& scratch);

// The same of outputs that are put back from a cache, where only what differs is touched.
class MadeWay {
 public:
  MadeWay(RunState& state, NodeId id) : state_(state), id_(id) {}
  // Before `entries` are restored: what is in the way and has to be kept goes to `displaced/`. Errors as find_foreign.
  Status make(std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries);
  void say();   // when they are restored
  void undo();  // when they are not

 private:
  struct Moved {
    std::string path;
    std::string kept;
  };
  RunState& state_;
  NodeId id_;
  std::vector<Moved> moved_;
  std::vector<std::string> replaced_;
};

}  // namespace trilock
