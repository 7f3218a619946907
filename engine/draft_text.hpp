// A draft as the text of a pipeline. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/draft.hpp"

namespace trilock {

// Why a node, or a variable, must not be in the pipeline; "" when it may. By index into those of the draft.
struct Refusals {
  std::vector<std::string> nodes;
  std::vector<bool> vars;
};

struct DraftText {
  std::string text;
  // By line, counted from 1: the node or the variable that is written there, as an index into those of the draft.
  struct Owner {
    std::optional<std::size_t> node;
    std::optional<std::size_t> var;
  };
  std::vector<Owner> lines;
};

// What is switched off stands behind a bare `#`, so that one keystroke a line switches it on; a refused node is a
// comment with the reason above it.
[[nodiscard]] DraftText write_draft(const Draft& draft, const Refusals& refused);

}  // namespace trilock
