// One run over a linked graph: opens what nodes share, executes, records, sums up.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "engine/decision.hpp"
#include "engine/events.hpp"
#include "engine/foresight.hpp"
#include "engine/graph.hpp"
#include "engine/run_state.hpp"
#include "engine/workspace.hpp"

namespace trilock {

// A pipeline that was read, planned and linked without errors.
struct PlannedPipeline {
  Pipeline pipeline;
  Graph graph;
};

// Reads, plans and links. Usable only when `diagnostics` has no errors.
[[nodiscard]] PlannedPipeline plan_pipeline(Workspace& workspace, const LoadOptions& options, SourceMap& sources,
                                            Diagnostics& diagnostics);
// The same with the pipeline file and all that it names read through `world`.
[[nodiscard]] PlannedPipeline plan_pipeline(Workspace& workspace, PipelineWorld& world, const LoadOptions& options,
                                            SourceMap& sources, Diagnostics& diagnostics);

// The values of all secrets of a pipeline: what one node was given may turn up in what another one writes.
[[nodiscard]] Redactor secrets_of(const Graph& graph, const Environment& environment);

// Asked between nodes, from any thread: whether the user wants the run to end.
class StopSignal {
 public:
  virtual ~StopSignal() = default;
  [[nodiscard]] virtual bool requested() const = 0;
};

// What a run is about, when it is not a whole graph: engine/change.hpp.
struct RunScope {
  std::vector<bool> decide;                                // by node
  std::vector<FinishedNode> found;                         // by node: how those that are not decided came out before
  std::unordered_map<std::string, StoredResult> recorded;  // by label
  std::vector<std::string> secrets;                        // variables that are secrets of some node
  const Surroundings* around = nullptr;
  std::size_t nodes = 0;  // that the run counts; those that are not decided are unchanged
};

// Runs `selected` and all that they depend on. The summary's exit code is 0, 1, 4, 5 or 130.
RunSummary run_pipeline(Workspace& workspace, const PlannedPipeline& planned, const std::vector<NodeId>& selected,
                        const RunOptions& options, const StopSignal& stop, EventListener& events);
// Runs the nodes that `scope` decides.
RunSummary run_pipeline(Workspace& workspace, const PlannedPipeline& planned, RunScope scope, const RunOptions& options,
                        const StopSignal& stop, EventListener& events);

// The nodes of a run that it would not leave alone, by the same decisions; in order. Runs nothing, and asks no cache.
[[nodiscard]] std::vector<NodeId> find_open(Workspace& workspace, const PlannedPipeline& planned,
                                            const std::vector<NodeId>& selected);
[[nodiscard]] std::vector<NodeId> find_open(Workspace& workspace, const PlannedPipeline& planned, RunScope scope);

// What `why` and `run --dry-run` show of a node: its decision, with the nodes before it as they were recorded.
struct Forecast {
  NodeId id{};
  Decision decision;
  std::vector<Field> fields;  // of its key, when it has one
  // Why this decision may yet change; then the node may run, and the decision is that of last results. Empty when it
  // is what a run does.
  std::optional<Uncertainty> open;
};

// Decides about `selected` and all that they depend on, in order, running nothing.
std::vector<Forecast> forecast(Workspace& workspace, const PlannedPipeline& planned,
                               const std::vector<NodeId>& selected, const RunOptions& options);

}  // namespace trilock
