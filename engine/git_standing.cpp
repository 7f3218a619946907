#include "engine/git_standing.hpp"

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "cache/hash.hpp"
#include "cache/output_check.hpp"
#include "engine/git.hpp"

namespace trilock {
namespace {

constexpr std::size_t most_argument_bytes = 64 * 1024;  // of one process; Linux takes 128 KiB and more

// Up to the next NUL, which is taken away with it.
std::string_view take(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return taken;
}

// The questions about the files of one work tree.
class WorkTree {
 public:
  WorkTree(const GitSurroundings& surroundings, std::string top) : doors_(surroundings), top_(std::move(top)) {}

  // `standings` stand beside `paths`, which are relative to the top.
  void ask(std::span<const std::string> paths, std::span<GitStanding* const> standings) {
    for (std::size_t begin = 0; begin < paths.size();) {
      std::size_t end = begin;
      for (std::size_t bytes = 0; end < paths.size() && bytes < most_argument_bytes; ++end) bytes += paths[end].size();
      ask_some(paths.subspan(begin, end - begin), standings.subspan(begin, end - begin));
      begin = end;
    }
  }

 private:
  void ask_some(std::span<const std::string> paths, std::span<GitStanding* const> standings) {
    const std::optional<std::string> staged = git({"ls-files", "--stage", "-z"}, paths);
    if (!staged) return;
    std::map<std::string, std::string_view, std::less<>> tracked;  // "100644 OID 0" by path
    for (std::string_view rest = *staged; !rest.empty();) {
      const std::string_view entry = take(rest);
      const std::size_t tab = entry.find('\t');
      if (tab != std::string_view::npos) tracked.emplace(entry.substr(tab + 1), entry.substr(0, tab));
    }
    std::vector<std::string> untracked;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const auto found = tracked.find(paths[i]);
      if (found == tracked.end())
        untracked.push_back(paths[i]);
      else if (has_bytes_of(paths[i], found->second))
        *standings[i] = GitStanding::unmodified;
    }
    if (untracked.empty()) return;
    const std::optional<std::string> ignored =
        git({"ls-files", "--others", "--ignored", "--exclude-standard", "-z"}, untracked);
    if (!ignored) return;
    for (std::string_view rest = *ignored; !rest.empty();) {
      const std::string_view path = take(rest);
      for (std::size_t i = 0; i < paths.size(); ++i)
        if (paths[i] == path) *standings[i] = GitStanding::ignored;
    }
  }

  // None when git cannot say.
  std::optional<std::string> git(std::vector<std::string> words, std::span<const std::string> paths) {
    if (!git_) git_ = Git::find(top_, doors_.environment);
    if (!*git_ || (*git_)->top() != top_) return std::nullopt;
    words.emplace_back("--");
    words.insert(words.end(), paths.begin(), paths.end());
    Git::Command command = (*git_)->command(std::move(words));
    command.env.push_back({"GIT_LITERAL_PATHSPECS", "1", EnvClass::declared});
    const std::vector<EnvVar> base = doors_.environment.base();
    Result<ProcessResult> ended = doors_.runner.run({.executable = std::move(command.executable),
                                                     .argv = std::move(command.argv),
                                                     .env = compose_environment({&base, &command.env}, {}),
                                                     .dir = std::move(command.dir),
                                                     .timeout_ms = 0,
                                                     .on_output = {}});
    if (!ended || ended->end != ProcessEnd::exited || ended->exit_code != 0) return std::nullopt;
    return std::move(ended->out);
  }

  // `entry` is one of the index: "100644 OID STAGE".
  bool has_bytes_of(const std::string& path, std::string_view entry) {
    const std::size_t id = entry.find(' ') + 1;
    const std::size_t stage = entry.find(' ', id) + 1;
    if (id == 0 || stage == 0 || entry.substr(stage) != "0") return false;
    const std::string absolute = top_ + "/" + path;
    const Result<FileStat> stat = doors_.disk.stat(absolute);
    if (!stat) return false;
    const bool is_link = stat->type == FileType::symlink;
    if (!is_link && stat->type != FileType::file) return false;
    if (entry.starts_with("120000") != is_link || (!is_link && !entry.starts_with("100"))) return false;
    const Result<std::string> bytes = is_link ? doors_.disk.read_link(absolute) : doors_.disk.read(absolute);
    const std::string_view recorded = entry.substr(id, stage - id - 1);
    return bytes && git_blob_id(*bytes, recorded.size()) == recorded;
  }

  const GitSurroundings& doors_;
  std::string top_;
  std::optional<Result<Git>> git_;  // found when it is first asked
};

// Finds the folder with a `.git` in it that a path lies below; each folder is looked at once.
class Tops {
 public:
  explicit Tops(Disk& disk) : disk_(disk) {}

  const std::string& of(std::string_view path) {
    const std::string_view above = parent_path(path);
    const auto [known, added] = by_folder_.try_emplace(std::string(above));
    if (!added) return known->second;
    if (disk_.stat(std::string(above) + "/.git"))
      known->second = above;
    else if (!above.empty())
      known->second = of(above);
    return known->second;
  }

 private:
  Disk& disk_;
  std::map<std::string, std::string, std::less<>> by_folder_;
};

}  // namespace

std::vector<GitStanding> git_standing(const GitSurroundings& surroundings, std::span<const std::string> paths) {
  std::vector<GitStanding> standings(paths.size(), GitStanding::other);
  struct Asked {
    std::vector<std::string> paths;
    std::vector<GitStanding*> standings;
  };
  std::map<std::string, Asked> by_top;
  Tops tops(surroundings.disk);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string& top = tops.of(paths[i]);
    if (top.empty() || paths[i].starts_with(top + "/.git/")) continue;
    Asked& asked = by_top[top];
    asked.paths.push_back(paths[i].substr(top.size() + 1));
    asked.standings.push_back(&standings[i]);
  }
  for (const auto& [top, asked] : by_top) WorkTree(surroundings, top).ask(asked.paths, asked.standings);
  return standings;
}

}  // namespace trilock
