// What can be said before a run of nodes that come after others which would run: whether they would run whatever comes
// out, or may run, depending on that. Nothing is claimed that a run could refute, with one exception: a node that has a
// change of its own, or is new in its workspace, "would run", although a cache may turn out to have just what it then
// needs.
//
// Belongs to one thread; nodes come in the order of the graph, each once.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/decision.hpp"
#include "engine/run_state.hpp"

namespace trilock {

// Why a node is open: it waits for something that is not known before the run.
struct Uncertainty {
  std::string label;    // of the node before it that it depends on: "command.b"
  std::string origin;   // of the node that would run in any case: "command.a"; the same as `label` when that is the one
  std::string because;  // "command.b, which it needs, may run, since command.a would run: input in: content changed"
  std::string short_because;  // "if command.b comes out different"
};

class Foresight {
 public:
  explicit Foresight(const RunState& state);

  // Looks at what was decided with the last results of the nodes before. Empty when it holds whatever these give; then
  // `decision` says what the run does. All that a later node has to know of this one is remembered.
  std::optional<Uncertainty> judge(NodeId id, Decision& decision);

 private:
  enum class Standing : std::uint8_t { settled, restored, runs, may_run };
  struct Seen {  // of one node, by those after it
    Standing standing = Standing::settled;
    bool may_be_skipped = false;   // its `when` is open, or that of a node before it
    std::optional<NodeId> moving;  // a node up to this one whose outputs may change; itself too
    NodeId origin{};               // the node that would run in any case, by which this one may run
    std::string doing;             // "would run: input in: content changed"
  };
  struct Output {
    NodeId node;
    bool may_be_directory;
  };

  struct Cause {
    NodeId node;
    std::string_view how;  // "which it needs"
  };
  [[nodiscard]] std::optional<Cause> cause_of(NodeId id, const Decision& decision, const Seen& seen) const;
  [[nodiscard]] bool changes(NodeId id) const;
  [[nodiscard]] bool waits_for_condition(NodeId id) const;
  [[nodiscard]] bool runs_whatever_comes(NodeId id, const Decision& decision) const;
  [[nodiscard]] bool has_own_change(NodeId id, const Decision& decision) const;
  [[nodiscard]] bool takes_values(NodeId id) const;
  [[nodiscard]] std::optional<NodeId> output_over(std::string_view path) const;
  [[nodiscard]] std::optional<NodeId> output_in(std::span<const InputPattern> patterns) const;
  [[nodiscard]] std::optional<NodeId> output_read_by(NodeId id, const Decision& decision) const;
  void remember(NodeId id, const Decision& decision, Seen seen);

  const RunState& state_;
  std::vector<Seen> seen_;                             // by node
  std::map<std::string, Output, std::less<>> moving_;  // outputs that may change, by path
};

}  // namespace trilock
