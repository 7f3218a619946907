#include "engine/query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace trilock {
namespace {

using Set = std::vector<bool>;  // by node

class Evaluator {
 public:
  Evaluator(const Query& query, const Pipeline& pipeline, const Graph& graph, Diagnostics& diagnostics)
      : query_(query), pipeline_(pipeline), graph_(graph), diagnostics_(diagnostics) {}

  // Operands stand before what they belong to, so one pass needs no recursion, however long the query is.
  QueryAnswer answer() {
    sets_.resize(query_.terms.size());
    for (std::uint32_t i = 0; i < query_.root; ++i) sets_[i] = evaluate(query_.terms[i]);
    const QueryTerm& root = query_.terms[query_.root];
    QueryAnswer answer;
    if (root.kind == QueryKind::path) {
      answer.nodes = path(sets_[root.left], sets_[root.right]);
      if (answer.nodes.empty()) answer.note = "there is no path: neither of the two depends on the other";
      return answer;
    }
    const Set found = evaluate(root);
    for (const NodeId id : graph_.order())
      if (found[index_of(id)]) answer.nodes.push_back(id);
    return answer;
  }

 private:
  // Each operand is used once.
  Set evaluate(const QueryTerm& term) {
    if (term.kind == QueryKind::pattern) return nodes_of(term);
    Set left = std::move(sets_[term.left]);
    if (term.kind == QueryKind::deps || term.kind == QueryKind::rdeps) return reach(left, term);
    const Set right = std::move(sets_[term.right]);
    if (term.kind == QueryKind::path) {
      Set on_path(graph_.size(), false);
      for (const NodeId id : path(left, right)) on_path[index_of(id)] = true;
      return on_path;
    }
    for (std::size_t i = 0; i < left.size(); ++i)
      left[i] = term.kind == QueryKind::join     ? left[i] || right[i]
                : term.kind == QueryKind::except ? left[i] && !right[i]
                                                 : left[i] && right[i];
    return left;
  }

  Set nodes_of(const QueryTerm& term) {
    Set found(graph_.size(), false);
    const std::vector<std::string> labels = match_labels(pipeline_, term.pattern);
    for (const std::string& label : labels)
      if (NodeId id{}; graph_.find(label, id)) found[index_of(id)] = true;
    if (!labels.empty()) return found;
    std::vector<std::string_view> names;
    for (const Node& node : graph_.nodes()) names.push_back(node.label);
    std::string help = did_you_mean(term.pattern, names);
    diagnostics_.error(term.place, fmt::format("no node is called `{}`", term.pattern),
                       help.empty() ? "`trilock list` shows all nodes" : help);
    return found;
  }

  // Breadth first, so that the number of steps is the shortest one.
  Set reach(const Set& from, const QueryTerm& term) {
    Set found = from;
    std::vector<NodeId> level;
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i]) level.push_back(static_cast<NodeId>(i));
    const std::uint32_t most = term.depth.value_or(std::numeric_limits<std::uint32_t>::max());
    for (std::uint32_t depth = 0; depth < most && !level.empty(); ++depth) {
      std::vector<NodeId> next;
      for (const NodeId id : level)
        for (const NodeId other : term.kind == QueryKind::deps ? graph_.dependencies(id) : graph_.dependents(id))
          if (!found[index_of(other)]) {
            found[index_of(other)] = true;
            next.push_back(other);
          }
      level = std::move(next);
    }
    return found;
  }

  std::vector<NodeId> path(const Set& from, const Set& to) const {
    std::vector<NodeId> way = path_down(from, to);
    if (!way.empty()) return way;
    way = path_down(to, from);
    std::reverse(way.begin(), way.end());
    return way;
  }

  // From a node to what it depends on.
  std::vector<NodeId> path_down(const Set& from, const Set& to) const {
    constexpr std::uint32_t unseen = std::numeric_limits<std::uint32_t>::max();
    std::vector<std::uint32_t> before(graph_.size(), unseen);
    std::vector<NodeId> open;
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i]) {
        before[i] = static_cast<std::uint32_t>(i);
        open.push_back(static_cast<NodeId>(i));
      }
    for (std::size_t at = 0; at < open.size(); ++at) {
      std::size_t i = index_of(open[at]);
      if (to[i]) {
        std::vector<NodeId> way{open[at]};
        for (; before[i] != i; i = before[i]) way.push_back(static_cast<NodeId>(before[i]));
        std::reverse(way.begin(), way.end());
        return way;
      }
      for (const NodeId other : graph_.dependencies(open[at]))
        if (before[index_of(other)] == unseen) {
          before[index_of(other)] = static_cast<std::uint32_t>(i);
          open.push_back(other);
        }
    }
    return {};
  }

  const Query& query_;
  const Pipeline& pipeline_;
  const Graph& graph_;
  Diagnostics& diagnostics_;
  std::vector<Set> sets_;  // by term
};

}  // namespace

QueryAnswer answer_query(const Query& query, const Pipeline& pipeline, const Graph& graph, Diagnostics& diagnostics) {
  return Evaluator(query, pipeline, graph, diagnostics).answer();
}

}  // namespace trilock
