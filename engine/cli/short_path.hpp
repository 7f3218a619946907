// The answer to `trilock run` when nothing has changed, from the snapshot that an earlier run left: no database is
// opened, no pipeline read, nothing written. Linked into the front alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace trilock::cli {

struct ShortRun {
  std::span<const char* const> words;     // behind `run`
  std::span<const std::string> programs;  // where the engine may be, absolute; the first that is there is the one
};

// What the engine would print on standard output, without the time at its end; none when it has to look itself.
[[nodiscard]] std::optional<std::string> unchanged_report(const ShortRun& run);

}  // namespace trilock::cli
