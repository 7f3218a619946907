// `run --json`: one event per line on standard output, as docs/cli.md describes them. Each line is written whole.
#pragma once

#include <mutex>

#include "engine/events.hpp"
#include "schemas/diagnostic.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {

class JsonEvents final : public EventListener {
 public:
  explicit JsonEvents(const Graph& graph) : graph_(graph) {}

  void run_started(std::int64_t run, std::size_t nodes) override;
  void node_started(NodeId id) override;
  void node_output(NodeId id, Stream stream, std::string_view text) override;
  void node_finished(NodeId id, const NodeReport& report) override;
  void warning(std::string_view text) override;
  void run_finished(const RunSummary& summary) override;

 private:
  void print(JsonObject event);
  const Graph& graph_;
  std::mutex mutex_;
};

[[nodiscard]] JsonObject to_json(const Diagnostic& diagnostic, const SourceMap& sources);

}  // namespace trilock::cli
