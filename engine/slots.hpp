// Counted slots of pools, of jobs, and of things that one node at a time may use; and the nodes that wait for some of
// them. Belongs to one lock.
//
// A node takes all slots that it needs at once or none, so nodes cannot wait for each other in a circle. One that finds
// too few free waits in the line of that slot. Who comes after it there takes none of them meanwhile, so that the slots
// of a heavy node add up. Who comes before it (a longer path behind it, and ready only later) may overtake it eight
// times; then the heavy node goes in front of all, so that it waits for a bounded number of others.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "engine/graph.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// In which order nodes are looked at: the longer remaining path first, then the order of the file.
struct Turn {
  std::uint64_t remaining = 0;
  NodeId id{};
  friend bool operator<(const Turn& a, const Turn& b) {  // as std::priority_queue wants it: the last first
    return a.remaining != b.remaining ? a.remaining < b.remaining : a.id > b.id;
  }
};

class Slots {
 public:
  // A node with more weight than its pool or the jobs have slots takes all of them. Job slots are counted only where
  // some node takes several: otherwise the number of threads is the limit already.
  Slots(const Graph& graph, const std::vector<Pool>& pools, unsigned jobs);

  // False: the node waits in a line now. Nodes that need not wait any more, because of that, are added to `ready`.
  [[nodiscard]] bool take(const Turn& turn, std::vector<Turn>& ready);
  // Those that were waiting and may find enough now are added to `ready`, to `take` once more.
  void give_back(NodeId id, std::vector<Turn>& ready);

 private:
  struct Need {
    std::uint32_t slot;
    std::uint32_t count;
  };
  struct Slot {
    std::uint32_t free = 0;
    std::uint32_t size = 0;
    std::priority_queue<Turn> line = {};  // the first of them finds too few free
    std::uint32_t overtakings = 0;        // of the first in line
  };

  [[nodiscard]] std::uint32_t count_of(NodeId id, std::uint32_t slot) const;
  void call_up(std::uint32_t slot, std::vector<Turn>& ready);
  void overtake(Slot& slot);

  std::vector<Slot> slots_;
  std::vector<std::vector<Need>> needs_;  // by node
};

}  // namespace trilock
