// What all node bodies of one run share. Everything is const during the run but for the parts that say in their own
// header that they may be used from any thread; `finished[i]` is written once by node i's body before any dependant
// of i starts, and read only by those.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/source_tree.hpp"
#include "cache/state_db.hpp"
#include "engine/environment.hpp"
#include "engine/events.hpp"
#include "engine/graph.hpp"
#include "engine/journal.hpp"
#include "engine/process.hpp"
#include "engine/producers.hpp"
#include "engine/questions.hpp"
#include "engine/redact.hpp"
#include "engine/result_cache.hpp"
#include "engine/tools.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

struct RunOptions {
  unsigned jobs = 1;
  bool keep_going = false;
  bool force = false;      // run the nodes that were named, whatever is recorded
  bool overwrite = false;  // what no run made is moved away and does not stop its node
  bool dry_run = false;
  bool replay = false;                          // give the recorded output of nodes that are left alone or restored
  std::vector<Journal::Entry> unfinished = {};  // of a run that was killed, for this one to name
  // Runs that were killed before this one. The database may not have heard of what they made, and nobody of what they
  // had begun to make.
  struct KilledRuns {
    bool any = false;
    // As the disk stamps changes: from before the first of them began, 0 when that is not known, to when the last
    // output of a node that ended was there, if not later.
    std::int64_t began_ns = 0;
    std::int64_t last_ns = 0;
  } killed = {};
  // StateDb::doubted_since_ns: what changed since may be what a power cut left of an output.
  std::int64_t doubted_since_ns = std::numeric_limits<std::int64_t>::max();
  // Called when all nodes are done and recorded, while what they made is still being published, with what the run has
  // come to; the exit code may yet become that of a run whose state cannot be saved, or that was interrupted.
  std::function<void(const RunSummary&)> meanwhile = {};
};

struct OutputCare;  // engine/foreign_outputs.hpp

// What a node left for those that refer to it.
struct FinishedNode {
  Outcome outcome = Outcome::cancelled;
  std::string blamed;  // label of the node that failed, for those that are skipped because of it
  FastDigest key;
  std::optional<ActionResult> result;
  [[nodiscard]] bool usable() const {
    return outcome == Outcome::unchanged || outcome == Outcome::restored || outcome == Outcome::ran;
  }
};

// What a run over a part of a graph has to know of the rest. Thread rule: any thread.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  // Outputs and depfiles, but for those of the nodes that `id` depends on; its own too. Any order.
  virtual void add_foreign_outputs(NodeId id, std::vector<std::string>& outputs) const = 0;
};

struct RunState {
  const Pipeline& pipeline;
  const Graph& graph;
  SourceTree& tree;
  ResultCache* cache;  // null when nothing will run
  StateDb& db;
  Questions& questions;
  Tools& tools;
  ProcessRunner& runner;
  const Environment& environment;
  Executables& executables;  // of the PATH that trilock was started with
  EventListener& events;
  const Redactor& secrets;     // of all nodes
  Journal* journal = nullptr;  // null where there is no state directory
  RunOptions options;
  Producers producers;                                     // empty when no node has a depfile
  std::int64_t began_ns;                                   // no change before the run has a later ctime
  std::string scratch_root;                                // absolute; made when first needed
  std::string platform;                                    // "linux/amd64"
  std::unordered_map<std::string, StoredResult> recorded;  // by label: the last successful results
  std::vector<bool> forced;                                // by node: runs whatever is recorded
  std::vector<FinishedNode> finished;                      // by node
  const Surroundings* around = nullptr;                    // null: the graph is all there is
  OutputCare* care = nullptr;                              // null when nothing will run
  // Nothing will run, only fields of keys are wanted: conditions are not asked, tools and named inputs may be missing.
  bool comparing = false;
};

}  // namespace trilock
