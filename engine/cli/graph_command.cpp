#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "engine/cli/bare_output.hpp"
#include "engine/cli/documents.hpp"
#include "engine/cli/graph_formats.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/outside.hpp"

namespace trilock::cli {
namespace {

constexpr std::string_view no_graphviz = "install it: `apt-get install graphviz`; `--format mermaid` needs no program";

// A file that graphviz reads: processes have no standard input.
class TemporaryFile {
 public:
  static Result<TemporaryFile> with(std::string_view content, const Environment& environment) {
    std::string path = environment.get("TMPDIR").value_or("/tmp") + "/trilock-graph.XXXXXX";
    const int fd = ::mkstemp(path.data());
    if (fd < 0) return fail_errno(fmt::format("cannot make `{}`", path), errno);
    TemporaryFile file(path);
    int error = write_all(fd, content);
    if (::close(fd) != 0 && error == 0) error = errno;
    if (error != 0) return fail_errno(fmt::format("cannot write `{}`", path), error);
    return file;
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<std::string> draw(const std::string& dot, Workspace& workspace) {
  const Environment& environment = workspace.environment();
  // The text to draw says what the pipeline says, but no program of the workspace is started for it.
  const std::string path = path_outside(environment.path(), {workspace.root()});
  const std::string program = find_executable("dot", path, workspace.root());
  if (program.empty() || !is_outside(program, workspace.root()))
    return fail(ErrorKind::tool_missing, "`dot` of graphviz is not in PATH, and draws the picture",
                std::string(no_graphviz));
  const Result<TemporaryFile> file = TemporaryFile::with(dot, environment);
  if (!file) return std::unexpected(file.error());
  const std::vector<EnvVar> base = environment.base();
  const std::vector<EnvVar> own = {{"PATH", path, EnvClass::declared}};
  Result<ProcessResult> run = workspace.runner().run({.executable = program,
                                                      .argv = {"dot", "-Tsvg", file->path()},
                                                      .env = compose_environment({&base, &own}, {}),
                                                      .dir = workspace.root(),
                                                      .timeout_ms = 0,
                                                      .on_output = {}});
  if (!run) return std::unexpected(run.error());
  if (run->exit_code != 0) return fail(ErrorKind::tool_failed, "`dot -Tsvg` failed: " + run->err);
  return std::move(run->out);
}

}  // namespace

int graph_command(const Invocation& invocation) {
  Session session;
  std::vector<NodeId> selected;
  if (const int code = prepare(invocation, session, selected); code != 0) return code;
  const Graph& graph = session.planned.graph;
  const Pipeline& pipeline = session.planned.pipeline;
  const std::vector<bool> wanted = graph.closure(selected);
  if (invocation.json || invocation.format == "json") {
    print_document(graph_document(graph, wanted));
    return exit_done;
  }
  Result<std::string> text =
      invocation.format == "mermaid" ? mermaid_graph(pipeline, graph, wanted) : dot_graph(pipeline, graph, wanted);
  if (invocation.format == "svg") text = draw(*text, *session.workspace);
  if (!text) {
    report(session, text.error());
    return exit_environment;
  }
  write_out(*text);
  return exit_done;
}

}  // namespace trilock::cli
