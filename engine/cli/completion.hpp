// What may stand where the cursor is on a command line, from the table of commands and flags. The scripts that
// `trilock completion` prints ask for it with `trilock __complete WORD… PARTIAL`, and the shells choose from the answer
// what begins with PARTIAL. Pure but for `labels`.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/cli/flags.hpp"

namespace trilock::cli {

struct Completions {
  struct Candidate {
    std::string value;
    std::string description;
  };
  enum class Paths : std::uint8_t { none, files, directories };  // what the shell adds of its own
  std::vector<Candidate> candidates;
  Paths paths = Paths::none;
};

// `words` are those after the program's name up to the cursor, without quotes; the last one is still being typed and
// may be empty. `labels` is asked for the labels of the pipeline that the flags in `words` mean.
[[nodiscard]] Completions complete(std::span<const std::string> words,
                                   const std::function<std::vector<Completions::Candidate>(const Invocation&)>& labels);

}  // namespace trilock::cli
