// The block at the end of a terminal that shows what a run is doing: what it says, and how it is drawn over itself.
// Pure: texts in, texts out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trilock::cli {

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

struct RunningNode {
  std::string_view label;
  std::uint64_t elapsed_ms = 0;
  std::string last_line;  // of its output, visible text
};

struct Progress {
  std::size_t done = 0;
  std::size_t total = 0;
  std::optional<std::uint64_t> left_ms;
  std::vector<RunningNode> running;  // those that have run longest first; only the first few are looked at
  std::size_t running_count = 0;
};

// A line of the block is at least one column narrower than the screen, and the block one row lower, so that nothing
// wraps or scrolls. `color` dims what is not the name of a node.
[[nodiscard]] std::vector<std::string> progress_lines(const Progress& progress, ScreenSize screen, bool color);

// How many rows a block of progress_lines may have on such a screen.
[[nodiscard]] std::size_t progress_rows(ScreenSize screen);

// Draws a block over the one before it. Every text that it gives is to be written in one piece, so that no half-drawn
// block is ever seen; the cursor is left below the block and never hidden, so that no end leaves it changed.
class LiveBlock {
 public:
  // Whole lines of text, each with its line end, for above the block; then the block.
  [[nodiscard]] std::string draw(std::string_view above, const std::vector<std::string>& block, ScreenSize screen);
  // Leaves the screen as if there had been none, also of what a terminal itself shows where the cursor is (`^C`).
  [[nodiscard]] std::string erase(ScreenSize screen);

 private:
  [[nodiscard]] std::size_t rows(ScreenSize screen) const;  // that the block takes there
  std::vector<std::size_t> widths_;                         // of the lines that are on the screen
};

}  // namespace trilock::cli
