// What GitHub Actions shows of a run: a line and a group for each node, annotations where something is wrong, a table
// in the step summary. Everything goes to standard output, as only lines of one stream keep their order there.
//
// Secrets are not announced with `::add-mask::`: that would write them into every copy of the log that is not the
// runner's own. trilock redacts them itself, and the runner masks those that it handed out.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "engine/cli/github_commands.hpp"
#include "engine/cli/report_text.hpp"
#include "engine/environment.hpp"
#include "engine/events.hpp"
#include "schemas/diagnostic.hpp"

namespace trilock::cli {

struct GithubOptions {
  OutputMode output = OutputMode::fresh;
  bool color = false;
  bool verbose = false;
  bool dry = false;
  std::string workspace;     // absolute
  std::string repository;    // GITHUB_WORKSPACE: absolute, or "" when not set
  std::string summary_file;  // GITHUB_STEP_SUMMARY, or "" when not set
};

// Whether trilock is run by GitHub Actions.
[[nodiscard]] bool in_github_actions(const Environment& environment);

class GithubLog final : public EventListener {
 public:
  // `sources` are the files that places of nodes point into.
  GithubLog(const Graph& graph, const SourceMap& sources, GithubOptions options);

  void run_started(std::int64_t run, std::size_t nodes) override;
  void node_started(NodeId) override {}
  void node_output(NodeId, Stream, std::string_view) override {}
  void node_finished(NodeId id, const NodeReport& report) override;
  void warning(std::string_view text) override;
  void run_finished(const RunSummary& summary) override;

 private:
  [[nodiscard]] std::string failure(NodeId id, const NodeReport& report);
  [[nodiscard]] std::string in_repository(std::string_view dir, std::string_view file, std::string_view package) const;
  void write_summary(const RunSummary& summary);

  const Graph& graph_;
  const SourceMap& sources_;
  const GithubOptions options_;
  std::mutex mutex_;
  std::size_t total_ = 0;  // guarded by mutex_, as all below
  std::size_t done_ = 0;
  std::size_t errors_ = 0;             // annotations that were printed
  std::vector<Annotation> in_output_;  // for the end, as far as there is room for them then
  std::vector<SummaryRow> rows_;
};

// The annotations of what is wrong with the pipeline.
[[nodiscard]] std::string diagnostic_annotations(const Diagnostics& diagnostics, const SourceMap& sources,
                                                 const Environment& environment, std::string_view workspace);

}  // namespace trilock::cli
