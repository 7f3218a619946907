// The language of `trilock query`: questions about the graph.
//
//   expression := operand { operator operand }              all operators bind alike, from left to right, as Bazel's do
//   operator   := "+" | "union" | "-" | "except" | "^" | "intersect"
//   operand    := "(" expression ")" | function "(" … ")" | pattern
//   function   := "deps" "(" expression [ "," depth ] ")"     what it depends on, with itself
//               | "rdeps" "(" expression [ "," depth ] ")"    what depends on it, with itself
//               | "path" "(" expression "," expression ")"    one shortest way along dependencies, whichever of
//                                                             the two depends on the other
//
// A pattern is one of the command line: a label, a table, a rule or a glob; commas inside brackets belong to it, and a
// `-` inside a word too. Quotes hold anything. Pure: text and graph in, nodes out. Mistakes are Diagnostics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/graph.hpp"
#include "schemas/diagnostic.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

enum class QueryKind : std::uint8_t { pattern, deps, rdeps, path, join, except, intersect };

// One operand or operator. `left` and `right` are indices into Query::terms; `left` is unused by a pattern, `right` by
// all that have one operand.
struct QueryTerm {
  QueryKind kind = QueryKind::pattern;
  std::string pattern;
  std::uint32_t left = 0;
  std::uint32_t right = 0;
  std::optional<std::uint32_t> depth;  // of deps and rdeps: how many steps at most
  Place place;
};

struct Query {
  std::vector<QueryTerm> terms;
  std::uint32_t root = 0;
};

// The text of `source`, read. Reports the first mistake; then the query is unusable.
[[nodiscard]] Query parse_query(SourceId source, const SourceMap& sources, Diagnostics& diagnostics);

struct QueryAnswer {
  std::vector<NodeId> nodes;  // in graph order; of a query that is one `path`, in the order of the path
  std::string note;           // of a `path` that there is not: why; "" otherwise
};

// Reports every pattern that means no node.
[[nodiscard]] QueryAnswer answer_query(const Query& query, const Pipeline& pipeline, const Graph& graph,
                                       Diagnostics& diagnostics);

}  // namespace trilock
