// What the front has found changed, handed to the engine that it becomes: it has looked at everything once, and nobody
// should have to again. Linked into both.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schemas/digest.hpp"

namespace trilock::cli {

struct ChangeNotice {
  FastDigest snapshot;               // SnapshotHeader::sum
  std::vector<std::uint32_t> looks;  // of it, that differ; ascending
};

// For the program that this process becomes, in a file without a name. When that cannot be had nothing is handed over.
void hand_over(const ChangeNotice& notice);
// What was handed over to this process; once, and before it starts another. Numbers are not checked.
[[nodiscard]] std::optional<ChangeNotice> take_over();

}  // namespace trilock::cli
