// Finds the node that each reference means, and the labels that `needs` and `after` mean.
#pragma once

#include <span>
#include <vector>

#include "schemas/expand.hpp"
#include "schemas/findings.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// Fills Reference::label and replaces the entries of `needs` and `after` by full labels. Reports unknown nodes, values
// that a node does not have, references that mean none or several nodes, and nodes that refer to themselves; each
// reference at most once, however many coordinates its table has. Only for tables that `choice` links, when it is not
// null. The labels that patterns stand for count in `budget`.
void link_targets(std::span<const ExpandedTable> tables, std::span<const RuleKeys> rules, const TableChoice* choice,
                  std::vector<Target>& targets, ExpansionBudget& budget, Findings& findings);

}  // namespace trilock
