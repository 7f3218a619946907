// Whether all that a snapshot speaks of is so still. One statx a look, relative to its directory, on several threads
// where there are many; nothing else is read, and nothing is written.
#pragma once

#include "cache/snapshot.hpp"

namespace trilock {

// `threads` is the most to use, this one included. Ends at the first difference. A look that leads out of the file, or
// that fails in any other way than the one that was recorded, is a difference.
[[nodiscard]] bool is_as_recorded(const SnapshotView& snapshot, unsigned threads);

}  // namespace trilock
