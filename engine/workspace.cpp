#include "engine/workspace.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "cache/glob.hpp"
#include "engine/git.hpp"
#include "engine/state_home.hpp"

namespace trilock {
namespace {

// Where the runner, and nobody else, lets symlinks of the workspace lead: absolute directories with colons between.
Confinement confinement_of(const std::string& root, const Environment& environment) {
  Confinement confinement{.root = root};
  const std::string roots = environment.get("TRILOCK_OUTPUT_ROOTS").value_or("");
  for (std::size_t at = 0; at < roots.size();) {
    const std::size_t end = std::min(roots.find(':', at), roots.size());
    if (end > at) confinement.allowed.push_back(roots.substr(at, end - at));
    at = end + 1;
  }
  return confinement;
}

}  // namespace

Workspace::Workspace(std::string root, StatePlace place, Environment environment, Disk& disk, StateDb& db,
                     ProcessRunner& runner, Recall recall)
    : root_(std::move(root)),
      place_(std::move(place)),
      environment_(std::move(environment)),
      disk_(&disk),
      db_(&db),
      runner_(&runner),
      tree_(disk, root_, place_.disposable),
      questions_(tree_, runner, environment_),
      tools_(tree_) {
  if (recall == Recall::all) recall_all();
  if (auto answers = db.answers()) {
    tools_.remember(*answers);
    questions_.remember(std::move(*answers));
  }
}

void Workspace::recall(std::span<const std::string> paths) {
  if (auto digests = db_->file_digests(paths)) tree_.remember(*digests);
}

void Workspace::recall_all() {
  if (auto digests = db_->file_digests()) tree_.remember(*digests);
}

Result<std::unique_ptr<Workspace>> Workspace::open(std::string root, State state, std::vector<std::string>& warnings,
                                                   Recall recall) {
  Environment environment = Environment::of_process();
  Confinement confinement = confinement_of(root, environment);
  for (const std::string& allowed : confinement.allowed)
    if (!allowed.starts_with('/'))
      return fail(ErrorKind::invalid, fmt::format("TRILOCK_OUTPUT_ROOTS: `{}` is no absolute path", allowed),
                  "it holds absolute directories with `:` between them");
  std::unique_ptr<Disk> disk = make_real_disk(std::move(confinement));
  Result<OpenedState> opened =
      open_state(*disk, root, environment, state == State::make ? StateAccess::make : StateAccess::look);
  if (!opened) return std::unexpected(opened.error());
  warnings = std::move(opened->warnings);
  const std::string state_dir = opened->place.disposable;
  const Brands brands = new_brands();
  auto journal = std::make_unique<Journal>(state_dir + "/journal", brands, root);
  auto runner = make_process_runner({.brands = brands, .before_first = [to = journal.get()] { return to->begin(); }});
  Parts parts{.disk = std::move(disk), .db = nullptr, .journal = std::move(journal), .runner = std::move(runner)};
  std::string database = state_dir + "/state.db";
  if (state == State::use && !parts.disk->stat(database)) database = ":memory:";
  std::string warning;
  Result<std::unique_ptr<StateDb>> db = StateDb::open(database, warning);
  // What SQLite says of a directory that it cannot make its files in does not name the reason.
  if (!db && state == State::make && ::access(state_dir.c_str(), W_OK) != 0)
    return fail_errno(fmt::format("cannot write to `{}`", state_dir), errno);
  if (!db) return std::unexpected(db.error());
  if (!warning.empty()) warnings.push_back(std::move(warning));
  parts.db = std::move(*db);
  auto workspace = std::make_unique<Workspace>(std::move(root), std::move(opened->place), std::move(environment),
                                               *parts.disk, *parts.db, *parts.runner, recall);
  if (state == State::use) workspace->questions_.ask_quietly();
  workspace->owned_ = std::move(parts);
  return workspace;
}

Confinement Workspace::confinement() const {
  return confinement_of(root_, environment_);
}

std::string Workspace::absolute_path(const std::string& path) const {
  if (path.starts_with("~/")) return environment_.get("HOME").value_or("/") + path.substr(1);
  return tree_.absolute(path);
}

bool Workspace::cache_dir_is_named(const CacheSettings& settings) const {
  return !settings.dir.empty() || !environment_.get("TRILOCK_CACHE_DIR").value_or("").empty();
}

std::string Workspace::cache_dir(const CacheSettings& settings) const {
  if (const auto dir = environment_.get("TRILOCK_CACHE_DIR"); dir && !dir->empty()) return tree_.absolute(*dir);
  if (!settings.dir.empty()) return absolute_path(settings.dir);
  if (const auto xdg = environment_.get("XDG_CACHE_HOME"); xdg && xdg->starts_with('/')) return *xdg + "/trilock";
  return absolute_path("~/.cache/trilock");
}

Status Workspace::save() {
  db_->record_digests(tree_.take_new_digests());
  for (StoredAnswer& answer : questions_.take_new_answers()) db_->record_answer(std::move(answer));
  for (StoredAnswer& answer : tools_.take_new_answers()) db_->record_answer(std::move(answer));
  return db_->flush();
}

void Workspace::close() {
  questions_.clear_scratch();
  owned_.runner.reset();
  owned_.journal.reset();
  owned_.db.reset();
}

Result<std::string> WorkspaceWorld::read_file(const std::string& path) {
  if (path.starts_with('/')) return std::unexpected(workspace_.tree().check_inside(path).error());
  return workspace_.tree().read(path);
}

Result<std::string> WorkspaceWorld::read_stretches(const std::string& path, std::span<const ByteStretch> stretches) {
  return workspace_.tree().read(path, stretches);
}

Result<std::vector<std::string>> WorkspaceWorld::glob(const std::string& pattern) {
  const std::string folder(literal_prefix(pattern));
  if (Status inside = workspace_.tree().check_inside(folder); !inside) return std::unexpected(inside.error());
  const InputPattern input{.pattern = pattern, .exclude = false, .place = {}};
  return workspace_.tree().select({&input, 1}, {}, Symlinks::as_text);
}

std::optional<std::string> WorkspaceWorld::environment(const std::string& name) {
  return workspace_.environment().get(name);
}

Result<std::string> WorkspaceWorld::git(GitFact fact) {
  // Whether there are changes takes a look into submodules, and at every file through the index.
  const bool looks_at_files = fact == GitFact::describe;
  const Result<Git> git = Git::find(workspace_.root(), workspace_.environment(),
                                    looks_at_files ? Git::Reach::submodules : Git::Reach::repository);
  if (!git) return std::unexpected(git.error());
  std::optional<GitIndexCopy> index;
  if (looks_at_files) {
    Result<GitIndexCopy> copy = GitIndexCopy::of(*git, workspace_.disk(), workspace_.environment());
    if (!copy) return std::unexpected(copy.error());
    index.emplace(std::move(*copy));
  }
  std::vector<std::string> arguments;
  switch (fact) {
    case GitFact::describe:
      arguments = {"describe", "--tags", "--always", "--dirty"};
      break;
    case GitFact::commit:
      arguments = {"rev-parse", "--verify", "HEAD"};
      break;
    case GitFact::branch:
      arguments = {"symbolic-ref", "--short", "HEAD"};
      break;
    case GitFact::tag:
      arguments = {"describe", "--tags", "--exact-match", "HEAD"};
      break;
  }
  Git::Command command = git->command(std::move(arguments), index ? index->file() : "");
  command.argv[0] = command.executable;
  Result<Answer> answer = workspace_.questions().ask({.argv = std::move(command.argv),
                                                      .dir = std::move(command.dir),
                                                      .env = std::move(command.env),
                                                      .every_run = true,
                                                      .quiet = {.keeps_environment = true}});
  if (!answer) return std::unexpected(answer.error());
  const auto trim = [](std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
  };
  if (answer->exit_code != 0) {
    std::string said = trim(answer->err);
    said.resize(std::min(said.find('\n'), said.size()));
    return fail(ErrorKind::tool_failed, said.empty() ? "git failed" : said);
  }
  return trim(answer->out);
}

}  // namespace trilock
