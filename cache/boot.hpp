// Which start of the machine this is. What a run wrote is whole while the machine stays up; when the power fails, bytes
// that were not synced may be lost where the file still has the size and the times that it had with them. So what is
// known of a file by its stat is believed after another boot only where the file was on disk before:
// docs/design/0015-power-cuts.md.
//
// Without fmt: the front asks too. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <string>

namespace trilock {

struct Boot {
  std::string id;               // "" where there is no /proc: then all boots are one
  std::int64_t started_ns = 0;  // since the epoch, somewhat earlier: a file with an older ctime was there before
};
[[nodiscard]] Boot current_boot();

}  // namespace trilock
