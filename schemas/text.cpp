#include "schemas/text.hpp"

namespace trilock {
namespace {

// A `${` that stands in the literal text is written as `$${`, as the user had to write it.
void append_escaped(std::string& source, std::string_view literal) {
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] == '$' && i + 1 < literal.size() && literal[i + 1] == '{') source += '$';
    source += literal[i];
  }
}

}  // namespace

std::string fill(const Text& text, std::span<const std::string> values) {
  std::string filled;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.references.size(); ++i) {
    const std::size_t offset = text.references[i].offset;
    filled.append(text.literal, done, offset - done);
    done = offset;
    if (i < values.size()) filled += values[i];
  }
  filled.append(text.literal, done);
  return filled;
}

std::string to_source(const Text& text) {
  const std::string_view literal = text.literal;
  std::string source;
  std::size_t done = 0;
  for (const Reference& reference : text.references) {
    append_escaped(source, literal.substr(done, reference.offset - done));
    done = reference.offset;
    source += "${";
    source += make_label(reference.target, reference.coordinates);
    source += '.';
    source += reference.value;
    source += '}';
  }
  append_escaped(source, literal.substr(done));
  return source;
}

std::string make_label(std::string_view target, std::span<const Coordinate> coordinates) {
  std::string label(target);
  char separator = '[';
  for (const Coordinate& coordinate : coordinates) {
    label += separator;
    label += coordinate.axis;
    label += '=';
    label += coordinate.value;
    separator = ',';
  }
  if (!coordinates.empty()) label += ']';
  return label;
}

}  // namespace trilock
