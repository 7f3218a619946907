// Finds, and makes, the places of a workspace's state; engine/state_place.hpp has the layout, and
// docs/design/0013-state.md the reasons.
// Thread rule: one thread. Several processes may do it at once and come to the same places.
#pragma once

#include <string>
#include <vector>

#include "cache/disk.hpp"
#include "engine/environment.hpp"
#include "engine/state_place.hpp"
#include "schemas/result.hpp"

namespace trilock {

enum class StateAccess : std::uint8_t {
  look,  // nothing is made on disk; without an earlier run the place is one where nothing is
  make,
};

struct OpenedState {
  StatePlace place;
  std::vector<std::string> warnings;  // each a text, its help behind a line break
};

// `root` is absolute and canonical. Errors say what to do: no directory can be told, one of the places is not this
// user's or holds something else, the system refuses.
[[nodiscard]] Result<OpenedState> open_state(Disk& disk, const std::string& root, const Environment& environment,
                                             StateAccess access);

}  // namespace trilock
