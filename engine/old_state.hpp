// Removes state that nobody uses any more: docs/design/0013-state.md.
// Thread rule: one thread, of a run that holds the workspace's lock.
#pragma once

#include <cstdint>
#include <string>

#include "cache/disk.hpp"
#include "engine/state_place.hpp"

namespace trilock {

inline constexpr std::int64_t unused_state_age_ns = std::int64_t{30} * 24 * 3600 * 1'000'000'000;

// Beside `place` in the `.trilock` of `root`, and in the base of `place`: disposable directories of this user that no
// run has used for 30 days at `now_ns` (since the epoch), are held by no process and keep nothing of the user's; and
// ids whose workspace is gone, with nothing durable. What cannot be removed stays; nothing depends on it. The base is
// gone through once a day.
void remove_old_state(Disk& disk, const std::string& root, const StatePlace& place, std::int64_t now_ns);

}  // namespace trilock
