// Outputs that a killed run had set aside (engine/scratch.hpp) go back to where they were. Belongs to one thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cache/disk.hpp"
#include "engine/journal.hpp"

namespace trilock {

// All absolute.
struct AsidePlaces {
  std::string workspace;
  std::string scratch_root;
  std::string state_dir;  // whose `displaced/` takes what makes room
};

struct AsideReturn {
  std::vector<std::string> back;       // outputs that are as they were before
  std::vector<std::string> displaced;  // absolute: what made room
  std::vector<std::string> errors;     // what cannot go back stays in the scratch root, and its entry in the journal
  std::vector<std::string> kept;       // names in the scratch root that have to stay
};

// Newest first, and each entry is ended once its outputs are back: a kill in the middle leaves the rest to the next
// run. A kept output that is not in the scratch root was not moved yet, or is back already; its place is left alone.
// What is in the place of one that is, or of one that was not there before, is what the killed run had begun; somebody
// may have put something else there since, so it is moved and not removed.
[[nodiscard]] AsideReturn return_aside(std::span<const Journal::Aside> asides, Journal& journal, Disk& disk,
                                       const AsidePlaces& places);

}  // namespace trilock
