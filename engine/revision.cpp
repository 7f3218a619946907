#include "engine/revision.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "schemas/diagnostic.hpp"

namespace trilock {
namespace {

constexpr std::string_view no_file = "000000";
constexpr std::string_view submodule = "160000";

// Arguments of one process: far below what the kernel takes, so that the environment fits as well.
constexpr std::size_t most_argument_bytes = 100'000;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

// The next part of a list that is separated by NUL.
std::string_view take(std::string_view& list) {
  const std::size_t end = std::min(list.find('\0'), list.size());
  const std::string_view part = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return part;
}

}  // namespace

struct Revision::Listed {
  std::vector<std::string> in_revision;                         // files that the revision has and that may differ
  std::vector<std::string> added;                               // files that it has not
  std::vector<std::pair<std::string, std::string>> submodules;  // path and the commit that the revision has for it
};

Revision::~Revision() {
  if (!scratch_.empty()) static_cast<void>(surroundings_.disk.remove(scratch_));
}

Result<std::unique_ptr<Revision>> Revision::open(const Surroundings& surroundings, const std::string& dir,
                                                 const std::string& name) {
  Result<Git> git = Git::find(dir, surroundings.environment, Git::Reach::submodules);
  if (!git && git.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::invalid, fmt::format("`{}` is in no git repository", dir),
                "`--since` names a revision of the repository that the workspace is in");
  if (!git) return std::unexpected(git.error());
  std::unique_ptr<Revision> revision(new Revision(surroundings, std::move(*git)));
  if (Status found = revision->find_commit(name); !found) return std::unexpected(found.error());
  if (Status made = revision->make_scratch(); !made) return std::unexpected(made.error());
  revision->main_ = {revision->git_, revision->commit_, revision->scratch_ + "/index", revision->scratch_ + "/files"};
  if (Status compared = revision->compare(*revision->main_); !compared) return std::unexpected(compared.error());
  return revision;
}

Result<std::string> Revision::git(const Git& git, std::vector<std::string> arguments, const std::string& index,
                                  std::string* messages) {
  const std::string name = arguments.front();
  Git::Command command = git.command(std::move(arguments), index);
  const std::vector<EnvVar> base = surroundings_.environment.base();
  Result<ProcessResult> run = surroundings_.runner.run({.executable = std::move(command.executable),
                                                        .argv = std::move(command.argv),
                                                        .env = compose_environment({&base, &command.env}, {}),
                                                        .dir = std::move(command.dir),
                                                        .timeout_ms = 0,
                                                        .on_output = {}});
  if (!run) return std::unexpected(run.error());
  if (run->end == ProcessEnd::cancelled) return fail(ErrorKind::interrupted, "interrupted");
  if (run->exit_code != 0)
    return fail(ErrorKind::tool_failed, fmt::format("`git {}` failed: {}", name, trimmed(run->err)));
  if (messages != nullptr) *messages = std::move(run->err);
  return std::move(run->out);
}

Status Revision::find_commit(const std::string& name) {
  // What begins with a hyphen would be an option of git.
  if (name.empty() || name.starts_with('-')) return std::unexpected(no_such_revision(name));
  Result<std::string> commit = git(git_, {"rev-parse", "--verify", "--quiet", name + "^{commit}"});
  if (!commit) {
    if (commit.error().kind != ErrorKind::tool_failed) return std::unexpected(commit.error());
    return std::unexpected(no_such_revision(name));
  }
  commit_ = trimmed(*commit);
  return {};
}

Error Revision::no_such_revision(const std::string& name) {
  const Result<std::string> shallow = git(git_, {"rev-parse", "--is-shallow-repository"});
  if (shallow && trimmed(*shallow) == "true")
    return {
        ErrorKind::invalid, fmt::format("there is no revision `{}` in this clone, which is a shallow one", name),
        fmt::format("get it with `git fetch --depth=1 origin {}`, or everything with `git fetch --unshallow`", name)};
  std::vector<std::string> names;
  const Result<std::string> refs =
      git(git_, {"for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes"});
  for (std::string_view rest = refs ? std::string_view(*refs) : ""; !rest.empty();) {
    names.push_back(first_line(rest));
    rest.remove_prefix(std::min(names.back().size() + 1, rest.size()));
  }
  std::string help = did_you_mean(name, {names.begin(), names.end()});
  return {ErrorKind::invalid, fmt::format("git knows no revision `{}`", name),
          help.empty() ? "name a commit, a branch or a tag; `git fetch` gets those of the remote" : help};
}

Status Revision::make_scratch() {
  // Outside of the workspace: tools that look for their files in the folders above must not find the work tree's.
  std::string pattern = surroundings_.environment.get("TMPDIR").value_or("/tmp") + "/trilock-revision.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return fail_errno(fmt::format("cannot make `{}`", pattern), errno);
  scratch_ = pattern;
  return {};
}

Status Revision::compare(const Repository& repository) {
  ++repositories_;
  Listed listed;
  if (Status done = list(repository, listed); !done) return done;
  for (const std::string& path : listed.added) differences_.emplace(repository.git.top() + "/" + path, "");
  for (const std::string& path : listed.in_revision)
    differences_.insert_or_assign(repository.git.top() + "/" + path, repository.copies + "/" + path);
  if (Status done = copy_files(repository, listed.in_revision); !done) return done;
  for (const auto& [path, commit] : listed.submodules)
    if (Status done = compare_submodule(repository, path, commit); !done) return done;
  return {};
}

Status Revision::list(const Repository& repository, Listed& listed) {
  // Entries that are the same in index and revision keep their stat in the copy, so that git reads no unchanged file.
  // Git reads those that are not older than the index itself (they may have changed in the same tick), so the copy must
  // have the index's time.
  if (Status copied = copy_git_index(repository.git, surroundings_.disk, repository.index); !copied) return copied;
  const Result<std::string> read = git(repository.git, {"read-tree", "--reset", repository.commit}, repository.index);
  if (!read) return std::unexpected(read.error());

  // ":100644 100755 OID OID M\0path\0": the first mode and id are the revision's.
  std::string messages;
  const Result<std::string> changed =
      git(repository.git, {"diff-files", "--raw", "-z", "--no-abbrev", "--ignore-submodules=none"}, repository.index,
          &messages);
  if (!changed) return std::unexpected(changed.error());
  for (std::string_view rest = *changed; !rest.empty();) {
    const std::string_view entry = take(rest);
    std::string file(take(rest));
    if (entry.size() < 55) continue;
    if (entry.substr(1, 6) == submodule)
      listed.submodules.emplace_back(std::move(file), std::string(entry.substr(15, entry.find(' ', 15) - 15)));
    else if (entry.substr(1, 6) != no_file)
      listed.in_revision.push_back(std::move(file));
  }
  // What cannot be looked at (a symlink that leads to itself took the place of a directory above) is left out of that
  // list, with no more than a message.
  if (!messages.empty()) {
    const Result<std::string> unseen = git(repository.git, {"ls-files", "--deleted", "-z"}, repository.index);
    if (!unseen) return std::unexpected(unseen.error());
    for (std::string_view rest = *unseen; !rest.empty();) listed.in_revision.emplace_back(take(rest));
  }

  // The second list has files that git would ignore if they had not been added by name.
  const Result<std::string> untracked =
      git(repository.git, {"ls-files", "--others", "--exclude-standard", "-z"}, repository.index);
  const Result<std::string> staged = git(repository.git, {"diff-index", "--cached", "--no-renames", "--diff-filter=A",
                                                          "--name-only", "-z", repository.commit});
  for (const Result<std::string>* names : {&untracked, &staged}) {
    if (!*names) return std::unexpected(names->error());
    for (std::string_view rest = **names; !rest.empty();) {
      std::string_view file = take(rest);
      if (file.ends_with('/')) file.remove_suffix(1);
      listed.added.emplace_back(file);
    }
  }
  return {};
}

Status Revision::copy_files(const Repository& repository, const std::vector<std::string>& paths) {
  for (std::size_t i = 0; i < paths.size();) {
    std::vector<std::string> arguments = {"checkout-index", "--force", "--prefix=" + repository.copies + "/", "--"};
    for (std::size_t bytes = 0; i < paths.size() && bytes < most_argument_bytes; bytes += paths[i++].size() + 1)
      arguments.push_back(paths[i]);
    const Result<std::string> copied = git(repository.git, std::move(arguments), repository.index);
    if (!copied) return std::unexpected(copied.error());
  }
  return {};
}

// Of a submodule that is not checked out there is nothing on disk that could differ.
Status Revision::compare_submodule(const Repository& repository, const std::string& path, const std::string& commit) {
  const std::string top = repository.git.top() + "/" + path;
  if (!surroundings_.disk.stat(top + "/.git")) return {};
  Result<Git> found = Git::find(top, surroundings_.environment, Git::Reach::submodules);
  if (!found) return std::unexpected(found.error());
  if (found->top() != top) return {};
  const std::string name = std::to_string(repositories_);
  const Repository inner{std::move(*found), commit, scratch_ + "/index-" + name, scratch_ + "/files-" + name};
  if (git(inner.git, {"cat-file", "-e", commit + "^{commit}"})) return compare(inner);
  const Result<std::vector<DirEntry>> entries = surroundings_.disk.list(top);
  if (!entries) return std::unexpected(entries.error());
  for (const DirEntry& entry : *entries)
    if (entry.name != ".git") differences_.emplace(top + "/" + entry.name, "");
  return {};
}

Result<std::string> Revision::checkout() {
  const std::lock_guard lock(mutex_);
  if (!checkout_.empty()) return checkout_;
  std::string dir = scratch_ + "/tree";
  const Result<std::string> made =
      git(git_, {"checkout-index", "--all", "--force", "--prefix=" + dir + "/"}, main_->index);
  if (!made) return std::unexpected(made.error());
  checkout_ = dir;
  return dir;
}

Result<std::string> Revision::fact(PipelineWorld::GitFact fact) {
  std::vector<std::string> arguments;
  switch (fact) {
    case PipelineWorld::GitFact::commit:
      return commit_;
    case PipelineWorld::GitFact::branch:
      arguments = {"symbolic-ref", "--short", "HEAD"};
      break;
    case PipelineWorld::GitFact::describe:
      arguments = {"describe", "--tags", "--always", commit_};
      break;
    case PipelineWorld::GitFact::tag:
      arguments = {"describe", "--tags", "--exact-match", commit_};
      break;
  }
  Result<std::string> answer = git(git_, std::move(arguments));
  // A revision without a tag is no mistake of the pipeline that is being compared.
  if (!answer && fact == PipelineWorld::GitFact::tag) return std::string("untagged");
  if (!answer) return std::unexpected(answer.error());
  return trimmed(std::move(*answer));
}

}  // namespace trilock
