#include "tests/support/memory_build.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include "tests/support/program.hpp"

namespace trilock::test {

class Build::Runner final : public ProcessRunner {
 public:
  explicit Runner(Build& build) : build_(build) {}

  Result<ProcessResult> run(const ProcessSpec& spec) override {
    ++build_.processes;
    {
      const std::lock_guard lock(mutex_);
      if (build_.before_process) build_.before_process(spec.argv);
      if (build_.instead_of_process)
        if (std::optional<ProcessResult> result = build_.instead_of_process(spec)) return std::move(*result);
    }
    const Effects effects = run_program(spec.argv, [&](const std::string& path) -> std::optional<std::string> {
      Result<std::string> content = build_.disk_.read(spec.dir + "/" + path);
      return content ? std::optional(std::move(*content)) : std::nullopt;
    });
    ProcessResult result{
        .exit_code = effects.exit_code, .out = effects.exit_code == 0 ? "mixed\n" : "", .err = effects.err};
    for (const Made* files : {&effects.made, &effects.passing})
      for (const auto& [path, entry] : *files)
        if (const Status made = make(spec.dir + "/" + path, entry); !made && result.exit_code == 0)
          result = {.exit_code = 1, .out = {}, .err = made.error().message + "\n"};
    if (spec.on_output) {
      spec.on_output(Stream::out, result.out);
      spec.on_output(Stream::err, result.err);
    }
    return result;
  }
  void stop(Stop) override {}
  bool pause(std::uint64_t milliseconds) override {
    const std::lock_guard lock(mutex_);
    build_.pauses_ms.push_back(milliseconds);
    return true;
  }

 private:
  Status make(const std::string& path, const MadeEntry& entry) {
    switch (entry.type) {
      case EntryType::symlink:
        return build_.disk_.make_symlink(entry.content, path);
      case EntryType::directory:
        return build_.disk_.make_directories(path, entry.mode);
      case EntryType::file:
        break;
    }
    Status written = build_.disk_.write(path, entry.content, entry.mode);
    if (!written && build_.after_failed_write)
      build_.after_failed_write(path, entry.content.substr(0, entry.content.size() / 2));
    return written;
  }

  Build& build_;
  std::mutex mutex_;
};

class Build::Listener final : public EventListener {
 public:
  Listener(Build& build, const Graph& graph) : build_(build), graph_(graph) {}
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
  Build& build_;
  const Graph& graph_;
  std::mutex mutex_;
};

namespace {

class NeverStop final : public StopSignal {
 public:
  [[nodiscard]] bool requested() const override { return false; }
};

}  // namespace

Build::Build(Disk& disk, std::string root, std::string cache_dir)
    : environment{{"PATH", "/usr/bin:/bin"}, {"TRILOCK_CACHE_DIR", std::move(cache_dir)}},
      disk_(disk),
      root_(std::move(root)),
      runner_(std::make_unique<Runner>(*this)) {
  forget_state();
}

Build::~Build() = default;

void Build::forget_state() {
  std::string warning;
  db_ = std::move(StateDb::open(":memory:", warning).value());
}

std::unique_ptr<Workspace> Build::open() {
  return std::make_unique<Workspace>(
      root_, StatePlace{.id = "", .key = "", .durable = "/state", .disposable = root_ + "/.trilock"},
      Environment(environment), disk_, *db_, *runner_);
}

bool Build::plan(Workspace& workspace, PlannedPipeline& planned) {
  sources_ = {};
  findings.clear();
  Diagnostics diagnostics;
  planned = plan_pipeline(workspace, {}, sources_, diagnostics);
  for (const Diagnostic& found : diagnostics.all()) findings += render(found, sources_);
  return !diagnostics.has_errors();
}

std::vector<NodeId> Build::select(const Graph& graph, const std::vector<std::string>& labels) {
  std::vector<NodeId> selected;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const std::string& label = graph.node(static_cast<NodeId>(i)).label;
    if (labels.empty() || std::find(labels.begin(), labels.end(), label) != labels.end())
      selected.push_back(static_cast<NodeId>(i));
  }
  return selected;
}

int Build::run(RunOptions options, std::vector<std::string> labels) {
  reports.clear();
  ran.clear();
  warnings.clear();
  const std::unique_ptr<Workspace> workspace = open();
  PlannedPipeline planned;
  if (!plan(*workspace, planned)) return 2;
  Listener listener(*this, planned.graph);
  return run_pipeline(*workspace, planned, select(planned.graph, labels), options, NeverStop(), listener).exit_code;
}

PlannedPipeline Build::planned() {
  const std::unique_ptr<Workspace> workspace = open();
  PlannedPipeline planned;
  plan(*workspace, planned);
  return planned;
}

std::vector<Forecast> Build::look(RunOptions options, std::vector<std::string> labels) {
  const std::unique_ptr<Workspace> workspace = open();
  PlannedPipeline planned;
  if (!plan(*workspace, planned)) return {};
  std::vector<Forecast> forecasts = forecast(*workspace, planned, select(planned.graph, labels), options);
  looked_at.clear();
  for (const Forecast& next : forecasts) looked_at.push_back(planned.graph.node(next.id).label);
  return forecasts;
}

// The base is given a disk that is not made yet and does not use it before a run.
MemoryBuild::MemoryBuild() : Build(disk, "/w", "/cache") {
  for (const char* tool : {"/usr/bin/true", "/bin/true"}) disk.put(tool, "the tool", 0755);
  disk.put_directory("/w");
}

int MemoryBuild::run(RunOptions options, std::vector<std::string> labels) {
  disk.next_tick();
  const int code = Build::run(options, std::move(labels));
  disk.next_tick();
  return code;
}

}  // namespace trilock::test
