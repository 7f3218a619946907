// The form of a reference: where it ends, what its parts are, which columns of the file it covers.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/diagnostic.hpp"
#include "schemas/pipeline.hpp"

namespace trilock {

// The offset of the `}` that closes the `${` at `begin`, with references inside of it skipped; npos when there is
// none.
[[nodiscard]] std::size_t reference_end(std::string_view text, std::size_t begin);

// `image.dev[go=1.22,libc=${var.libc}].digest`, views into the text.
struct NodeReference {
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> coordinates;
  std::string_view value;
};
struct ReferenceFault {
  std::string message;
  bool value_missing = false;
};
[[nodiscard]] std::expected<NodeReference, ReferenceFault> parse_node_reference(std::string_view text);

// The items of `go=1.22,libc=musl`, split at commas outside of `${…}`, each at its first `=`. One without `=` has
// an empty name.
[[nodiscard]] std::vector<std::pair<std::string_view, std::string_view>> split_coordinates(std::string_view text);

// The spans of parts of a string value at `value`, when the file holds the content as it is: on one line and without
// escapes. Otherwise the span of each part is `value`. Asked from left to right, all of them cost one pass.
class PlacesWithin {
 public:
  PlacesWithin(const SourceMap& sources, Place value, std::string_view content);
  [[nodiscard]] Place span(std::size_t offset, std::size_t length);

 private:
  Place value_;
  std::string_view content_;
  bool as_is_ = false;
  std::size_t counted_ = 0;  // bytes of the content before which `columns_` code points are
  std::size_t columns_ = 0;
};

// What a reference to a node of this rule may name: "key", "out", then the rule's own; prefixes as "output.NAME".
[[nodiscard]] std::vector<std::string> value_names(const RuleKeys& rule);

}  // namespace trilock
