// From a table that the user wrote to targets: defaults, matrix, references that need no other node.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schemas/declarations.hpp"
#include "schemas/findings.hpp"
#include "schemas/interpolate.hpp"
#include "schemas/matrix.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/vars.hpp"

namespace trilock {

// A string that is not the same for all coordinates, or refers to nodes: where it is in the table (indexes into entries
// and arrays) and what it holds.
struct Slot {
  std::vector<std::uint32_t> path;
  Template pattern;
};

// The targets of one table are neighbours: `first` to `first + matrix->size() - 1`.
struct ExpandedTable {
  std::uint32_t rule = 0;
  std::string title;  // "image.dev"
  Place place;
  std::optional<Matrix> matrix;  // empty: there was an error in it, and the table has no targets
  std::vector<Slot> slots;
  std::size_t first = 0;
  [[nodiscard]] std::size_t size() const { return matrix ? matrix->size() : 0; }
  [[nodiscard]] bool same_for_all() const;  // but for the label
};

// Appends the targets of `declaration` to `targets`. Each string is interpreted once, not once a coordinate.
[[nodiscard]] ExpandedTable expand_table(TableDeclaration declaration, const ConfigTable& defaults,
                                         std::span<const RuleKeys> rules, Variables& variables,
                                         const SourceMap& sources, Findings& findings, std::vector<Target>& targets);

[[nodiscard]] Config& value_at(ConfigTable& table, std::span<const std::uint32_t> path);

}  // namespace trilock
