// One thread draws ten frames a second; a node that finishes only adds its line to the next one, so a run of many short
// nodes costs no more than a run of a few. Nothing is drawn in the first tenth, so a run with nothing to do shows none.
#include "engine/cli/console.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cache/own_file.hpp"
#include "cache/thread_start.hpp"
#include "engine/cli/standard_output.hpp"

namespace trilock::cli {
namespace {

constexpr std::chrono::milliseconds frame{100};
constexpr std::size_t most_failure_lines = 100;  // of one node, on a terminal

ScreenSize screen_size() {
  winsize size{};
  ScreenSize screen;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
    screen = {.columns = size.ws_col, .rows = size.ws_row};
  return screen;
}

// "" when it could not be written.
std::string write_log(const std::string& dir, std::string label, const NodeReport& report) {
  std::replace(label.begin(), label.end(), '/', '_');
  const std::string path = fmt::format("{}/{}.log", dir, label);
  const bool written = make_own_directory(dir) && write_own_file(path, output_text(report, "", Colors::strip));
  return written ? path : std::string();
}

}  // namespace

Console::Console(const Graph& graph, ConsoleOptions options) : graph_(graph), options_(std::move(options)) {}

Console::~Console() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_all();
  if (drawer_.joinable()) drawer_.join();
}

void Console::run_expected(const Expectation& expectation) {
  const std::lock_guard lock(mutex_);
  done_ = expectation.settled;
  if (options_.live) time_left_.emplace(graph_, expectation);
}

void Console::run_started(std::int64_t, std::size_t nodes) {
  const std::lock_guard lock(mutex_);
  total_ = nodes;
  // Where a thread is refused, lines come as nodes end and nothing is drawn below them.
  if (options_.live && !options_.dry) drawer_ = start_thread([this] { draw_until_stopped(); });
}

void Console::node_started(NodeId id) {
  if (!options_.live) return;
  const std::lock_guard lock(mutex_);
  running_.push_back({.id = id, .since_ms = now_ms(), .out = {}, .err = {}});
  if (time_left_) time_left_->started(id, running_.back().since_ms);
}

void Console::node_output(NodeId id, Stream stream, std::string_view text) {
  if (!options_.live) return;
  const std::lock_guard lock(mutex_);
  Running* running = find(id);
  if (running == nullptr) return;
  running->latest = stream;
  (stream == Stream::out ? running->out : running->err).feed(text);
}

void Console::node_finished(NodeId id, const NodeReport& report) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [&](const Running& running) { return running.id == id; });
  if (time_left_) time_left_->finished(id);
  ++done_;
  if (report.outcome == Outcome::failed || report.outcome == Outcome::waiting) return print_error(failure(id, report));
  const bool has_output = shows_output(options_.output, report.outcome) && !(report.out.empty() && report.err.empty());
  if (report.outcome == Outcome::unchanged && !options_.verbose && !has_output) return;
  const Wording wording{.color = options_.color_out, .dry = options_.dry};
  std::string text = finished_line(done_, total_, graph_.node(id).label, report, wording) + "\n";
  if (has_output) text += output_text(report, "  | ", options_.color_out ? Colors::keep : Colors::strip);
  print(text);
}

std::string Console::failure(NodeId id, const NodeReport& report) const {
  const std::string& label = graph_.node(id).label;
  const Colors colors = options_.color_err ? Colors::keep : Colors::strip;
  std::string text = failure_head(label, report, {.color = options_.color_err, .dry = options_.dry});
  if (shows_output(options_.output, report.outcome)) {
    const auto lines = static_cast<std::size_t>(std::count(report.out.begin(), report.out.end(), '\n') +
                                                std::count(report.err.begin(), report.err.end(), '\n'));
    std::string log;
    if (options_.live && options_.output != OutputMode::full && lines > most_failure_lines)
      log = write_log(options_.log_dir, label, report);
    if (!log.empty())
      text += fmt::format("  | … the last {} of {} lines; all of them are in {}\n", most_failure_lines, lines, log);
    text += output_text(report, "  | ", colors, log.empty() ? SIZE_MAX : most_failure_lines);
  }
  return text + help_line(report);
}

void Console::warning(std::string_view text) {
  const std::lock_guard lock(mutex_);
  print_error(fmt::format("{} {}\n", paint("warning:", yellow, options_.color_err), shown_lines(text)));
}

void Console::run_finished(const RunSummary& summary) {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  const std::string clear = options_.live ? block_.erase(screen_size()) : std::string();
  write_out_at_once(clear + above_ + summary_line(summary) + "\n");
  above_.clear();
  stop_.notify_all();
}

void Console::print(const std::string& text) {
  if (drawer_.joinable())
    above_ += text;
  else
    write_out_at_once(text);
}

void Console::print_error(const std::string& text) {
  if (options_.live) write_out_at_once(block_.erase(screen_size()) + std::exchange(above_, {}));
  write_err(text);
}

void Console::draw_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, frame, [this] { return stopped_; })) draw();
}

void Console::draw() {
  const ScreenSize screen = screen_size();
  const std::string above = std::exchange(above_, {});
  if (running_.empty()) {
    write_out_at_once(block_.erase(screen) + above);
    return;
  }
  const std::vector<std::string> lines = progress_lines(progress(progress_rows(screen)), screen, options_.color_out);
  write_out_at_once(block_.draw(above, lines, screen));
}

Progress Console::progress(std::size_t rows) {
  Progress now{.done = done_, .total = total_, .left_ms = {}, .running = {}, .running_count = running_.size()};
  const std::uint64_t time = now_ms();
  if (time_left_) now.left_ms = time_left_->estimate(time);
  for (const Running& running : running_) {
    if (now.running.size() == rows) break;
    std::string last = (running.latest == Stream::out ? running.out : running.err).text();
    if (last.empty()) last = (running.latest == Stream::out ? running.err : running.out).text();
    now.running.push_back({graph_.node(running.id).label, time - running.since_ms, std::move(last)});
  }
  return now;
}

Console::Running* Console::find(NodeId id) {
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const Running& running) { return running.id == id; });
  return found == running_.end() ? nullptr : &*found;
}

std::uint64_t Console::now_ms() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_).count());
}

}  // namespace trilock::cli
