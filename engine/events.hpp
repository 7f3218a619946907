// What happens during a run, told to whoever shows it. Functions may be called from any thread at once.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/state_db.hpp"
#include "engine/graph.hpp"
#include "engine/key.hpp"
#include "engine/process.hpp"
#include "schemas/action.hpp"

namespace trilock {

// Bytes of one stream that came together, before those of the other.
struct OutputPiece {
  Stream stream = Stream::out;
  std::size_t size = 0;
};

// How one node came out. Written once, by the node's own body.
struct NodeReport {
  Outcome outcome = Outcome::cancelled;
  std::string reason;                // why it ran, was skipped, failed: one line
  std::string help;                  // advice that belongs to a failure, or empty
  std::vector<FieldChange> changes;  // against the last result that was recorded here
  FastDigest key;
  bool has_key = false;
  // What its processes wrote, secrets redacted; of a node that was left alone or restored only when RunOptions::replay
  // asks for it, as it was recorded. `order` tells how the two came, where that is known.
  std::string out;
  std::string err;
  std::vector<OutputPiece> order;
  std::string command;  // of a failure: the command line that failed, secrets redacted
  std::vector<Field> values;
  std::uint64_t duration_ms = 0;
  std::optional<LookupAnswer> answer;  // of the cache, when it was asked
  std::string answer_reason;           // of a miss
  bool environment_failed = false;     // a tool, the disk: exit code 5 rather than 1
  bool may_run = false;                // of a dry run: whether it would run depends on what nodes before it give
};

struct RunSummary {
  std::array<std::size_t, outcome_count> counts{};
  std::size_t nodes = 0;
  std::uint64_t duration_ms = 0;
  int exit_code = 0;
  bool dry = false;
  std::size_t may_run = 0;           // of a dry run, in place of an outcome
  std::vector<NodeId> touched = {};  // that came out other than unchanged; any order
};

// What is known before a run of how long it will take.
struct Expectation {
  const std::vector<bool>& wanted;                // by node: it belongs to the run
  const std::vector<std::uint64_t>& expected_ms;  // by node: the recorded duration, 0 when unknown
  unsigned jobs = 1;
  std::size_t settled = 0;  // nodes of the run that are known to be unchanged; nothing else is told of them
};

class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void run_expected(const Expectation&) {}  // before run_started
  virtual void run_started(std::int64_t run, std::size_t nodes) = 0;
  virtual void node_started(NodeId id) = 0;
  virtual void node_output(NodeId id, Stream stream, std::string_view text) = 0;
  virtual void node_finished(NodeId id, const NodeReport& report) = 0;
  virtual void warning(std::string_view text) = 0;
  virtual void run_finished(const RunSummary& summary) = 0;
};

// For what decides without running; what is of interest may be overridden.
class SilentListener : public EventListener {
 public:
  void run_started(std::int64_t, std::size_t) override {}
  void node_started(NodeId) override {}
  void node_output(NodeId, Stream, std::string_view) override {}
  void node_finished(NodeId, const NodeReport&) override {}
  void warning(std::string_view) override {}
  void run_finished(const RunSummary&) override {}
};

}  // namespace trilock
