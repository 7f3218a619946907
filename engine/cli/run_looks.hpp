// What a watched run looked at, where its snapshot does not tell the watcher whether another run is due: there is none,
// as when the pipeline is wrong, or nodes failed, and the snapshot has their inputs as they are after an edit made
// meanwhile. No later run is answered from it.
#pragma once

#include <optional>

#include "engine/cli/snapshot_writer.hpp"

namespace trilock::cli {

struct RunLooksDraft {
  SnapshotBuilder looks;
  SnapshotRun run;
  std::string state_dir;
};

// `code` is how the run ended. What was edited while it was under way differs from these looks, and what the run wrote
// itself does not.
[[nodiscard]] std::optional<RunLooksDraft> draft_run_looks(const Invocation& invocation, Session& session, int code,
                                                           const std::optional<SnapshotDraft>& snapshot);

// After the state database is closed.
void publish_run_looks(RunLooksDraft draft);

}  // namespace trilock::cli
