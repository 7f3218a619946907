// First the id: who makes the link of a path first has made the id of all runs there, others find the link in their way
// and take what it says. Then the place of what can be done without: `.trilock`, unless a repository could have a hand
// in it, or it lies where SQLite cannot.
#include "engine/state_home.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "cache/file_system.hpp"
#include "cache/own_file.hpp"
#include "engine/git_index.hpp"

namespace trilock {
namespace {

constexpr std::string_view kept_for_the_user = "displaced";
constexpr std::array<std::string_view, 5> own_folders = {"tmp", "logs", "terraform", "images", kept_for_the_user};
constexpr std::uint64_t largest_note = std::uint64_t{64} * 1024;

std::optional<std::string> variable(const Environment& environment, std::string_view name) {
  // Not by Environment::get: where the state lies decides no result.
  const auto found = environment.all().find(std::string(name));
  return found == environment.all().end() ? std::nullopt : std::optional(found->second);
}

std::string home_of_user() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_dir;
}

// As far as it exists.
std::string canonical(std::string path) {
  std::string missing;
  std::array<char, PATH_MAX> found{};
  while (!path.empty() && ::realpath(path.c_str(), found.data()) == nullptr) {
    const std::size_t slash = path.rfind('/');
    missing.insert(0, path.substr(slash));
    path.resize(slash);
  }
  return (path.empty() || std::string_view(found.data()) == "/" ? "" : found.data()) + missing;
}

Result<StateLink> new_link() {
  std::array<Bytes<16>, 2> random;
  if (::getrandom(random.data(), sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    return fail_errno("cannot get random bytes", errno);
  return StateLink{.id = random[0].hex(), .key = random[1].hex(), .site = StateLink::Site::workspace};
}

class StateHome {
 public:
  StateHome(Disk& disk, const std::string& root, const Environment& environment, StateAccess access)
      : disk_(disk), root_(root), environment_(environment), access_(access) {}

  Result<OpenedState> open() {
    if (Status found = find_base(); !found) return std::unexpected(found.error());
    Result<std::optional<StateLink>> link = take_link();
    if (!link) return std::unexpected(link.error());
    OpenedState opened;
    if (!*link) return nowhere(std::move(opened));
    const StateLink::Site site = choose_site(base_ + "/" + (*link)->id, opened.warnings);
    if (access_ == StateAccess::look) {
      if (site != (*link)->site) return nowhere(std::move(opened));
    } else if (site != (*link)->site) {
      (*link)->site = site;
      if (Status set = replace_link(**link); !set) return std::unexpected(set.error());
    }
    opened.place = state_place(**link, base_, root_);
    if (access_ == StateAccess::make)
      if (Status made = make_directories(**link, opened.place); !made) return std::unexpected(made.error());
    return opened;
  }

 private:
  // No run was here: a place that is nobody's, since nobody has ever heard of it.
  Result<OpenedState> nowhere(OpenedState opened) const {
    const Result<StateLink> link = new_link();
    if (!link) return std::unexpected(link.error());
    opened.place = state_place(*link, base_, root_);
    return opened;
  }

  Status find_base() {
    std::string home = variable(environment_, "HOME").value_or("");
    if (!home.starts_with('/')) home = home_of_user();
    std::array<std::optional<std::string>, 3> values;  // what the views below show
    const auto lookup = [&](std::string_view name) -> std::optional<std::string_view> {
      std::optional<std::string>& value = values[name == "HOME" ? 0 : name == "XDG_STATE_HOME" ? 1 : 2];
      value = name == "HOME" ? home : variable(environment_, name);
      return value;
    };
    base_ = state_base(lookup);
    if (const auto set = lookup("TRILOCK_STATE_DIR"); base_.empty() && set && !set->empty())
      return fail(ErrorKind::invalid, fmt::format("TRILOCK_STATE_DIR is `{}`, which is not an absolute path", *set),
                  "name a directory outside the workspace, from `/` on");
    if (base_.empty() && access_ == StateAccess::look) return {};
    if (base_.empty())
      return fail(ErrorKind::not_found, "no directory for state: neither HOME nor XDG_STATE_HOME is set",
                  "set TRILOCK_STATE_DIR to a directory that is kept");
    base_ = canonical(std::move(base_));
    if (is_shipped_base(base_, root_, canonical(home)))
      return fail(ErrorKind::invalid, fmt::format("the directory for state, `{}`, is in the workspace", base_),
                  "name one outside of it in TRILOCK_STATE_DIR: what comes with a repository must not pass for state");
    if (Status checked = check_base(); !checked) {
      // A command that only looks sees no earlier run where there can be none of this user's.
      if (access_ == StateAccess::make) return checked;
      base_.clear();
    }
    return {};
  }

  Status check_base() const {
    if (access_ == StateAccess::make) {
      Status made = make_parents();
      if (!made) {
        made.error().help = "set TRILOCK_STATE_DIR to a directory that this user may write to";
        return made;
      }
    }
    struct stat stat {};
    if (::lstat(base_.c_str(), &stat) != 0)
      return errno == ENOENT ? Status{} : fail_errno(fmt::format("cannot open `{}`", base_), errno);
    if (!S_ISDIR(stat.st_mode)) return fail(ErrorKind::invalid, fmt::format("`{}` is not a directory", base_));
    if (stat.st_uid != ::geteuid())
      return fail(ErrorKind::invalid, fmt::format("`{}`, where state is kept, belongs to another user", base_),
                  "set HOME, or TRILOCK_STATE_DIR, to a directory of this user");
    return {};
  }

  // The base may be a directory that the user has made with a mode of its own; what is made here is private.
  Status make_parents() const {
    struct stat stat {};
    if (::stat(base_.c_str(), &stat) == 0) return {};
    return make_own_directory(base_);
  }

  // None: no run was here.
  Result<std::optional<StateLink>> take_link() {
    const std::string file = state_link_file(base_, root_);
    if (access_ == StateAccess::look) {
      if (base_.empty()) return std::nullopt;
      std::optional<StateLink> link = read_state_link(file);
      return link && is_ours(*link) ? std::move(link) : std::nullopt;
    }
    if (Status made = make_own_directory(base_ + "/by-path"); !made) return std::unexpected(made.error());
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (std::optional<StateLink> link = read_state_link(file)) {
        if (Status noted = note_workspace(*link); !noted) return std::unexpected(noted.error());
        return link;
      }
      const Result<StateLink> link = new_link();
      if (!link) return std::unexpected(link.error());
      if (Status noted = note_workspace(*link); !noted) return std::unexpected(noted.error());
      if (::symlink(to_text(*link).c_str(), file.c_str()) == 0) return *link;
      const int error = errno;
      std::string failed;
      static_cast<void>(remove_tree(Beneath(), base_ + "/" + link->id, failed));
      if (error != EEXIST) return fail_errno(fmt::format("cannot make `{}`", file), error);
    }
    return fail(ErrorKind::invalid, fmt::format("cannot use `{}`: it is not a link that trilock made", file),
                "remove it; the workspace then starts anew");
  }

  [[nodiscard]] std::string note() const { return fmt::format("trilock workspace 1\n{}\n{}", ::geteuid(), root_); }

  [[nodiscard]] bool is_ours(const StateLink& link) const {
    const Result<std::string> said = read_own_file(base_ + "/" + link.id + "/workspace", largest_note);
    return said && *said == note();
  }

  // Two paths with one XXH3 do not happen, but can be made.
  Status note_workspace(const StateLink& link) {
    const std::string directory = base_ + "/" + link.id;
    const std::string file = directory + "/workspace";
    const Result<std::string> said = read_own_file(file, largest_note);
    if (said && *said == note()) return {};
    if (said || said.error().kind != ErrorKind::not_found)
      return fail(ErrorKind::invalid,
                  said ? fmt::format("`{}` says that this state is another workspace's", file) : said.error().message,
                  fmt::format("remove `{}`; the workspace then starts anew", state_link_file(base_, root_)));
    if (Status made = make_own_directory(directory); !made) return made;
    return write_own_file_durably(file, note());
  }

  Status replace_link(const StateLink& link) const {
    const std::string file = state_link_file(base_, root_);
    const std::string aside = temporary_name(file);
    if (::symlink(to_text(link).c_str(), aside.c_str()) != 0)
      return fail_errno(fmt::format("cannot make `{}`", aside), errno);
    if (::rename(aside.c_str(), file.c_str()) == 0) return {};
    const int error = errno;
    ::unlink(aside.c_str());
    return fail_errno(fmt::format("cannot write `{}`", file), error);
  }

  StateLink::Site choose_site(const std::string& durable, std::vector<std::string>& warnings) {
    const std::string dot = dot_directory(root_);
    std::string what;
    std::string help = "remove it; trilock makes it anew";
    struct stat stat {};
    const bool exists = ::lstat(dot.c_str(), &stat) == 0;
    if (exists && S_ISLNK(stat.st_mode)) {
      what = "is a symbolic link";
    } else if (exists && !S_ISDIR(stat.st_mode)) {
      what = "is not a directory";
    } else if (exists && stat.st_uid != ::geteuid()) {
      what = "belongs to another user";
      help.clear();
    } else if (is_tracked_by_git(dot, durable)) {
      what = "is tracked by git";
      help = "take it out of the repository: `git rm -r --cached .trilock`, and write it into .gitignore";
    }
    if (!what.empty()) {
      warnings.push_back(fmt::format("`.trilock` {} and is not used; state is kept in `{}/work`{}{}", what, durable,
                                     help.empty() ? "" : "\n  = help: ", help));
      return StateLink::Site::apart;
    }
    return network_file_system_of(dot + "/x").empty() ? StateLink::Site::workspace : StateLink::Site::apart;
  }

  // The answer is kept while the index is the same file in the same state.
  bool is_tracked_by_git(const std::string& dot, const std::string& durable) {
    const std::optional<GitPlace> place = git_place_of(disk_, dot);
    if (!place) return false;
    const Result<FileStat> index = disk_.stat_following(place->index);
    if (!index) return false;
    const std::string state = fmt::format("{} {} {} {} {} {}\n{}\n", index->device, index->inode, index->size,
                                          index->mtime_ns, index->ctime_ns, place->relative, place->index);
    const std::string file = durable + "/git-index";
    if (const Result<std::string> known = read_own_file(file, largest_note); known && known->starts_with(state))
      return known->substr(state.size()) != "untracked";
    const bool tracked = is_tracked(disk_, *place);
    // Without the note the next run looks again.
    if (access_ == StateAccess::make)
      static_cast<void>(write_own_file(file, state + (tracked ? "tracked" : "untracked")));
    return tracked;
  }

  Status make_directories(const StateLink& link, const StatePlace& place) const {
    if (Status made = make_own_directory(place.durable); !made) return made;
    if (link.site == StateLink::Site::workspace)
      if (Status made = make_own_directory(dot_directory(root_)); !made) return made;
    struct stat stat {};
    const bool is_new = ::lstat(place.disposable.c_str(), &stat) != 0;
    if (Status made = make_own_directory(place.disposable); !made) return made;
    if (Status made = make_own_folders(place); !made) return made;
    if (link.site == StateLink::Site::workspace && is_new) keep_from_git();
    return {};
  }

  // What is in them is reached by its path, so they are looked at before anything is; and tools and the Disk make what
  // is missing with modes of their own.
  static Status make_own_folders(const StatePlace& place) {
    for (const std::string_view name : own_folders) {
      const std::string folder = fmt::format("{}/{}", place.disposable, name);
      struct stat stat {};
      const bool exists = ::lstat(folder.c_str(), &stat) == 0;
      if (!exists && name == kept_for_the_user) continue;
      if (exists && S_ISDIR(stat.st_mode) && stat.st_uid == ::geteuid() && (stat.st_mode & 0777) == 0700) continue;
      if (Status own = make_own_directory(folder); !own) return own;
    }
    return {};
  }

  // Without it state is committed by accident, and then not used. A file that is there is the user's.
  void keep_from_git() const {
    const std::string file = dot_directory(root_) + "/.gitignore";
    if (disk_.stat(file)) return;
    static_cast<void>(write_own_file(file, "*\n"));
  }

  Disk& disk_;
  const std::string& root_;
  const Environment& environment_;
  StateAccess access_;
  std::string base_;
};

}  // namespace

Result<OpenedState> open_state(Disk& disk, const std::string& root, const Environment& environment,
                               StateAccess access) {
  return StateHome(disk, root, environment, access).open();
}

}  // namespace trilock
