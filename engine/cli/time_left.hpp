// How long a run will yet take, from recorded durations: the longer of the longest path that is left and of all work
// that is left shared among the jobs, if all of it has to be done. Pools are not looked at. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/events.hpp"

namespace trilock::cli {

class TimeLeft {
 public:
  TimeLeft(const Graph& graph, const Expectation& expectation);

  // Times are milliseconds on any clock that does not go back.
  void started(NodeId id, std::uint64_t now_ms);
  void finished(NodeId id);
  // None while a node that is not finished has no recorded duration, and when every node has had its time.
  [[nodiscard]] std::optional<std::uint64_t> estimate(std::uint64_t now_ms) const;

 private:
  enum class Phase : std::uint8_t { absent, waiting, running, finished };
  struct State {
    Phase phase = Phase::absent;
    std::uint64_t expected_ms = 0;
    std::uint64_t path_ms = 0;  // with all that comes after it, longest first
    std::uint64_t started_ms = 0;
  };
  std::vector<State> nodes_;
  unsigned jobs_;
  std::size_t unknown_ = 0;  // nodes that are not finished and have no recorded duration
};

}  // namespace trilock::cli
