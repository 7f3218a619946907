// Outputs of a node as values: what is on disk, whether it is what was recorded, putting it back.
// Thread rule: any thread, as long as two nodes do not share an output.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/blobs.hpp"
#include "cache/source_tree.hpp"
#include "schemas/action.hpp"

namespace trilock {

// Reads the declared outputs from disk, with all that is below directories. Errors, each naming the path: an output
// that does not exist; an absolute symlink or one that leaves the output; a socket, device or fifo.
Result<std::vector<OutputEntry>> scan_outputs(SourceTree& tree, std::span<const OutputSpec> outputs);

// Stores the bytes of every file entry.
Status store_outputs(SourceTree& tree, BlobStore& blobs, std::span<const OutputEntry> entries);

// "" when the disk holds exactly `entries` at the outputs; otherwise the first difference: "`bin/app` is missing",
// "`bin/app` has other content", "`out/x` is new". Costs one stat per entry when nothing changed.
std::string compare_outputs(SourceTree& tree, std::span<const OutputSpec> outputs,
                            std::span<const OutputEntry> entries);

// Makes the disk hold exactly `entries`. Only what differs is written. Fails with not_found or corrupt when a blob is
// not to be had, before anything is changed.
Status restore_outputs(SourceTree& tree, BlobStore& blobs, std::span<const OutputSpec> outputs,
                       std::span<const OutputEntry> entries);

}  // namespace trilock
