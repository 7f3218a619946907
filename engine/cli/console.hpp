// What a person sees of a run: on a terminal a live block of running nodes below the lines of finished ones, elsewhere
// plain lines. Results go to standard output; failures and warnings to standard error.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/cli/progress.hpp"
#include "engine/cli/report_text.hpp"
#include "engine/cli/time_left.hpp"
#include "engine/events.hpp"

namespace trilock::cli {

struct ConsoleOptions {
  OutputMode output = OutputMode::errors;
  bool live = false;       // standard output is a terminal that can move its cursor
  bool color_out = false;  // of standard output
  bool color_err = false;
  bool verbose = false;  // a line for unchanged nodes too
  bool dry = false;
  std::string log_dir;  // absolute: where the whole of a long failure goes when a terminal shows only its end
};

class Console final : public EventListener {
 public:
  Console(const Graph& graph, ConsoleOptions options);
  ~Console() override;

  void run_expected(const Expectation& expectation) override;
  void run_started(std::int64_t run, std::size_t nodes) override;
  void node_started(NodeId id) override;
  void node_output(NodeId id, Stream stream, std::string_view text) override;
  void node_finished(NodeId id, const NodeReport& report) override;
  void warning(std::string_view text) override;
  void run_finished(const RunSummary& summary) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    NodeId id{};
    std::uint64_t since_ms = 0;
    LastLine out;
    LastLine err;
    Stream latest = Stream::out;
  };

  // All of these need mutex_.
  void draw();
  void print(const std::string& text);        // on standard output, above the block
  void print_error(const std::string& text);  // on standard error
  [[nodiscard]] Progress progress(std::size_t rows);
  [[nodiscard]] std::string failure(NodeId id, const NodeReport& report) const;
  [[nodiscard]] Running* find(NodeId id);

  void draw_until_stopped();
  [[nodiscard]] std::uint64_t now_ms() const;

  const Graph& graph_;
  const ConsoleOptions options_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::condition_variable stop_;
  std::deque<Running> running_;        // guarded by mutex_; those that have run longest first
  std::optional<TimeLeft> time_left_;  // guarded by mutex_
  std::size_t total_ = 0;              // guarded by mutex_
  std::size_t done_ = 0;               // guarded by mutex_
  LiveBlock block_;                    // guarded by mutex_
  std::string above_;                  // guarded by mutex_; what the next frame prints above the block
  bool stopped_ = false;               // guarded by mutex_
  std::thread drawer_;
};

}  // namespace trilock::cli
