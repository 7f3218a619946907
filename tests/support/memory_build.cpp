#include "tests/support/memory_build.hpp"

#include <algorithm>
#include <mutex>

namespace trilock::test {

// The tool must be found on the real file system, where executables are looked up; `true` is there on every machine.
class MemoryBuild::Runner final : public ProcessRunner {
 public:
  explicit Runner(MemoryBuild& build) : build_(build) {}

  Result<ProcessResult> run(const ProcessSpec& spec) override {
    ++build_.processes;
    {
      const std::lock_guard lock(mutex_);
      if (build_.before_process) build_.before_process(spec.argv);
    }
    ProcessResult result;
    if (spec.argv.size() > 1 && spec.argv[1] == "fail") {
      result.exit_code = 1;
      result.err = "told to fail\n";
      if (spec.on_output) spec.on_output(Stream::err, result.err);
      return result;
    }
    std::string mixed;
    for (std::size_t i = 2; i < spec.argv.size(); ++i) {
      const Result<std::string> content = build_.disk.read(spec.dir + "/" + spec.argv[i]);
      mixed += spec.argv[i] + "(" + content.value_or("absent") + ")";
    }
    if (spec.argv.size() > 1)
      if (Status written = build_.disk.write(spec.dir + "/" + spec.argv[1], mixed, 0644); !written) {
        result.exit_code = 1;
        result.err = written.error().message + "\n";
      }
    result.out = "mixed\n";
    if (spec.on_output) {
      spec.on_output(Stream::out, result.out);
      spec.on_output(Stream::err, result.err);
    }
    return result;
  }
  void stop(Stop) override {}

 private:
  MemoryBuild& build_;
  std::mutex mutex_;
};

class MemoryBuild::Listener final : public EventListener {
 public:
  Listener(MemoryBuild& build, const Graph& graph) : build_(build), graph_(graph) {}
  void run_started(std::int64_t, std::size_t) override {}
  void node_started(NodeId) override {}
  void node_output(NodeId, Stream, std::string_view) override {}
  void node_finished(NodeId id, const NodeReport& report) override {
    const std::lock_guard lock(mutex_);
    build_.reports[graph_.node(id).label] = report;
    if (report.outcome == Outcome::ran) build_.ran.push_back(graph_.node(id).label);
  }
  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    build_.warnings.emplace_back(text);
  }
  void run_finished(const RunSummary&) override {}

 private:
  MemoryBuild& build_;
  const Graph& graph_;
  std::mutex mutex_;
};

namespace {

class NeverStop final : public StopSignal {
 public:
  [[nodiscard]] bool requested() const override { return false; }
};

}  // namespace

MemoryBuild::MemoryBuild() : environment{{"PATH", "/usr/bin:/bin"}, {"TRILOCK_CACHE_DIR", "/cache"}} {
  runner_ = std::make_unique<Runner>(*this);
  for (const char* tool : {"/usr/bin/true", "/bin/true"}) disk.put(tool, "the tool", 0755);
  disk.put_directory("/w");
  forget_state();
}

void MemoryBuild::forget_state() {
  std::string warning;
  db_ = std::move(StateDb::open(":memory:", warning).value());
}

std::unique_ptr<Workspace> MemoryBuild::open() {
  return std::make_unique<Workspace>("/w", Environment(environment), disk, *db_, *runner_);
}

bool MemoryBuild::plan(Workspace& workspace, PlannedPipeline& planned) {
  sources_ = {};
  findings.clear();
  Diagnostics diagnostics;
  planned = plan_pipeline(workspace, {}, sources_, diagnostics);
  for (const Diagnostic& found : diagnostics.all()) findings += render(found, sources_);
  return !diagnostics.has_errors();
}

int MemoryBuild::run(RunOptions options, std::vector<std::string> labels) {
  reports.clear();
  ran.clear();
  warnings.clear();
  disk.next_tick();
  const std::unique_ptr<Workspace> workspace = open();
  PlannedPipeline planned;
  if (!plan(*workspace, planned)) return 2;
  std::vector<NodeId> selected;
  for (std::size_t i = 0; i < planned.graph.size(); ++i) {
    const std::string& label = planned.graph.node(static_cast<NodeId>(i)).label;
    if (labels.empty() || std::find(labels.begin(), labels.end(), label) != labels.end())
      selected.push_back(static_cast<NodeId>(i));
  }
  Listener listener(*this, planned.graph);
  const int code = run_pipeline(*workspace, planned, selected, options, NeverStop(), listener).exit_code;
  disk.next_tick();
  return code;
}

PlannedPipeline MemoryBuild::planned() {
  const std::unique_ptr<Workspace> workspace = open();
  PlannedPipeline planned;
  plan(*workspace, planned);
  return planned;
}

std::vector<Forecast> MemoryBuild::look() {
  const std::unique_ptr<Workspace> workspace = open();
  PlannedPipeline planned;
  if (!plan(*workspace, planned)) return {};
  std::vector<NodeId> all;
  for (std::size_t i = 0; i < planned.graph.size(); ++i) all.push_back(static_cast<NodeId>(i));
  return forecast(*workspace, planned, all, {});
}

}  // namespace trilock::test
