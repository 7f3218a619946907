// `run --json`: one event per line on standard output, as docs/cli.md describes them. Each line is written whole, at
// once.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/cli/report_text.hpp"
#include "engine/events.hpp"
#include "schemas/diagnostic.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {

// Makes valid UTF-8 of bytes that come in pieces: what is none becomes U+FFFD, a character that is cut in two by the
// end of a piece waits for the next one.
class Utf8Stream {
 public:
  [[nodiscard]] std::string feed(std::string_view piece);
  [[nodiscard]] std::string finish();

 private:
  std::string kept_;  // the beginning of a character: at most three bytes
};

class JsonEvents final : public EventListener {
 public:
  JsonEvents(const Graph& graph, OutputMode output) : graph_(graph), output_(output) {}

  void run_started(std::int64_t run, std::size_t nodes) override;
  void node_started(NodeId id) override;
  void node_output(NodeId id, Stream stream, std::string_view text) override;
  void node_finished(NodeId id, const NodeReport& report) override;
  void warning(std::string_view text) override;
  void run_finished(const RunSummary& summary) override;

 private:
  void output(NodeId id, Stream stream, std::string text);
  void recorded_output(NodeId id, const NodeReport& report);
  void print(JsonObject event);
  const Graph& graph_;
  const OutputMode output_;
  std::mutex mutex_;
  std::map<NodeId, std::array<Utf8Stream, 2>> streams_;  // guarded by mutex_; of running nodes that wrote something
};

// The event that ends every run, also one that could not begin.
[[nodiscard]] JsonObject run_finished_event(const RunSummary& summary);
[[nodiscard]] JsonObject diagnostic_event(JsonObject finding);
[[nodiscard]] JsonObject diagnostic_event(const Error& error);
void print_event(JsonObject event);

[[nodiscard]] JsonObject to_json(const Diagnostic& diagnostic, const SourceMap& sources);

}  // namespace trilock::cli
