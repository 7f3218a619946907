// The end of a run that left nothing to do: all that it looked at is written down, so that the front (front.cpp) can
// see that it is still so and answer the same command without the engine. docs/design/0009-short-path.md says what must
// hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cache/graph_index.hpp"
#include "cache/snapshot.hpp"
#include "engine/change.hpp"
#include "engine/cli/part_run.hpp"
#include "engine/cli/session.hpp"

namespace trilock::cli {

// A snapshot and its graph that have become those of the next run but for what only the end can tell.
struct RevisedRun {
  KeptRun* kept = nullptr;                                 // outlives the draft
  std::vector<std::pair<std::uint32_t, std::string>> own;  // looks, and at which files
  bool graph_changed = false;
};

// One that is made from nothing.
struct NewRun {
  SnapshotBuilder looks;
  GraphIndex graph;
};

struct SnapshotDraft {
  std::variant<NewRun, RevisedRun> what;
  SnapshotRun run;
  std::string state_dir;
};

// The words of the same run without flags that only say what is shown, or that make a run do more than it has to. When
// there is nothing to do these say nothing: what they left is what the plain command finds.
[[nodiscard]] std::vector<std::string> plain_words(const Invocation& invocation);

// Looking once more costs as much as a run with nothing to do. Of more nodes than these it is left to the next run,
// which has to do it anyway.
inline constexpr std::size_t most_looked_at_twice = 20'000;

// None when a stat cannot tell whether the next run would do the same, or when it would say more than what it did. What
// a run touched is looked at once more, as the next one would; no process is started for that. A node that did not come
// out stays to be decided by every run, whatever else is as it was.
[[nodiscard]] std::optional<SnapshotDraft> draft_snapshot(const Invocation& invocation, Session& session,
                                                          const RunSummary& summary, const StopSignal& stop);

// The same after a run of a part, which `change` chose from `kept`. What is kept becomes what is drafted where the run
// looked at the same as the one before; then `change` is of no more use.
[[nodiscard]] std::optional<SnapshotDraft> draft_snapshot(const Invocation& invocation, Session& session,
                                                          Change& change, KeptRun& kept, const RunSummary& summary,
                                                          const StopSignal& stop);

// The graph of a draft, which its snapshot is going to name. Nothing else may use the draft meanwhile.
void write_graph(SnapshotDraft& draft);

// When the graph is written. When the state database is closed and the lock is still held: what stands in the file is
// the state of the database as it stays. Without a result: a snapshot that could not be written costs time.
void publish(SnapshotDraft draft);

}  // namespace trilock::cli
