// References in the strings of a pipeline. `${var.x}`, `${env.X}` and `${git.tag}` are replaced at once; what depends
// on the coordinates of a matrix or on another node stays open in a Template. `$${` is a literal `${`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/expansion_budget.hpp"
#include "schemas/findings.hpp"
#include "schemas/matrix.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/text.hpp"

namespace trilock {

// What the names in a reference stand for. Each reports at `place` why it has no value.
class Names {
 public:
  virtual ~Names() = default;
  virtual std::optional<std::string> variable(std::string_view name, Place place) = 0;
  virtual std::optional<std::string> environment(std::string_view name, Place place) = 0;
  virtual std::optional<std::string> git(std::string_view fact, Place place) = 0;
  // What texts that are made with these names are counted by.
  [[nodiscard]] virtual ExpansionBudget& budget() = 0;
};

struct Piece {
  enum class Kind : std::uint8_t { literal, axis, node };
  Kind kind = Kind::literal;
  std::string literal;
  std::size_t index = 0;  // of the axis, or in Template::nodes
};

struct NodeUse {
  std::string target;                                                   // "image.dev"
  std::vector<std::pair<std::string, std::vector<Piece>>> coordinates;  // literals and axes only
  std::string value;
  Place place;
};

struct Template {
  std::vector<Piece> pieces;
  std::vector<NodeUse> nodes;
  bool faulty = false;  // something in it was reported
  [[nodiscard]] bool has_axis() const;
  [[nodiscard]] bool is_literal() const;
};

// `${…}` that means nothing to trilock: an error, or left as it is for another program to read.
enum class ForeignReference : std::uint8_t { error, keep };

struct Scope {
  Names& names;
  std::span<const RuleKeys> rules;
  std::string_view title;  // of the table, "image.dev"
  const Matrix* matrix = nullptr;
  std::string_view no_nodes_in = {};  // set where references to nodes make no sense: "[vars]", for messages
  ForeignReference foreign = ForeignReference::error;
};

// `value` holds a string. Faults are reported at the reference itself where its columns are known (a string of one
// line without escapes), else at the start of the value. A faulty reference leaves nothing in the template. A text that
// becomes longer than `max_expanded_string`, or for which the budget is too small, is a fault.
[[nodiscard]] Template interpolate(const Config& value, const Scope& scope, const SourceMap& sources,
                                   Findings& findings);

// The text of a node whose values on the axes of the matrix are `axis_values`.
[[nodiscard]] Text instantiate(const Template& pattern, std::span<const std::string_view> axis_values);

// For strings that cannot depend on coordinates or nodes; `where` names them in messages. Empty after an error.
[[nodiscard]] std::optional<std::string> interpolate_plain(const Config& value, std::string_view where,
                                                           std::span<const RuleKeys> rules, Names& names,
                                                           const SourceMap& sources, Findings& findings);

// An integer, float or boolean as it is written in the file.
[[nodiscard]] std::string scalar_spelling(const Config& value, const SourceMap& sources);

// Names of nodes, variables, pools and axes are made of what TOML allows in bare keys.
[[nodiscard]] bool is_name(std::string_view text);
inline constexpr std::string_view name_help = "a name is made of letters, digits, `_` and `-`";

}  // namespace trilock
