// What a person sees of a run: on a terminal a live block of running nodes below the lines of finished ones, elsewhere
// plain lines. Results go to standard output; failures and warnings to standard error.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/events.hpp"

namespace trilock::cli {

struct ConsoleOptions {
  bool live = false;  // redraw a block at the end of the screen
  bool color = false;
  bool verbose = false;  // a line for unchanged nodes too
};

class Console final : public EventListener {
 public:
  Console(const Graph& graph, ConsoleOptions options);
  ~Console() override;

  void run_started(std::int64_t run, std::size_t nodes) override;
  void node_started(NodeId id) override;
  void node_output(NodeId id, Stream stream, std::string_view text) override;
  void node_finished(NodeId id, const NodeReport& report) override;
  void warning(std::string_view text) override;
  void run_finished(const RunSummary& summary) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    Clock::time_point since;
    std::string last_line;
  };

  void draw_until_stopped();
  void draw();   // needs mutex_
  void erase();  // needs mutex_
  void print_failure(NodeId id, const NodeReport& report);
  [[nodiscard]] std::string paint(std::string_view text, std::string_view code) const;

  const Graph& graph_;
  ConsoleOptions options_;
  std::mutex mutex_;
  std::condition_variable stop_;
  std::map<NodeId, Running> running_;  // guarded by mutex_
  std::size_t total_ = 0;              // guarded by mutex_
  std::size_t done_ = 0;               // guarded by mutex_
  std::size_t drawn_lines_ = 0;        // guarded by mutex_
  bool stopped_ = false;               // guarded by mutex_
  std::thread drawer_;
};

// "5 nodes: 2 ran, 3 unchanged, 0 failed in 1.9 s"
[[nodiscard]] std::string summary_line(const RunSummary& summary);

}  // namespace trilock::cli
