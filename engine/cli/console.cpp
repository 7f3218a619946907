#include "engine/cli/console.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace trilock::cli {
namespace {

constexpr std::string_view red = "31";
constexpr std::string_view green = "32";
constexpr std::string_view yellow = "33";
constexpr std::string_view dim = "2";

struct Screen {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

Screen screen_size() {
  winsize size{};
  Screen screen;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    screen.columns = size.ws_col;
    screen.rows = std::max<std::size_t>(size.ws_row, 4);
  }
  return screen;
}

// At most `columns` code points, control characters left out.
std::string fit(std::string_view text, std::size_t columns) {
  std::string result;
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool starts = (byte & 0xc0) != 0x80;
    if (byte == 0x1b) {  // an escape sequence ends with a letter
      while (i + 1 < text.size() && !std::isalpha(static_cast<unsigned char>(text[i]))) ++i;
      continue;
    }
    if (byte < 0x20 || byte == 0x7f) continue;
    if (starts && used == columns) break;
    used += starts ? 1 : 0;
    result += text[i];
  }
  return result;
}

std::string seconds(std::uint64_t milliseconds) {
  if (milliseconds < 100'000) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
  return fmt::format("{} min {} s", milliseconds / 60'000, milliseconds / 1000 % 60);
}

void put(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
}

std::string_view color_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ran:
      return green;
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

}  // namespace

std::string summary_line(const RunSummary& summary) {
  const auto count = [&](Outcome outcome) { return summary.counts[static_cast<std::size_t>(outcome)]; };
  std::string text = fmt::format("{} {}: {} {}", summary.nodes, summary.nodes == 1 ? "node" : "nodes",
                                 count(Outcome::ran), summary.dry ? "would run" : "ran");
  if (count(Outcome::restored) > 0)
    text += fmt::format(", {} {}", count(Outcome::restored), summary.dry ? "would be restored" : "restored");
  text += fmt::format(", {} unchanged, {} failed", count(Outcome::unchanged), count(Outcome::failed));
  for (const Outcome outcome : {Outcome::skipped, Outcome::cancelled, Outcome::waiting})
    if (count(outcome) > 0) text += fmt::format(", {} {}", count(outcome), to_string(outcome));
  return text + fmt::format(" in {}", seconds(summary.duration_ms));
}

Console::Console(const Graph& graph, ConsoleOptions options) : graph_(graph), options_(options) {}

Console::~Console() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_all();
  if (drawer_.joinable()) drawer_.join();
}

void Console::run_started(std::int64_t, std::size_t nodes) {
  const std::lock_guard lock(mutex_);
  total_ = nodes;
  if (options_.live) drawer_ = std::thread([this] { draw_until_stopped(); });
}

void Console::node_started(NodeId id) {
  if (!options_.live) return;
  const std::lock_guard lock(mutex_);
  running_.emplace(id, Running{Clock::now(), {}});
}

void Console::node_output(NodeId id, Stream, std::string_view text) {
  if (!options_.live) return;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const std::size_t line = text.find_last_of("\r\n");
  if (line != std::string_view::npos) text.remove_prefix(line + 1);
  if (text.empty()) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = running_.find(id); found != running_.end())
    found->second.last_line = std::string(text.substr(0, 512));
}

void Console::node_finished(NodeId id, const NodeReport& report) {
  const std::lock_guard lock(mutex_);
  running_.erase(id);
  ++done_;
  if (report.outcome == Outcome::unchanged && !options_.verbose) return;
  erase();
  if (report.outcome == Outcome::failed || report.outcome == Outcome::waiting) {
    std::fflush(stdout);
    print_failure(id, report);
  } else {
    std::string line = fmt::format("[{}/{}] {} {}", done_, total_,
                                   paint(to_string(report.outcome), color_of(report.outcome)), graph_.node(id).label);
    if (report.outcome == Outcome::ran) line += fmt::format(" in {}", seconds(report.duration_ms));
    if (!report.reason.empty()) line += fmt::format(": {}", report.reason);
    put(stdout, line + "\n");
  }
  draw();
}

void Console::print_failure(NodeId id, const NodeReport& report) {
  const bool waits = report.outcome == Outcome::waiting;
  put(stderr, fmt::format("{} {}: {}\n", paint(waits ? "waiting:" : "error:", waits ? yellow : red),
                          graph_.node(id).label, report.reason));
  for (std::string_view text : {std::string_view(report.out), std::string_view(report.err)}) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      put(stderr, fmt::format("  | {}\n", text.substr(0, end)));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
  }
  if (!report.help.empty()) put(stderr, fmt::format("  = help: {}\n", report.help));
}

void Console::warning(std::string_view text) {
  const std::lock_guard lock(mutex_);
  erase();
  std::fflush(stdout);
  put(stderr, fmt::format("{} {}\n", paint("warning:", yellow), text));
  draw();
}

void Console::run_finished(const RunSummary& summary) {
  const std::lock_guard lock(mutex_);
  erase();
  stopped_ = true;
  put(stdout, summary_line(summary) + "\n");
  std::fflush(stdout);
  stop_.notify_all();
}

void Console::draw_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    erase();
    draw();
    stop_.wait_for(lock, std::chrono::milliseconds(100));
  }
}

void Console::erase() {
  if (drawn_lines_ == 0) return;
  put(stdout, fmt::format("\r\x1b[{}A\x1b[J", drawn_lines_));
  drawn_lines_ = 0;
}

void Console::draw() {
  if (!options_.live || stopped_ || running_.empty()) return;
  const Screen screen = screen_size();
  const std::size_t room = std::max<std::size_t>(1, screen.rows - 2);
  std::string block = fit(fmt::format("[{}/{}] {} running", done_, total_, running_.size()), screen.columns - 1) + "\n";
  drawn_lines_ = 1;
  for (const auto& [id, running] : running_) {
    if (drawn_lines_ >= room) break;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - running.since).count();
    std::string line = fmt::format("  {} {}", graph_.node(id).label, seconds(static_cast<std::uint64_t>(elapsed)));
    if (!running.last_line.empty()) line += fmt::format("  {}", running.last_line);
    block += fit(line, screen.columns - 1) + "\n";
    ++drawn_lines_;
  }
  put(stdout, block);
  std::fflush(stdout);
}

std::string Console::paint(std::string_view text, std::string_view code) const {
  return options_.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace trilock::cli
