#include "engine/producers.hpp"

#include <algorithm>

namespace trilock {

Producers::Producers(const Graph& graph) {
  if (std::ranges::none_of(graph.nodes(), [](const Node& node) { return !node.depfiles.empty(); })) return;
  for (std::size_t i = 0; i < graph.size(); ++i)
    for (const OutputSpec& output : graph.node(static_cast<NodeId>(i)).outputs) {
      outputs_.emplace_back(output.path, static_cast<NodeId>(i));
      if (!output.real.empty()) outputs_.emplace_back(output.real.view(), static_cast<NodeId>(i));
    }
  std::ranges::sort(outputs_);
}

std::optional<NodeId> Producers::of(std::string_view path) const {
  for (std::string_view above = path; !above.empty();) {
    const auto found = std::ranges::lower_bound(outputs_, above, {}, &std::pair<std::string_view, NodeId>::first);
    if (found != outputs_.end() && found->first == above) return found->second;
    const std::size_t slash = above.rfind('/');
    above = slash == std::string_view::npos ? std::string_view() : above.substr(0, slash);
  }
  return std::nullopt;
}

}  // namespace trilock
