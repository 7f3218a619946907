#include "engine/cli/session.hpp"

#include <fmt/format.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "engine/cli/documents.hpp"
#include "engine/cli/github_log.hpp"
#include "engine/cli/json_events.hpp"
#include "engine/cli/standard_output.hpp"
#include "rules/rule.hpp"
#include "schemas/config.hpp"
#include "schemas/json.hpp"
#include "schemas/label_match.hpp"

namespace trilock::cli {
namespace {

// The folder and the name of the pipeline file; both from `--file` when it is given.
Result<std::pair<std::string, std::string>> find_pipeline(const Invocation& invocation, const std::string& cwd) {
  if (!invocation.file.empty()) {
    const std::filesystem::path file = std::filesystem::path(cwd) / invocation.file;
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::canonical(file.parent_path(), error);
    if (error) return fail_errno(fmt::format("cannot read `{}`", invocation.file), error.value());
    return std::pair{folder.string(), file.filename().string()};
  }
  std::string root = find_workspace(cwd);
  if (root.empty())
    return fail(ErrorKind::not_found, fmt::format("no `trilock.toml` in `{}` or a folder above it, up to `/`", cwd),
                "`trilock init` writes a first one from what is in the folder; `--file` names another");
  return std::pair{std::move(root), std::string("trilock.toml")};
}

void read_var_file(const std::string& name, const std::string& cwd, Session& session, LoadOptions& options) {
  const std::string path = name.starts_with('/') ? name : cwd + "/" + name;
  options.var_files.push_back(tree_path(session.workspace->tree(), path));
  // Standard input and pipes may be read too; a file goes into the account of the tree.
  const Result<FileStat> there = session.workspace->tree().stat_following(path);
  Result<std::string> text = there && there->type == FileType::file ? session.workspace->tree().read(path)
                                                                    : session.workspace->disk().read(path);
  if (!text) {
    session.diagnostics.error({}, text.error().message);
    return;
  }
  const SourceId source = session.sources.add(name, std::move(*text));
  for (const ConfigEntry& entry : read_toml(source, session.sources, session.diagnostics).entries) {
    if (const Text* value = entry.value.text())
      options.var_overrides.emplace_back(entry.key, value->literal);
    else if (const auto* number = std::get_if<std::int64_t>(&entry.value.data))
      options.var_overrides.emplace_back(entry.key, std::to_string(*number));
    else if (const auto* truth = std::get_if<bool>(&entry.value.data))
      options.var_overrides.emplace_back(entry.key, *truth ? "true" : "false");
    else
      session.diagnostics.error(entry.value.place, fmt::format("expected a string for `{}`, found {}", entry.key,
                                                               describe(entry.value.type())));
  }
}

int code_of_findings(const Session& session) {
  if (!session.diagnostics.has_errors()) return exit_done;
  return session.workspace->tree().machine_failed() ? exit_environment : exit_usage;
}

}  // namespace

Result<std::string> working_directory(const Invocation& invocation) {
  const std::string wanted = invocation.directory.empty() ? "." : invocation.directory;
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(wanted, error);
  if (error) return fail_errno(fmt::format("cannot work in `{}`", wanted), error.value());
  return path.string();
}

int usage_code(const Error& error) {
  return error.machine_failed ? exit_environment : exit_usage;
}

void report(Session& session, Error error) {
  print_err("error: {}\n", Painted{shown_lines(error.message)});
  if (!error.help.empty()) print_err("  = help: {}\n", Painted{shown_lines(error.help)});
  session.errors.push_back(std::move(error));
}

void hide_secrets(const Pipeline& pipeline, const Environment& environment) {
  std::vector<EnvVar> secrets;
  for (const std::string& name : pipeline.secret_names)
    if (auto value = environment.get(name)) secrets.push_back({name, std::move(*value), EnvClass::secret});
  // Names that an error has left open.
  for (const std::string& pattern : pipeline.secret_patterns)
    for (const auto& [name, value] : environment.all())
      if (wildcard_match(pattern, name)) secrets.push_back({name, value, EnvClass::secret});
  hide_in_output(Redactor(secrets));
}

std::vector<Diagnostic> findings(const Session& session) {
  std::vector<Diagnostic> all = session.diagnostics.all();
  for (Diagnostic& rest : session.diagnostics.left_out()) all.push_back(std::move(rest));
  return all;
}

void print_diagnostics(const Session& session) {
  bool first = true;
  for (const Diagnostic& diagnostic : findings(session)) {
    if (!first) write_err("\n");
    first = false;
    write_err(render(diagnostic, session.sources, without_secrets));
  }
}

void print_annotations(const Session& session) {
  const Environment& environment = session.workspace->environment();
  if (!in_github_actions(environment)) return;
  const std::string text =
      diagnostic_annotations(session.diagnostics, session.sources, environment, session.workspace->root());
  write_commands(text);
}

int open_workspace(const Invocation& invocation, Workspace::State state, Session& session, Workspace::Recall recall) {
  const Result<std::string> cwd = working_directory(invocation);
  if (!cwd) {
    report(session, cwd.error());
    return usage_code(cwd.error());
  }
  const auto found = find_pipeline(invocation, *cwd);
  if (!found) {
    report(session, found.error());
    return usage_code(found.error());
  }
  session.pipeline_path = found->second;
  std::vector<std::string> warnings;
  Result<std::unique_ptr<Workspace>> workspace = Workspace::open(found->first, state, warnings, recall);
  for (const std::string& warning : warnings) print_err("warning: {}\n", warning);
  if (!workspace) {
    report(session, workspace.error());
    return exit_environment;
  }
  session.workspace = std::move(*workspace);
  return exit_done;
}

void read_load_options(const Invocation& invocation, Session& session) {
  LoadOptions& options = session.load_options;
  options.path = session.pipeline_path;
  if (!invocation.file.empty()) session.workspace->tree().trust(session.pipeline_path);
  const std::string cwd = working_directory(invocation).value_or(session.workspace->root());
  for (const std::string& name : invocation.var_files) read_var_file(name, cwd, session, options);
  options.var_overrides.insert(options.var_overrides.end(), invocation.vars.begin(), invocation.vars.end());
}

// Outside of every workspace the current directory stands in for one; nothing is made in it.
int open_for_cache(const Invocation& invocation, Session& session) {
  const Result<std::string> cwd = working_directory(invocation);
  if (cwd && invocation.file.empty() && find_workspace(*cwd).empty()) {
    std::vector<std::string> warnings;  // of state that nobody asks here
    Result<std::unique_ptr<Workspace>> workspace = Workspace::open(*cwd, Workspace::State::use, warnings);
    if (!workspace) {
      report(session, workspace.error());
      return exit_environment;
    }
    session.workspace = std::move(*workspace);
    return exit_done;
  }
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != exit_done) return code;
  read_load_options(invocation, session);
  WorkspaceWorld world(*session.workspace);
  session.planned.pipeline =
      load_pipeline(session.load_options, rule_keys(), world, session.sources, session.diagnostics);
  hide_secrets(session.planned.pipeline, session.workspace->environment());
  print_diagnostics(session);
  return code_of_findings(session);
}

int load(const Invocation& invocation, Session& session) {
  read_load_options(invocation, session);
  session.planned = plan_pipeline(*session.workspace, session.load_options, session.sources, session.diagnostics);
  hide_secrets(session.planned.pipeline, session.workspace->environment());
  return code_of_findings(session);
}

int select(const Invocation& invocation, Session& session, std::vector<NodeId>& selected) {
  const Graph& graph = session.planned.graph;
  std::vector<bool> chosen(graph.size(), invocation.labels.empty());
  for (const std::string& label : invocation.labels) {
    const std::vector<std::string> matches = match_labels(session.planned.pipeline, label);
    if (matches.empty()) {
      std::vector<std::string_view> names;
      for (const Node& node : graph.nodes()) names.push_back(node.label);
      std::string help = did_you_mean(label, names);
      report(session, {ErrorKind::invalid, fmt::format("no node is called `{}`", label),
                       help.empty() ? "`trilock list` shows all nodes" : help});
      return exit_usage;
    }
    for (const std::string& match : matches)
      if (NodeId id{}; graph.find(match, id)) chosen[index_of(id)] = true;
  }
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) selected.push_back(static_cast<NodeId>(i));
  return exit_done;
}

int prepare(const Invocation& invocation, Session& session) {
  if (const int code = open_workspace(invocation, Workspace::State::use, session); code != 0)
    return end_without_result(invocation, session, code);
  const int loaded = load(invocation, session);
  print_diagnostics(session);
  return loaded == 0 ? loaded : end_without_result(invocation, session, loaded);
}

int prepare(const Invocation& invocation, Session& session, std::vector<NodeId>& selected) {
  if (const int code = prepare(invocation, session); code != 0) return code;
  const int code = select(invocation, session, selected);
  return code == 0 ? code : end_without_result(invocation, session, code);
}

int end_without_result(const Invocation& invocation, const Session& session, int code) {
  if (!invocation.json) return code;
  if (invocation.command == Command::run || invocation.command == Command::watch) {
    // The findings were events already.
    for (const Error& error : session.errors) print_event(diagnostic_event(error));
    print_event(run_finished_event({.exit_code = code}));
    return code;
  }
  std::vector<Diagnostic> all = findings(session);
  for (const Error& error : session.errors) all.push_back({Severity::error, error.message, {}, error.help, {}});
  JsonArray found;
  for (const Diagnostic& diagnostic : all) found.emplace_back(to_json(diagnostic, session.sources));
  JsonObject document = versioned_document();
  document.set("diagnostics", std::move(found));
  print_document(std::move(document));
  return code;
}

}  // namespace trilock::cli
