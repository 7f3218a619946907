#include "engine/slots.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace trilock {
namespace {

constexpr std::uint32_t most_overtakings = 8;
constexpr std::uint64_t in_front_of_all = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Slots::Slots(const Graph& graph, const std::vector<Pool>& pools, unsigned jobs) {
  slots_.push_back({jobs, jobs});
  for (const Pool& pool : pools) slots_.push_back({pool.slots, pool.slots});
  std::unordered_map<std::string_view, std::uint32_t> exclusive_index;
  needs_.resize(graph.size());
  const auto nodes = graph.nodes();
  const bool weighted = std::any_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.weight > 1; });
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(static_cast<NodeId>(i));
    if (weighted) needs_[i].push_back({0, std::min<std::uint32_t>(node.weight, jobs)});
    if (node.pool < pools.size())
      needs_[i].push_back({1 + node.pool, std::min(node.weight, slots_[1 + node.pool].size)});
    for (const std::string& name : node.exclusive) {
      const auto [found, added] = exclusive_index.emplace(name, static_cast<std::uint32_t>(slots_.size()));
      if (added) slots_.push_back({1, 1});
      needs_[i].push_back({found->second, 1});
    }
  }
}

bool Slots::take(const Turn& turn, std::vector<Turn>& ready) {
  const auto& needs = needs_[index_of(turn.id)];
  for (const Need& need : needs) {
    Slot& slot = slots_[need.slot];
    if (slot.free >= need.count && (slot.line.empty() || slot.line.top() < turn)) continue;
    slot.line.push(turn);
    // It may have been called up out of another line, and so kept others waiting there that can start now.
    for (const Need& other : needs)
      if (other.slot != need.slot) call_up(other.slot, ready);
    return false;
  }
  for (const Need& need : needs) {
    Slot& slot = slots_[need.slot];
    slot.free -= need.count;
    if (!slot.line.empty()) overtake(slot);
  }
  return true;
}

void Slots::give_back(NodeId id, std::vector<Turn>& ready) {
  for (const Need& need : needs_[index_of(id)]) slots_[need.slot].free += need.count;
  for (const Need& need : needs_[index_of(id)]) call_up(need.slot, ready);
}

void Slots::call_up(std::uint32_t number, std::vector<Turn>& ready) {
  Slot& slot = slots_[number];
  std::uint32_t left = slot.free;
  while (!slot.line.empty()) {
    const std::uint32_t count = count_of(slot.line.top().id, number);
    if (count > left) return;
    left -= count;
    ready.push_back(slot.line.top());
    slot.line.pop();
    slot.overtakings = 0;
  }
}

void Slots::overtake(Slot& slot) {
  if (++slot.overtakings < most_overtakings) return;
  slot.overtakings = 0;
  const NodeId first = slot.line.top().id;
  slot.line.pop();
  slot.line.push({in_front_of_all, first});
}

std::uint32_t Slots::count_of(NodeId id, std::uint32_t slot) const {
  for (const Need& need : needs_[index_of(id)])
    if (need.slot == slot) return need.count;
  return 0;
}

}  // namespace trilock
