// The graph as text for other programs. Pure. `wanted` is a mask over nodes; edges between wanted nodes are drawn, from
// a node to what depends on it, dashed when they are order only. Nodes of one matrix stand in a frame with the name of
// their table; colours are the rules'.
#pragma once

#include <string>
#include <vector>

#include "engine/graph.hpp"
#include "schemas/json.hpp"
#include "schemas/pipeline.hpp"

namespace trilock::cli {

[[nodiscard]] std::string dot_graph(const Pipeline& pipeline, const Graph& graph, const std::vector<bool>& wanted);
[[nodiscard]] std::string mermaid_graph(const Pipeline& pipeline, const Graph& graph, const std::vector<bool>& wanted);

// {"label","rule","description"}
[[nodiscard]] JsonObject node_document(const Node& node);
// {"version","nodes":[…],"edges":[{"from","to","kind"}]}
[[nodiscard]] JsonObject graph_document(const Graph& graph, const std::vector<bool>& wanted);

}  // namespace trilock::cli
