// The caches as a run uses them: the directory of this machine first, then the tier that machines share, if there is
// one. Nothing here fails a node: what cannot be found is a miss, what cannot be kept a warning.
//
// Thread rule: all functions may be called from any thread at once, but for `finish`, which ends the use of a run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_directory.hpp"
#include "cache/discovered_sets.hpp"
#include "cache/outputs.hpp"
#include "cache/publisher.hpp"
#include "cache/remote_api/messages.hpp"
#include "cache/state_db.hpp"
#include "schemas/action.hpp"
#include "schemas/cache_settings.hpp"

namespace trilock {

class Workspace;

// What the caches answer to one action.
struct CacheAnswer {
  LookupAnswer from = LookupAnswer::miss;
  std::string why;      // of a miss, for statistics: one of few texts
  ActionResult result;  // of a hit: without key, explanation and the XXH3 of its outputs
};

class ResultCache {
 public:
  enum class Use : std::uint8_t {
    look,  // nothing is written but times of use
    keep,
  };
  // `settings` with what the environment says over them.
  ResultCache(Workspace& workspace, const CacheSettings& settings, std::string_view pipeline, Use use);
  ~ResultCache();

  [[nodiscard]] const std::string& name_space() const { return settings_.name_space; }

  CacheAnswer find(const StrongDigest& action, CachePolicy policy);
  // Whether the cache of this machine has the bytes of all these outputs.
  [[nodiscard]] bool holds(std::span<const OutputEntry> outputs);
  // False only when no result can be had of any cache, whatever is asked for.
  [[nodiscard]] bool may_hold_results();
  [[nodiscard]] bool has_shared_tier() const { return shared_ != nullptr; }
  // Where the bytes of a result come from; for restore_outputs. A tier that cannot be asked has not found them.
  [[nodiscard]] FetchAll source(LookupAnswer from);

  // Keeps the result that an action left in the workspace, where its policy allows. corrupt: an output changed
  // meanwhile, so the result must not be used again.
  Status keep(SourceTree& tree, std::string_view label, const ActionMessages& action, const ActionResult& result,
              std::span<const OutputSpec> outputs, CachePolicy policy);

  // Which files an action with a depfile was seen to read: sets of paths, the newest first, under its
  // `discovery_action`.
  [[nodiscard]] std::vector<PathSet> path_sets(const StrongDigest& discovery, CachePolicy policy);
  void keep_path_set(const StrongDigest& discovery, const PathSet& set, CachePolicy policy);

  // The action that the node of that label had last, wherever that was; none when it is not known.
  [[nodiscard]] std::optional<PortableAction> latest(std::string_view label);

  // All of a run is queued: none of it should wait for more to share a sync with. Returns at once.
  void hurry();
  // Waits until all is kept, and evicts what the settings say is too much. Of an interrupted run only this machine
  // keeps what is not shared yet. Returns what the user should be told.
  enum class End : std::uint8_t { done, interrupted };
  [[nodiscard]] std::vector<std::string> finish(End end);

 private:
  using Latest = std::map<std::string, StrongDigest, std::less<>>;
  using NewLatest = std::vector<std::pair<std::string, StrongDigest>>;  // as nodes end; of a label the last counts
  Result<ActionResult> look_up(CacheTier& tier, const StrongDigest& action);
  [[nodiscard]] std::vector<PathSet> path_sets_in(CacheTier& tier, const StrongDigest& discovery);
  [[nodiscard]] Latest latest_in(CacheTier& tier);
  void publish_latest();

  Disk& disk_;
  const CacheSettings settings_;
  const Use use_;
  const StrongDigest latest_action_;
  CacheDirectory local_;
  std::unique_ptr<CacheTier> shared_;     // null when there is none
  std::unique_ptr<Publisher> publisher_;  // null with Use::look

  std::mutex mutex_;
  std::vector<std::string> warnings_;   // guarded by mutex_
  std::optional<Latest> known_latest_;  // guarded by mutex_; read when it is first asked for
  NewLatest new_latest_;                // guarded by mutex_
  NewLatest new_shared_latest_;         // guarded by mutex_
};

// The tier that `settings` name, with what signs and checks its results; null when they name none. Errors, all of the
// user's making: a key that cannot be read, a URL that is none. `warn` hears what does not keep it from being used.
Result<std::unique_ptr<CacheTier>> open_shared_tier(Workspace& workspace, const CacheSettings& settings,
                                                    const std::function<void(std::string)>& warn = nullptr);

// Commands that run nothing ask no server that only a file of the workspace names: ResultCache leaves it out with
// Use::look. Here is what the user should know then, with advice; nothing when there is no such server.
[[nodiscard]] std::optional<Error> unasked_server(const Workspace& workspace, const CacheSettings& settings);

}  // namespace trilock
