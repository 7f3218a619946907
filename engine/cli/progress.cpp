#include "engine/cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/cli/bare_output.hpp"
#include "engine/cli/terminal_text.hpp"

namespace trilock::cli {
namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t narrowest_last_line = 8;  // less of it says nothing

std::string time_left(std::uint64_t milliseconds) {
  const std::uint64_t whole = (milliseconds + 999) / 1000;
  if (whole < 60) return fmt::format("about {} s left", whole);
  if (whole < 3600) return fmt::format("about {} min left", (whole + 59) / 60);
  return fmt::format("about {} h {} min left", whole / 3600, whole / 60 % 60);
}

std::string dimmed(std::string_view text, bool color) {
  return color && !text.empty() ? fmt::format("\x1b[2m{}\x1b[0m", text) : std::string(text);
}

std::string head_line(const Progress& progress, std::size_t columns) {
  std::string line = fmt::format("[{}/{}] {} running", progress.done, progress.total, progress.running_count);
  if (progress.left_ms) line += fmt::format(", {}", time_left(*progress.left_ms));
  return fit(line, columns);
}

std::string padded(std::string text, std::size_t columns) {
  const std::size_t width = display_width(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

std::string up(std::size_t rows) {
  return rows == 0 ? std::string() : fmt::format("\x1b[{}A", rows);
}

// Empties so many rows and the one below them, and goes back. Row by row, since "erase all below" from the first row of
// a screen makes some terminals keep what was on it among what has scrolled off.
std::string erase_rows(std::size_t rows) {
  std::string text;
  for (std::size_t i = 0; i < rows; ++i) text += "\x1b[2K\x1b[1B";
  return text + "\x1b[2K" + up(rows);
}

}  // namespace

std::size_t progress_rows(ScreenSize screen) {
  return std::max<std::size_t>(1, screen.rows - std::min<std::size_t>(screen.rows, 1));
}

std::vector<std::string> progress_lines(const Progress& progress, ScreenSize screen, bool color) {
  const std::size_t columns = std::max<std::size_t>(screen.columns, 2) - 1;
  const std::size_t rows = progress_rows(screen);
  std::vector<std::string> lines{head_line(progress, columns)};
  if (rows < 2) return lines;

  std::size_t shown = std::min({progress.running_count, progress.running.size(), rows - 1});
  // The last row says how many have none; one that could hold the only one left shows that instead.
  const bool more = shown < progress.running_count;
  if (more && shown == rows - 1) --shown;

  std::vector<std::string> times;
  std::size_t label_width = 0;
  std::size_t time_width = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    times.push_back(seconds(progress.running[i].elapsed_ms));
    label_width = std::max(label_width, display_width(progress.running[i].label));
    time_width = std::max(time_width, times.back().size());
  }
  // The name gives way to the time; the last line of output gets what both leave.
  const std::size_t most = columns > indent + 1 + time_width ? columns - indent - 1 - time_width : 1;
  label_width = std::min(label_width, most);
  for (std::size_t i = 0; i < shown; ++i) {
    const RunningNode& node = progress.running[i];
    std::string line = std::string(indent, ' ') + padded(fit(node.label, label_width), label_width);
    std::string rest = fmt::format(" {:>{}}", times[i], time_width);
    const std::size_t used = indent + label_width + rest.size();
    if (!node.last_line.empty() && columns >= used + 2 + narrowest_last_line)
      rest += "  " + fit(node.last_line, columns - used - 2);
    line = fit(line + dimmed(rest, color), columns);
    lines.push_back(std::move(line));
  }
  if (more) lines.push_back(fit(fmt::format("  … and {} more", progress.running_count - shown), columns));
  return lines;
}

// Terminals that break lines anew when they get narrower show a line of the old width on several rows now.
std::size_t LiveBlock::rows(ScreenSize screen) const {
  std::size_t rows = 0;
  const std::size_t columns = std::max<std::size_t>(1, screen.columns);
  for (const std::size_t width : widths_) rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
  return std::min(rows, std::max<std::size_t>(1, screen.rows) - 1);
}

std::string LiveBlock::draw(std::string_view above, const std::vector<std::string>& block, ScreenSize screen) {
  const std::size_t old_rows = rows(screen);
  std::string text = "\r" + up(old_rows);
  // A line that stays may wrap over rows of the old block. Otherwise each row is erased behind its new text, and
  // nothing is blank in between.
  if (!above.empty()) text += erase_rows(old_rows);
  text += above;
  widths_.clear();
  for (const std::string& line : block) {
    text.append(line).append("\x1b[K\n");
    widths_.push_back(display_width(line));
  }
  const bool shrunk = above.empty() && old_rows > block.size();
  return text + erase_rows(shrunk ? old_rows - block.size() : 0);
}

std::string LiveBlock::erase(ScreenSize screen) {
  const std::size_t old_rows = rows(screen);
  widths_.clear();
  return "\r" + up(old_rows) + erase_rows(old_rows);
}

}  // namespace trilock::cli
