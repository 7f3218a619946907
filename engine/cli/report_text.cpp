#include "engine/cli/report_text.hpp"

#include <fmt/format.h>

#include "engine/cli/bare_output.hpp"
#include "engine/node_output.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

constexpr std::string_view continued = "    ";  // before further lines of a message

std::string_view color_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ran:
    case Outcome::restored:
      return green;
    case Outcome::failed:
      return red;
    case Outcome::waiting:
      return yellow;
    default:
      return dim;
  }
}

std::string_view word_of(Outcome outcome, bool dry) {
  if (!dry) return to_string(outcome);
  switch (outcome) {
    case Outcome::ran:
      return "would run";
    case Outcome::restored:
      return "would restore";
    case Outcome::failed:
      return "would fail";
    case Outcome::skipped:
      return "would skip";
    default:
      return to_string(outcome);
  }
}

}  // namespace

std::string help_line(const NodeReport& report) {
  return report.help.empty() ? "" : fmt::format("  = help: {}\n", escape_lines(report.help, continued));
}

bool shows_output(OutputMode mode, Outcome outcome) {
  const bool troubled = outcome == Outcome::failed || outcome == Outcome::waiting;
  switch (mode) {
    case OutputMode::full:
      return true;
    case OutputMode::fresh:
      return troubled || outcome == Outcome::ran || outcome == Outcome::cancelled;
    case OutputMode::errors:
      return troubled;
    case OutputMode::none:
      return false;
  }
  return false;
}

std::string finished_line(std::size_t done, std::size_t total, std::string_view label, const NodeReport& report,
                          Wording wording) {
  const std::string_view word = report.may_run ? "may run" : word_of(report.outcome, wording.dry);
  std::string line = fmt::format("[{}/{}] {} {}", done, total, paint(word, color_of(report.outcome), wording.color),
                                 escape_controls(label));
  if (report.outcome == Outcome::ran && !wording.dry) line += fmt::format(" in {}", seconds(report.duration_ms));
  if (!report.reason.empty()) line += fmt::format(": {}", one_line(report.reason));
  return line;
}

std::string failure_head(std::string_view label, const NodeReport& report, Wording wording) {
  const bool waits = report.outcome == Outcome::waiting;
  std::string text =
      fmt::format("{} {}: {}\n", paint(waits ? "waiting:" : "error:", waits ? yellow : red, wording.color),
                  escape_controls(label), escape_lines(report.reason, continued));
  if (report.command.empty()) return text;
  // A script has many lines; which one it is about stands in the output.
  const std::size_t end = report.command.find('\n');
  const std::string first = one_line(std::string_view(report.command).substr(0, end));
  return text + fmt::format("  $ {}{}\n", first, end == std::string::npos ? "" : " …");
}

std::string output_text(const NodeReport& report, std::string_view prefix, Colors colors, std::size_t most_lines) {
  const std::vector<OutputLine> lines = lines_of(report);
  std::string text;
  for (std::size_t i = lines.size() > most_lines ? lines.size() - most_lines : 0; i < lines.size(); ++i)
    text.append(prefix).append(visible_line(lines[i].text, colors)).append("\n");
  return text;
}

std::string summary_line(const RunSummary& summary) {
  return summary_counts(summary) + time_taken(summary.duration_ms);
}

std::string summary_counts(const RunSummary& summary) {
  const auto count = [&](Outcome outcome) { return summary.counts[static_cast<std::size_t>(outcome)]; };
  std::string text = fmt::format("{} {}: {} {}", summary.nodes, summary.nodes == 1 ? "node" : "nodes",
                                 count(Outcome::ran), summary.dry ? "would run" : "ran");
  if (summary.may_run > 0) text += fmt::format(", {} may run", summary.may_run);
  if (count(Outcome::restored) > 0)
    text += fmt::format(", {} {}", count(Outcome::restored), summary.dry ? "would be restored" : "restored");
  text += fmt::format(", {} unchanged, {} failed", count(Outcome::unchanged), count(Outcome::failed));
  for (const Outcome outcome : {Outcome::skipped, Outcome::cancelled, Outcome::waiting})
    if (count(outcome) > 0) text += fmt::format(", {} {}", count(outcome), to_string(outcome));
  return text;
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
  return visible_line(line, Colors::strip);
}

std::string paint(std::string_view text, std::string_view color, bool on) {
  return on ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : std::string(text);
}

}  // namespace trilock::cli
