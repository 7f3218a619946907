// The axes of a matrix and the order of its nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/findings.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/text.hpp"

namespace trilock {

class Names;

// More nodes than this from one table are an error: a slip of the pen, not a build.
inline constexpr std::size_t max_matrix_nodes = 1'000'000;
inline constexpr std::size_t max_matrix_axes = 100;
inline constexpr std::size_t max_axis_value = 1024;  // bytes: it becomes part of labels

struct Axis {
  std::string name;
  std::vector<std::string> values;                       // never empty, without duplicates
  std::unordered_map<std::string, std::uint32_t> index;  // value -> place in `values`
};

// The nodes of a table are the product of its axes, the last axis fastest. No axes: one node.
class Matrix {
 public:
  // Reads the value of the key `matrix`; `title` is the table's, for messages. Empty when there is an error in it.
  // Numbers and booleans count as strings in the spelling of the file. Strings may refer to what `names` knows.
  static std::optional<Matrix> read(const Config& config, std::string_view title, std::span<const RuleKeys> rules,
                                    Names& names, const SourceMap& sources, Findings& findings);

  [[nodiscard]] const std::vector<Axis>& axes() const { return axes_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::optional<std::size_t> find_axis(std::string_view name) const;
  // The values on each axis of a node, and the other way round.
  [[nodiscard]] std::vector<std::uint32_t> position(std::size_t node) const;
  [[nodiscard]] std::size_t node(const std::vector<std::uint32_t>& position) const;
  [[nodiscard]] Coordinates coordinates(std::size_t node) const;

 private:
  bool add_axis(const ConfigEntry& entry, std::string_view title, std::span<const RuleKeys> rules, Names& names,
                const SourceMap& sources, Findings& findings);

  std::vector<Axis> axes_;
  std::size_t size_ = 1;
};

}  // namespace trilock
