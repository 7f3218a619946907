// A run of only what a change can have to do with, out of the snapshot and the graph that the run before left.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/change.hpp"
#include "engine/cli/session.hpp"
#include "engine/mapped_file.hpp"

namespace trilock::cli {

// What a run left, still there when its names are gone. Whether it is usable, and of the right run, is seen later.
struct KeptRun {
  explicit KeptRun(const std::string& state_dir);
  MappedFile snapshot;
  MappedFile graph;
};

// What has to be done about the changes that the front found; null when that takes the whole pipeline. `kept` outlives
// it. The workspace recalls what the change needs.
[[nodiscard]] std::unique_ptr<Change> change_since(const KeptRun& kept, const ChangeNotice& notice,
                                                   Workspace& workspace);

// Loads the part of the pipeline that `change` chooses into the session. None when it does not fit to the rest.
[[nodiscard]] std::optional<RunScope> load_part(const Invocation& invocation, Session& session, Change& change);
// The same once it is loaded.
[[nodiscard]] std::optional<RunScope> scope_of_part(Session& session, const Change& change);
// As if that had not been tried.
void forget_part(Session& session);

}  // namespace trilock::cli
