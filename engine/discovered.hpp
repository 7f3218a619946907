// Inputs that an action names only when it has run: the prerequisites in its depfile. They count by content alone,
// wherever they lie, and so do files that the depfile names and that do not exist. docs/design/0006-depfiles.md
// Thread rule: as the SourceTree.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/key.hpp"
#include "engine/run_state.hpp"

namespace trilock {

// The files that a depfile names, as the tree has them, sorted, unique: less the declared inputs that are regular
// files, which count already, and less what the action itself writes. `dir` (absolute) is where relative paths are
// seen from. ErrorKind::invalid for a text that is no depfile, and for a file that is an output of a node that this
// one does not depend on.
Result<std::vector<std::string>> discovered_paths(RunState& state, NodeId id, const Action& action,
                                                  std::span<const InputState> declared, const std::string& dir,
                                                  std::string_view depfile);

// With the content that each has now: a file's bytes, through symlinks; the names in a directory; zero for none.
[[nodiscard]] std::vector<DiscoveredInput> look_at_discovered(SourceTree& tree, std::span<const std::string> paths);

// The same content as it counts for others: the SHA-256 of a file's bytes, of the names in a directory, or "absent".
// ErrorKind::corrupt when it is no longer what `input` says.
[[nodiscard]] Result<std::string> strong_content_of(SourceTree& tree, const DiscoveredInput& input);

// A path that may have been written after the action began, by the clock that the disk stamps changes with; "" when
// there is none. What was read of it is not known then.
[[nodiscard]] std::string written_since(RunState& state, std::span<const DiscoveredInput> discovered,
                                        std::int64_t began_ns);

}  // namespace trilock
