// Outputs of a node as values: what is on disk, whether it is what was recorded, putting it back. Kept are bytes,
// permission bits, targets of symlinks and empty directories; owners, times, hard links and extended attributes are
// not. Thread rule: any thread, as long as two nodes do not share an output.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/cache_tier.hpp"
#include "cache/source_tree.hpp"
#include "schemas/action.hpp"

namespace trilock {

struct OutputScan {
  std::vector<OutputEntry> entries;  // sorted by path
  // The first thing that no cache can keep: "`out/ctl` is a device, socket or fifo"; "" when all can be kept. It is in
  // no entry.
  std::string unkept;
};

// Reads the declared outputs from disk, with all that is below directories; whatever the tree knew of them before is
// forgotten first. Errors, each naming the path: an output that does not exist (not_found); a symlink that is absolute
// or leads out of its output, or out of the workspace when it is an output itself (invalid).
Result<OutputScan> scan_outputs(SourceTree& tree, std::span<const OutputSpec> outputs);

// "" when the disk holds exactly `entries` at the outputs; otherwise the first difference: "`bin/app` is missing",
// "`bin/app` has other content", "`out/x` is new". Costs one stat an entry and one listing a directory when nothing
// changed.
std::string compare_outputs(SourceTree& tree, std::span<const OutputSpec> outputs,
                            std::span<const OutputEntry> entries);

// Makes the disk hold exactly `entries`; what differs is written and nothing else, each file whole or not at all.
// Fails with not_found or corrupt when a blob is not to be had or the entries would write elsewhere than at the
// outputs, before anything is changed. After any other failure some outputs are old and some are new, and the same
// call again finishes the work. The tree forgets the outputs. What is put in place is made in `scratch_root` (absolute)
// first.
Status restore_outputs(SourceTree& tree, const FetchAll& fetch, std::span<const OutputSpec> outputs,
                       std::span<const OutputEntry> entries, const std::string& scratch_root);

}  // namespace trilock
