// Whether all that a snapshot speaks of is so still. One statx a look, relative to its directory, on several threads
// where there are many; nothing else is read, and nothing is written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "cache/snapshot.hpp"

struct statx;

namespace trilock {

// The looks, by their place in the file, that are not as recorded; ascending. None when the file is damaged, or when
// more than `most` differ. `threads` is the most to use, this one included. A look that fails in any other way than the
// one that was recorded is a difference.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> differing_looks(const SnapshotView& snapshot, unsigned threads,
                                                                        std::uint32_t most);

// The same of a few looks, ascending and each once, of a snapshot whose sum was seen to hold. `seen` hears of each that
// is as recorded and not of nothing, with all that the system said of it.
using SeenLook = std::function<void(std::uint32_t look, const struct statx& now)>;
[[nodiscard]] std::optional<std::vector<std::uint32_t>> differing_looks(const SnapshotView& snapshot,
                                                                        std::span<const std::uint32_t> looks,
                                                                        const SeenLook& seen = {});

// Whether there are none; ends at the first.
[[nodiscard]] inline bool is_as_recorded(const SnapshotView& snapshot, unsigned threads) {
  return differing_looks(snapshot, threads, 0).has_value();
}

}  // namespace trilock
