#include "engine/action_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/process_facts.hpp"
#include "engine/spawn.hpp"

namespace trilock {
namespace {

std::string read_all(int file) {
  std::string text;
  std::array<char, 4096> buffer;
  ssize_t count = 0;
  while (file >= 0 && ((count = ::read(file, buffer.data(), buffer.size())) > 0 || (count < 0 && errno == EINTR)))
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  if (file >= 0) ::close(file);
  return text;
}

std::string read_path(const std::string& path) {
  return read_all(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

// The path in the line `0::PATH` of /proc/PID/cgroup.
std::string_view unified_path(std::string_view cgroup) {
  while (!cgroup.empty())
    if (const std::string_view line = take_until(cgroup, '\n'); line.starts_with("0::")) return line.substr(3);
  return {};
}

int open_directory(int at, const std::string& name) {
  return ::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int open_own_cgroup() {
  const std::string path = cgroup_directory(read_path("/proc/self/mountinfo"), read_path("/proc/self/cgroup"));
  if (path.empty()) return -1;
  const int own = open_directory(AT_FDCWD, path);
  struct statfs system = {};
  if (own < 0 || (::fstatfs(own, &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC)) return own;
  ::close(own);
  return -1;
}

bool kill_at_once(int dir) {
  const int file = ::openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);  // since Linux 5.14
  if (file < 0) return false;
  const bool done = ::write(file, "1", 1) == 1;
  ::close(file);
  return done;
}

// What an action's own processes have made beneath theirs, as container tools do.
bool has_nested(int dir) {
  struct stat stat {};
  return ::fstat(dir, &stat) == 0 && stat.st_nlink > 2;
}

bool is_populated(int dir) {
  return read_all(::openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC)).contains("populated 1");
}

std::vector<std::string> cgroups_in(int dir, std::string_view prefix) {
  std::vector<std::string> names;
  const int listed = open_directory(dir, ".");
  const std::unique_ptr<DIR, void (*)(DIR*)> directory(listed >= 0 ? ::fdopendir(listed) : nullptr, [](DIR* open) {
    if (open != nullptr) ::closedir(open);
  });
  while (directory != nullptr) {
    const dirent* const entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != ".." && name.starts_with(prefix))
      names.push_back(std::move(name));
  }
  return names;
}

void remove_nested(int dir, int depth = 32) {
  for (const std::string& name : cgroups_in(dir, "")) {
    if (::unlinkat(dir, name.c_str(), AT_REMOVEDIR) == 0 || depth == 0) continue;
    const int inner = open_directory(dir, name);
    if (inner < 0) continue;
    remove_nested(inner, depth - 1);
    ::close(inner);
    ::unlinkat(dir, name.c_str(), AT_REMOVEDIR);
  }
}

}  // namespace

std::string cgroup_prefix(std::uint64_t first_tag) {
  return fmt::format("trilock-{:x}-", first_tag);
}

std::string cgroup_directory(std::string_view mountinfo, std::string_view cgroup) {
  const std::string_view path = unified_path(cgroup);
  if (!path.starts_with('/')) return {};
  while (!mountinfo.empty()) {
    std::string_view line = take_until(mountinfo, '\n');
    const std::size_t options = line.find(" - ");
    if (options == std::string_view::npos || !line.substr(options).starts_with(" - cgroup2 ")) continue;
    for (int i = 0; i < 3; ++i) take_until(line, ' ');  // its number, its parent's, the device
    const std::string_view root = take_until(line, ' ');
    const std::string_view mount_point = take_until(line, ' ');
    if (mount_point.contains('\\')) continue;  // blanks and the like, written as octal numbers
    std::string_view below = path;
    if (root != "/") {
      if (!below.starts_with(root) || (below.size() > root.size() && below[root.size()] != '/')) continue;
      below.remove_prefix(root.size());
    }
    if (below == "/") below = {};
    if (below.contains("/..")) continue;  // outside the cgroup namespace
    return fmt::format("{}{}", mount_point, below);
  }
  return {};
}

ActionCgroups::ActionCgroups(std::uint64_t first_tag) : prefix_(cgroup_prefix(first_tag)) {}

ActionCgroups::~ActionCgroups() {
  for (const std::unique_ptr<Slot>& slot : slots_) {
    ::close(slot->dir);
    ::unlinkat(own_, slot->name.c_str(), AT_REMOVEDIR);
  }
  if (own_ >= 0) ::close(own_);
}

bool ActionCgroups::open_own() {
  if (use_ == Use::not_known) {
    own_ = open_own_cgroup();
    use_ = own_ >= 0 ? Use::possible : Use::impossible;
  }
  return use_ == Use::possible;
}

ActionCgroups::Slot* ActionCgroups::take() {
  const std::lock_guard lock(mutex_);
  if (!open_own()) return nullptr;
  if (free_.empty()) return make();
  Slot* const slot = free_.back();
  free_.pop_back();
  return slot;
}

ActionCgroups::Slot* ActionCgroups::make() {
  auto slot = std::make_unique<Slot>();
  slot->name = prefix_ + std::to_string(made_);
  if (::mkdirat(own_, slot->name.c_str(), 0755) != 0) {
    use_ = Use::impossible;
    return nullptr;
  }
  slots_.push_back(std::move(slot));
  Slot* const made = slots_.back().get();
  made->dir = open_directory(own_, made->name);
  // There may be too few descriptors now, and enough of them later.
  const bool usable = made->dir >= 0;
  ++made_;
  if (usable && !std::exchange(tried_, true) && !can_spawn_in(made->dir)) use_ = Use::impossible;
  if (usable && use_ == Use::possible) return made;
  remove(made);
  return nullptr;
}

void ActionCgroups::remove(Slot* slot) {
  if (slot->dir >= 0) ::close(slot->dir);
  ::unlinkat(own_, slot->name.c_str(), AT_REMOVEDIR);
  std::erase_if(slots_, [&](const std::unique_ptr<Slot>& each) { return each.get() == slot; });
}

void ActionCgroups::give_back(Slot* slot) {
  const std::lock_guard lock(mutex_);
  if (slot == nullptr) return;
  if (slot->spent)
    remove(slot);
  else
    free_.push_back(slot);
}

void ActionCgroups::give_up() {
  const std::lock_guard lock(mutex_);
  use_ = Use::impossible;
}

std::vector<pid_t> ActionCgroups::members(const Slot& slot) {
  std::vector<pid_t> pids = parse_pids(read_all(::openat(slot.dir, "cgroup.procs", O_RDONLY | O_CLOEXEC)));
  std::erase(pids, 0);  // of another PID namespace
  return pids;
}

std::vector<pid_t> ActionCgroups::kill(Slot& slot) {
  constexpr std::chrono::milliseconds unkillable{5000};
  std::vector<pid_t> left = members(slot);
  const bool nested = has_nested(slot.dir);
  const auto deadline = std::chrono::steady_clock::now() + unkillable;
  for (std::chrono::microseconds pause{50};; pause = std::min(2 * pause, std::chrono::microseconds{5000})) {
    if (left.empty() && !(nested && is_populated(slot.dir))) break;
    // Whatever they start meanwhile is in it as well.
    slot.spent = true;
    if (!kill_at_once(slot.dir))
      for (const pid_t pid : left) ::kill(pid, SIGKILL);
    for (const pid_t pid : left) ::waitpid(pid, nullptr, WNOHANG);
    std::this_thread::sleep_for(pause);
    left = members(slot);
    if (std::chrono::steady_clock::now() >= deadline) break;
  }
  if (nested) remove_nested(slot.dir);
  return left;
}

std::vector<pid_t> ActionCgroups::kill_all() {
  std::vector<pid_t> left;
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Slot>& slot : slots_)
    for (const pid_t pid : kill(*slot)) left.push_back(pid);
  return left;
}

ActionCgroups::Slot* ActionCgroups::find(pid_t pid) {
  const std::string cgroup = read_path("/proc/" + std::to_string(pid) + "/cgroup");
  const std::string_view path = unified_path(cgroup);
  const std::string_view name = path.substr(std::min(path.rfind('/') + 1, path.size()));
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Slot>& slot : slots_)
    if (slot->name == name) return slot.get();
  return nullptr;
}

LeftCgroups::LeftCgroups(std::uint64_t first_tag) : own_(open_own_cgroup()) {
  if (own_ < 0) return;
  for (std::string& name : cgroups_in(own_, cgroup_prefix(first_tag)))
    if (const int dir = open_directory(own_, name); dir >= 0) slots_.push_back({dir, std::move(name)});
}

LeftCgroups::~LeftCgroups() {
  for (const ActionCgroups::Slot& slot : slots_) {
    ::close(slot.dir);
    ::unlinkat(own_, slot.name.c_str(), AT_REMOVEDIR);
  }
  if (own_ >= 0) ::close(own_);
}

std::vector<pid_t> LeftCgroups::members() const {
  std::vector<pid_t> pids;
  for (const ActionCgroups::Slot& slot : slots_)
    for (const pid_t pid : ActionCgroups::members(slot)) pids.push_back(pid);
  return pids;
}

void LeftCgroups::kill() {
  for (ActionCgroups::Slot& slot : slots_) static_cast<void>(ActionCgroups::kill(slot));
}

}  // namespace trilock
