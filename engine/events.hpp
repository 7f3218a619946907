// What happens during a run, told to whoever shows it. Functions may be called from any thread at once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph.hpp"
#include "engine/key.hpp"
#include "engine/process.hpp"
#include "schemas/action.hpp"

namespace trilock {

// How one node came out. Written once, by the node's own body.
struct NodeReport {
  Outcome outcome = Outcome::cancelled;
  std::string reason;                // why it ran, was skipped, failed: one line
  std::string help;                  // advice that belongs to a failure, or empty
  std::vector<FieldChange> changes;  // against the last result that was recorded here
  FastDigest key;
  bool has_key = false;
  std::string out;  // what its processes wrote, secrets redacted
  std::string err;
  std::vector<Field> values;
  std::uint64_t duration_ms = 0;
  bool environment_failed = false;  // a tool, the disk: exit code 5 rather than 1
};

struct RunSummary {
  std::array<std::size_t, outcome_count> counts{};
  std::size_t nodes = 0;
  std::uint64_t duration_ms = 0;
  int exit_code = 0;
  bool dry = false;
};

class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void run_started(std::int64_t run, std::size_t nodes) = 0;
  virtual void node_started(NodeId id) = 0;
  virtual void node_output(NodeId id, Stream stream, std::string_view text) = 0;
  virtual void node_finished(NodeId id, const NodeReport& report) = 0;
  virtual void warning(std::string_view text) = 0;
  virtual void run_finished(const RunSummary& summary) = 0;
};

}  // namespace trilock
