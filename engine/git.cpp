#include "engine/git.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <system_error>

#include "cache/settings_file.hpp"
#include "engine/git_index.hpp"
#include "engine/outside.hpp"
#include "engine/process.hpp"

namespace trilock {
namespace {

constexpr std::size_t largest_link = 64 * 1024;
constexpr std::size_t largest_index = std::size_t{2} * 1024 * 1024 * 1024;
constexpr std::size_t deepest_submodule = 16;
constexpr std::size_t most_settings = 1000;  // that have to be switched off
constexpr const char* system_config = "/etc/gitconfig";

// Of every command, whatever the settings say.
constexpr std::array<std::string_view, 9> always_off = {"core.fsmonitor=false",
                                                        "core.hooksPath=/dev/null",
                                                        "core.bare=false",
                                                        "diff.external=",
                                                        "credential.helper=",
                                                        "protocol.allow=never",
                                                        "submodule.recurse=false",
                                                        "status.submoduleSummary=false",
                                                        "safe.bareRepository=explicit"};

bool stat_of(const std::string& path, struct ::stat& stat) {
  return ::stat(path.c_str(), &stat) == 0;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string resolved(const std::string& base, const std::string& path) {
  const std::filesystem::path joined = path.starts_with('/') ? path : base + "/" + path;
  std::string clean = joined.lexically_normal().string();
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return clean;
}

// As git sees it: `is_git_directory` in its setup.c.
bool is_repository(const std::string& directory, const std::string& common) {
  struct ::stat stat {};
  return ::lstat((directory + "/HEAD").c_str(), &stat) == 0 && stat_of(common + "/objects", stat) &&
         S_ISDIR(stat.st_mode) && stat_of(common + "/refs", stat) && S_ISDIR(stat.st_mode);
}

std::string common_of(const std::string& directory) {
  const Result<std::string> written = read_settings_file(directory + "/commondir", largest_link);
  return written ? resolved(directory, trimmed(*written)) : directory;
}

// Git's rule for repositories that it finds by itself ("safe.directory" in git-config): who works as root through sudo
// may use what is their own.
bool belongs_to_user(const std::string& path, const Environment& environment) {
  struct ::stat stat {};
  if (::lstat(path.c_str(), &stat) != 0) return false;
  if (stat.st_uid == ::geteuid()) return true;
  const std::string sudo = ::geteuid() == 0 ? environment.get("SUDO_UID").value_or("") : "";
  uid_t user = 0;
  const auto [end, error] = std::from_chars(sudo.data(), sudo.data() + sudo.size(), user);
  return !sudo.empty() && error == std::errc{} && end == sudo.data() + sudo.size() && stat.st_uid == user;
}

}  // namespace

// What stands at `top/.git`: a directory, or a file that says where the repository is. not_found: neither.
Result<Git::Location> Git::place_at(const std::string& top) {
  const std::string entry = top + "/.git";
  struct ::stat stat {};
  if (!stat_of(entry, stat)) return fail(ErrorKind::not_found, fmt::format("there is no `{}`", entry));
  Location place{.top = top, .directory = entry, .common = {}};
  if (!S_ISDIR(stat.st_mode)) {
    const Result<std::string> written = read_settings_file(entry, largest_link);
    if (!written) return std::unexpected(written.error());
    if (!written->starts_with("gitdir: "))
      return fail(ErrorKind::invalid, fmt::format("`{}` does not say where its repository is", entry));
    place.directory = resolved(top, trimmed(written->substr(8)));
  }
  place.common = common_of(place.directory);
  if (is_repository(place.directory, place.common)) return place;
  if (S_ISDIR(stat.st_mode)) return fail(ErrorKind::not_found, fmt::format("`{}` is no repository", entry));
  return fail(ErrorKind::invalid, fmt::format("`{}` leads to `{}`, which is no repository", entry, place.directory));
}

// Like git, not beyond the file system that `dir` is on.
Result<Git::Location> Git::find_place(const std::string& dir) {
  struct ::stat start {};
  struct ::stat stat {};
  if (!stat_of(dir, start)) return fail_errno(fmt::format("cannot look at `{}`", dir), errno);
  for (std::string top = dir;;) {
    Result<Location> place = place_at(top);
    if (place || place.error().kind != ErrorKind::not_found) return place;
    if (top == "/") break;
    top.resize(std::max<std::size_t>(top.rfind('/'), 1));
    if (!stat_of(top, stat) || stat.st_dev != start.st_dev) break;
  }
  return fail(ErrorKind::not_found, fmt::format("`{}` is in no git repository", dir));
}

Status Git::read_settings(const Location& place, const std::string& home, std::vector<GitSetting>& settings) {
  for (const std::string& file : {place.common + "/config", place.directory + "/config.worktree"})
    if (Status read = read_git_config(file, home, settings); !read) return read;
  return {};
}

// Of all that are checked out, and of theirs. A split index has most of its entries in a file of its own.
Status Git::read_submodules(const Location& place, const std::string& home, std::vector<GitSetting>& settings,
                            std::size_t depth) {
  const auto format = std::ranges::find(settings, "extensions.objectformat", &GitSetting::key);
  const std::size_t hash_bytes = format != settings.end() && format->value == "sha256" ? 32 : 20;
  std::vector<std::string> indexes = {place.directory + "/index"};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(place.directory, error))
    if (entry.path().filename().string().starts_with("sharedindex.")) indexes.push_back(entry.path().string());
  for (const std::string& file : indexes) {
    const Result<std::string> index = read_settings_file(file, largest_index);
    if (!index && index.error().kind == ErrorKind::not_found) continue;
    if (!index) return std::unexpected(index.error());
    const Result<std::vector<std::string>> paths = submodules_in_index(*index, hash_bytes);
    if (!paths) return fail(paths.error().kind, fmt::format("cannot read `{}`: {}", file, paths.error().message));
    for (const std::string& path : *paths) {
      const Result<Location> inner = place_at(place.top + "/" + path);
      if (!inner) continue;  // it is not checked out; git does not look into it
      if (depth == deepest_submodule)
        return fail(ErrorKind::invalid, fmt::format("submodules are more than {} deep in each other", depth));
      if (Status read = read_settings(*inner, home, settings); !read) return read;
      if (Status read = read_submodules(*inner, home, settings, depth + 1); !read) return read;
    }
  }
  return {};
}

Status Git::switch_off(const std::vector<GitSetting>& settings) {
  std::map<std::string, std::string> off;
  for (const GitSetting& setting : settings) {
    const std::optional<std::string_view> value = git_program_off(setting.key);
    if (!value) continue;
    // `-c` ends a key at the first `=`.
    if (setting.key.find_first_of("=\n") != std::string::npos || setting.key.contains('\0'))
      return fail(ErrorKind::invalid,
                  fmt::format("`{}` of `{}` names a program that git would run, and cannot be switched off",
                              setting.key, setting.file),
                  fmt::format("remove it: `git config --file {} --unset '{}'`", setting.file, setting.key));
    off.insert_or_assign(setting.key, *value);
    // One that is required and does nothing would be an error.
    const std::string driver = setting.key.substr(0, setting.key.rfind('.'));
    if (driver.starts_with("filter.")) off.insert_or_assign(driver + ".required", "false");
    if (driver.starts_with("hook.")) off.insert_or_assign(driver + ".enabled", "false");
  }
  if (off.size() > most_settings)
    return fail(ErrorKind::invalid, fmt::format("`{}` and what it includes name more than {} programs",
                                                settings.back().file, most_settings));
  off_.assign(always_off.begin(), always_off.end());
  for (const auto& [key, value] : off) off_.push_back(key + "=" + value);
  return {};
}

Result<Git> Git::find(const std::string& dir, const Environment& environment, Reach reach) {
  const Result<Location> place = find_place(dir);
  if (!place) return std::unexpected(place.error());
  Git git;
  git.top_ = place->top;
  git.directory_ = place->directory;
  git.path_variable_ = path_outside(environment.path(), {dir, place->top});
  git.executable_ = find_executable("git", git.path_variable_, dir);
  if (git.executable_.empty())
    return fail(ErrorKind::tool_missing, "`git` is not in PATH, or only below the work tree",
                "install it: `apt-get install git`");
  const auto ours = [&](const std::string& path) { return belongs_to_user(path, environment); };
  git.is_ours_ = ours(place->top) && ours(place->top + "/.git") && ours(place->directory) && ours(place->common);

  const std::string home = environment.get("HOME").value_or("");
  std::vector<GitSetting> settings;
  if (Status read = read_git_config(system_config, home, settings); !read) return std::unexpected(read.error());
  // Those of the user that cannot be opened git does not take either.
  for (const char* const name : {"/.config/git/config", "/.gitconfig"})
    if (Status read = read_git_config(home + name, home, settings); !read && read.error().kind != ErrorKind::io)
      return std::unexpected(read.error());
  if (Status read = read_settings(*place, home, settings); !read) return std::unexpected(read.error());
  if (reach == Reach::submodules)
    if (Status read = read_submodules(*place, home, settings, 0); !read) return std::unexpected(read.error());
  if (Status done = git.switch_off(settings); !done) return std::unexpected(done.error());
  return git;
}

// Where not all of it belongs to this user, git itself looks for the repository, from the top and no further up, and
// decides by the user's `safe.directory` whether to use it. With --git-dir it would not ask.
Git::Command Git::command(std::vector<std::string> arguments, const std::string& index) const {
  Command command{.executable = executable_, .argv = {"git"}, .env = {}, .dir = top_};
  if (is_ours_) command.argv.push_back("--git-dir=" + directory_);
  command.argv.push_back("--work-tree=" + top_);
  command.argv.emplace_back("--no-pager");
  for (const std::string& setting : off_) {
    command.argv.emplace_back("-c");
    command.argv.push_back(setting);
  }
  command.argv.insert(command.argv.end(), std::make_move_iterator(arguments.begin()),
                      std::make_move_iterator(arguments.end()));
  const auto set = [&](const char* name, std::string value) {
    command.env.push_back({name, std::move(value), EnvClass::declared});
  };
  set("GIT_ALLOW_PROTOCOL", "");  // no transport at all, whatever `protocol.NAME.allow` says
  if (!is_ours_) set("GIT_CEILING_DIRECTORIES", top_.substr(0, std::max<std::size_t>(top_.rfind('/'), 1)));
  set("GIT_CONFIG_SYSTEM", system_config);  // the one that was looked at
  if (!index.empty()) set("GIT_INDEX_FILE", index);
  set("GIT_NO_LAZY_FETCH", "1");
  set("GIT_OPTIONAL_LOCKS", "0");
  set("GIT_TERMINAL_PROMPT", "0");
  set("PATH", path_variable_);
  return command;
}

Status copy_git_index(const Git& git, Disk& disk, const std::string& to) {
  const Result<FileStat> stat = disk.stat(git.index_file());
  if (!stat) return {};
  if (Status copied = disk.copy(git.index_file(), to, 0600); !copied) return copied;
  return disk.set_mtime(to, stat->mtime_ns);
}

Result<GitIndexCopy> GitIndexCopy::of(const Git& git, Disk& disk, const Environment& environment) {
  Result<PrivateDirectory> dir = PrivateDirectory::make(environment);
  if (!dir) return std::unexpected(dir.error());
  GitIndexCopy copy(std::move(*dir));
  if (Status copied = copy_git_index(git, disk, copy.file()); !copied) return std::unexpected(copied.error());
  return copy;
}

}  // namespace trilock
