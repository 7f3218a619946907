// How a run is put into words: the lines of finished nodes, their output, failures, the summary. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/cli/terminal_text.hpp"
#include "engine/events.hpp"

namespace trilock::cli {

// Whose output is shown, by how the node came out.
enum class OutputMode : std::uint8_t {
  full,    // of every node: what it wrote, or what is recorded of it
  fresh,   // of nodes that were run
  errors,  // of nodes that failed, or that wait for approval of what they wrote
  none,
};
[[nodiscard]] bool shows_output(OutputMode mode, Outcome outcome);

struct Wording {
  bool color = false;
  bool dry = false;  // of a run that runs nothing: "would run"
};

// "[1/9] ran go.test in 2.2 s: no earlier result", without a line end.
[[nodiscard]] std::string finished_line(std::size_t done, std::size_t total, std::string_view label,
                                        const NodeReport& report, Wording wording);

// "error: go.vet: `go vet` failed with exit code 1" and the command line below it, when it is known.
[[nodiscard]] std::string failure_head(std::string_view label, const NodeReport& report, Wording wording);

[[nodiscard]] std::string help_line(const NodeReport& report);  // with its line end; "" without help

// The output of a report, each line behind `prefix`; of more than `most_lines` only the last ones.
[[nodiscard]] std::string output_text(const NodeReport& report, std::string_view prefix, Colors colors,
                                      std::size_t most_lines = SIZE_MAX);

// "5 nodes: 2 ran, 3 unchanged, 0 failed in 1.9 s"
[[nodiscard]] std::string summary_line(const RunSummary& summary);
[[nodiscard]] std::string summary_counts(const RunSummary& summary);  // without the time

// A text on one line without control characters, so that it can begin no line of its own.
[[nodiscard]] std::string one_line(std::string_view text);

[[nodiscard]] std::string paint(std::string_view text, std::string_view color, bool on);
inline constexpr std::string_view red = "31";
inline constexpr std::string_view green = "32";
inline constexpr std::string_view yellow = "33";
inline constexpr std::string_view dim = "2";

}  // namespace trilock::cli
