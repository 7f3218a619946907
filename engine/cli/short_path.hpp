// The answer to `trilock run` when nothing has changed, from the snapshot that an earlier run left: no database is
// opened, no pipeline read, nothing written. When something has, what that is. Linked into the front alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/cli/change_notice.hpp"

namespace trilock::cli {

struct ShortRun {
  std::span<const char* const> words;     // behind `run`
  std::span<const std::string> programs;  // where the engine may be, absolute; the first that is there is the one
};

// Neither when the engine has to look itself.
struct ShortAnswer {
  std::optional<std::string> report;  // what the engine would print on standard output, without the time at its end
  std::optional<ChangeNotice> changes;
};
[[nodiscard]] ShortAnswer answer_shortly(const ShortRun& run);

}  // namespace trilock::cli
