#include "schemas/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "schemas/interpolate.hpp"
#include "schemas/utf8.hpp"

namespace trilock {
namespace {

// Characters that a label or a reference could not hold in a value.
bool fits_into_label(std::string_view value) {
  if (value.empty() || value.size() > max_axis_value || value.front() == ' ' || value.back() == ' ') return false;
  return value.find_first_of(",[]{}") == value.npos && is_printable(value);
}

std::optional<std::string> read_value(const Config& config, std::string_view where, std::span<const RuleKeys> rules,
                                      Names& names, const SourceMap& sources, Findings& findings) {
  switch (config.type()) {
    case ConfigType::string:
      return interpolate_plain(config, where, rules, names, sources, findings);
    case ConfigType::integer:
    case ConfigType::floating:
    case ConfigType::boolean:
      return scalar_spelling(config, sources);
    default:
      findings.error(config.place, fmt::format("expected a string in {}, found {}", where, describe(config.type())));
      return std::nullopt;
  }
}

}  // namespace

bool Matrix::add_axis(const ConfigEntry& entry, std::string_view title, std::span<const RuleKeys> rules, Names& names,
                      const SourceMap& sources, Findings& findings) {
  const std::string where = fmt::format("axis `{}` of [{}]", entry.key, title);
  if (!is_name(entry.key)) {
    findings.error(entry.place, fmt::format("`{}` is no name for an axis", entry.key), std::string(name_help));
    return false;
  }
  const ConfigArray* values = entry.value.array();
  if (values == nullptr) {
    findings.error(entry.value.place,
                   fmt::format("expected an array of strings for {}, found {}", where, describe(entry.value.type())));
    return false;
  }
  if (values->empty()) {
    findings.error(entry.value.place, fmt::format("{} has no values", where));
    return false;
  }
  Axis axis;
  axis.name = entry.key;
  bool good = true;
  for (const Config& config : *values) {
    std::optional<std::string> value = read_value(config, where, rules, names, sources, findings);
    if (!value) {
      good = false;
    } else if (!fits_into_label(*value)) {
      findings.error(config.place, fmt::format("`{}` cannot be a value of {}", *value, where),
                     "a value is not empty and has no `,`, brackets, braces, control characters or outer spaces");
      good = false;
    } else if (!axis.index.emplace(*value, static_cast<std::uint32_t>(axis.values.size())).second) {
      findings.error(config.place, fmt::format("{} has `{}` twice", where, *value));
      good = false;
    } else {
      axis.values.push_back(std::move(*value));
    }
  }
  if (good) axes_.push_back(std::move(axis));
  return good;
}

std::optional<Matrix> Matrix::read(const Config& config, std::string_view title, std::span<const RuleKeys> rules,
                                   Names& names, const SourceMap& sources, Findings& findings) {
  const ConfigTable* table = config.table();
  if (table == nullptr) {
    if (!findings.is_faulty(config.place)) {
      findings.error(config.place, fmt::format("expected a table of axes for `matrix` of [{}], found {}", title,
                                               describe(config.type())));
    }
    return std::nullopt;
  }
  Matrix matrix;
  bool good = table->entries.size() <= max_matrix_axes;
  if (!good)
    findings.error(config.place, fmt::format("the matrix of [{}] has more than {} axes", title, max_matrix_axes));
  for (const ConfigEntry& entry : std::span(table->entries).first(std::min(table->entries.size(), max_matrix_axes))) {
    good = matrix.add_axis(entry, title, rules, names, sources, findings) && good;
  }
  if (!good) return std::nullopt;
  for (const Axis& axis : matrix.axes_) {
    if (axis.values.size() > max_matrix_nodes / matrix.size_) {
      findings.error(config.place, fmt::format("the matrix of [{}] has more than {} nodes", title, max_matrix_nodes));
      return std::nullopt;
    }
    matrix.size_ *= axis.values.size();
  }
  return matrix;
}

std::optional<std::size_t> Matrix::find_axis(std::string_view name) const {
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    if (axes_[i].name == name) return i;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> Matrix::position(std::size_t node) const {
  std::vector<std::uint32_t> position(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    position[i] = static_cast<std::uint32_t>(node % axes_[i].values.size());
    node /= axes_[i].values.size();
  }
  return position;
}

std::size_t Matrix::node(const std::vector<std::uint32_t>& position) const {
  std::size_t node = 0;
  for (std::size_t i = 0; i < axes_.size(); ++i) node = node * axes_[i].values.size() + position[i];
  return node;
}

Coordinates Matrix::coordinates(std::size_t node) const {
  const std::vector<std::uint32_t> at = position(node);
  Coordinates coordinates;
  coordinates.reserve(axes_.size());
  for (std::size_t i = 0; i < axes_.size(); ++i) coordinates.push_back({axes_[i].name, axes_[i].values[at[i]]});
  return coordinates;
}

}  // namespace trilock
