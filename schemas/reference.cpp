#include "schemas/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <unordered_set>

#include "schemas/interpolate.hpp"

namespace trilock {
namespace {

// Beyond this the columns of a line are not worth counting.
constexpr std::uint32_t max_column = 4096;

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// The byte offset of a column of the place's line, counted in code points from 1; npos beyond the end.
std::size_t byte_of_column(const SourceMap& sources, Place place, std::string_view line) {
  const std::uint32_t column = place.column;
  if (column == 0) return line.npos;
  if (sources.is_ascii(place.source)) return column <= line.size() ? column - 1 : line.npos;
  std::size_t at = 0;
  for (std::uint32_t i = 1; i < column; ++i) {
    if (at >= line.size()) return line.npos;
    do {
      ++at;
    } while (at < line.size() && (line[at] & 0xc0) == 0x80);
  }
  return at < line.size() ? at : line.npos;
}

}  // namespace

std::size_t reference_end(std::string_view text, std::size_t begin) {
  std::size_t depth = 1;
  for (std::size_t at = begin + 2; at < text.size(); ++at) {
    if (text[at] == '}' && --depth == 0) return at;
    if (text.substr(at).starts_with("${")) {
      ++depth;
      ++at;
    }
  }
  return text.npos;
}

std::vector<std::pair<std::string_view, std::string_view>> split_coordinates(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> items;
  const auto add = [&](std::string_view item) {
    const std::size_t equals = item.find('=');
    if (equals == item.npos) {
      items.emplace_back(std::string_view{}, item);
    } else {
      items.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    }
  };
  std::size_t begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.substr(at).starts_with("${")) {
      const std::size_t end = reference_end(text, at);
      at = end == text.npos ? text.size() : end + 1;
    } else if (text[at++] == ',') {
      add(text.substr(begin, at - 1 - begin));
      begin = at;
    }
  }
  add(text.substr(begin));
  return items;
}

std::expected<NodeReference, ReferenceFault> parse_node_reference(std::string_view text) {
  const auto fault = [](std::string message, bool value_missing = false) {
    return std::unexpected(ReferenceFault{std::move(message), value_missing});
  };
  const std::size_t dot = std::min(text.find('.'), text.size());
  const std::string_view rest = text.substr(std::min(dot + 1, text.size()));
  const std::string_view name = rest.substr(0, rest.find_first_of(".["));
  if (text.find_first_of(".[") != dot || name.empty()) return fault("no name of a node");
  if (!is_name(name)) return fault(fmt::format("`{}` is no name of a node", name));

  NodeReference parsed;
  parsed.target = text.substr(0, dot + 1 + name.size());
  std::string_view tail = text.substr(parsed.target.size());
  if (tail.starts_with('[')) {
    std::size_t close = 1;
    while (close < tail.size() && tail[close] != ']') {
      const std::size_t end = tail.substr(close).starts_with("${") ? reference_end(tail, close) : close;
      close = end == tail.npos ? tail.size() : end + 1;
    }
    if (close >= tail.size()) return fault("a `[` is never closed");
    parsed.coordinates = split_coordinates(tail.substr(1, close - 1));
    std::unordered_set<std::string_view> axes;
    for (const auto& [axis, value] : parsed.coordinates) {
      if (axis.empty()) return fault(fmt::format("expected `axis=value`, found `{}`,", value));
      if (!axes.insert(axis).second) return fault(fmt::format("axis `{}` is given twice", axis));
    }
    tail.remove_prefix(close + 1);
  }
  if (tail.size() < 2 || tail.front() != '.') {
    if (tail.empty() || tail == ".") return fault("no value of the node", true);
    return fault(fmt::format("expected `.value`, found `{}`,", tail));
  }
  parsed.value = tail.substr(1);
  return parsed;
}

PlacesWithin::PlacesWithin(const SourceMap& sources, Place value, std::string_view content)
    : value_(value), content_(content) {
  if (value.line == 0 || value.column > max_column) return;
  const std::string_view line = sources.line(value.source, value.line);
  const std::size_t begin = byte_of_column(sources, value, line);
  if (begin == line.npos) return;
  const char quote = line[begin];
  const std::string_view written = line.substr(begin + 1);
  as_is_ = (quote == '"' || quote == '\'') && written.size() > content.size() && written.starts_with(content) &&
           written[content.size()] == quote;
}

Place PlacesWithin::span(std::size_t offset, std::size_t length) {
  if (!as_is_) return value_;
  if (offset < counted_) counted_ = columns_ = 0;
  columns_ += code_points(content_.substr(counted_, offset - counted_));
  counted_ = offset;
  Place place = value_;
  place.column += static_cast<std::uint32_t>(1 + columns_);
  place.length = static_cast<std::uint32_t>(code_points(content_.substr(offset, length)));
  return place;
}

std::vector<std::string> value_names(const RuleKeys& rule) {
  std::vector<std::string> names = {"key", "out", "out.NAME"};
  for (const std::string_view value : rule.values) {
    std::string name(value);
    if (name.ends_with('.')) name += "NAME";
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

std::string scalar_spelling(const Config& value, const SourceMap& sources) {
  const std::string_view line = sources.line(value.place.source, value.place.line);
  const std::size_t begin = byte_of_column(sources, value.place, line);
  if (begin != line.npos) {
    const std::string_view rest = line.substr(begin);
    constexpr std::string_view scalar = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._";
    const std::size_t end = std::min(rest.find_first_not_of(scalar), rest.size());
    if (end > 0) return std::string(rest.substr(0, end));
  }
  if (const bool* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{}", *number);
  return {};
}

bool is_name(std::string_view text) {
  constexpr std::string_view allowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
  return !text.empty() && text.find_first_not_of(allowed) == text.npos;
}

}  // namespace trilock
