// A string of the pipeline that may refer to values of other nodes: `${image.dev[go=1.22].digest}`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/diagnostic.hpp"

namespace trilock {

// One axis of a matrix and the value chosen on it. Coordinates of a node are sorted by axis as the user wrote them.
struct Coordinate {
  std::string axis;
  std::string value;
  friend bool operator==(const Coordinate&, const Coordinate&) = default;
};
using Coordinates = std::vector<Coordinate>;

// A reference to a value of another node. `offset` is where the value goes in the literal text, in bytes.
struct Reference {
  std::string target;       // "image.dev": rule and name
  Coordinates coordinates;  // as written; may name only some axes
  std::string value;        // "digest", "out", "out.bin", "output.ip"
  std::string label;        // the one node that is meant, "image.dev[go=1.22]"; filled when the pipeline is linked
  std::size_t offset = 0;
  Place place;
  friend bool operator==(const Reference&, const Reference&) = default;
};

struct Text {
  std::string literal;
  std::vector<Reference> references;  // ascending by offset
  [[nodiscard]] bool is_literal() const { return references.empty(); }
  friend bool operator==(const Text&, const Text&) = default;
};

// The text with every reference replaced. `values` are in the order of `text.references`.
[[nodiscard]] std::string fill(const Text& text, std::span<const std::string> values);

// The text as the user wrote it, references in `${…}`; for messages.
[[nodiscard]] std::string to_source(const Text& text);

// "image.dev" and "image.dev[go=1.22,libc=glibc]".
[[nodiscard]] std::string make_label(std::string_view target, std::span<const Coordinate> coordinates);

}  // namespace trilock
