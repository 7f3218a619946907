// A rule drafts from what it sees; only a load sees everything: two nodes with one output, a template with a reference
// to nothing, a tag that is no name. So the text is loaded as `trilock check` would, and what has errors is taken out,
// until nothing has. What referred to it goes in the next round.
#include "engine/first_pipeline.hpp"

#include <algorithm>

#include "engine/draft_text.hpp"
#include "engine/run.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

constexpr std::string_view file_of_pipeline = "trilock.toml";

// The workspace as it will be, with the pipeline in it.
class DraftWorld final : public PipelineWorld {
 public:
  DraftWorld(Workspace& workspace, const std::string& text) : world_(workspace), text_(text) {}

  Result<std::string> read_file(const std::string& path) override {
    return path == file_of_pipeline ? Result<std::string>(text_) : world_.read_file(path);
  }
  Result<std::vector<std::string>> glob(const std::string& pattern) override { return world_.glob(pattern); }
  std::optional<std::string> environment(const std::string& name) override { return world_.environment(name); }
  Result<std::string> git(GitFact fact) override { return world_.git(fact); }

 private:
  WorkspaceWorld world_;
  const std::string& text_;
};

// Marks what has errors. False when nothing more was marked.
bool refuse_faulty(Workspace& workspace, const DraftText& written, Refusals& refused) {
  SourceMap sources;
  Diagnostics diagnostics;
  DraftWorld world(workspace, written.text);
  LoadOptions options;
  options.path = file_of_pipeline;
  (void)plan_pipeline(workspace, world, options, sources, diagnostics);
  bool any = false;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    const std::uint32_t line = diagnostic.place.line;
    if (diagnostic.severity != Severity::error || line == 0 || line > written.lines.size()) continue;
    const DraftText::Owner& owner = written.lines[line - 1];
    if (owner.var && !refused.vars[*owner.var]) {
      refused.vars[*owner.var] = true;
      any = true;
    }
    if (owner.node && refused.nodes[*owner.node].empty()) {
      refused.nodes[*owner.node] = diagnostic.message;
      any = true;
    }
  }
  return any;
}

}  // namespace

FirstPipeline draft_pipeline(Workspace& workspace) {
  Folder folder = list_folder(workspace.tree());
  Draft draft;
  draft.project = valid_name(file_name(workspace.root()), "pipeline");
  draft.left_out = folder.left_out;
  for (const Rule* rule : registry()) rule->draft(folder, draft);

  Refusals refused;
  refused.nodes.resize(draft.nodes.size());
  refused.vars.resize(draft.vars.size());
  DraftText written = write_draft(draft, refused);
  // Each round takes something out, so this ends.
  while (refuse_faulty(workspace, written, refused)) written = write_draft(draft, refused);

  FirstPipeline first{.text = std::move(written.text), .found = std::move(draft.found)};
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const DraftNode& node = draft.nodes[i];
    if (!refused.nodes[i].empty())
      draft.left_out.push_back({node.label(), refused.nodes[i]});
    else
      (node.switched_on ? first.nodes : first.switched_off).push_back(node.label());
  }
  first.left_out = std::move(draft.left_out);
  return first;
}

}  // namespace trilock
