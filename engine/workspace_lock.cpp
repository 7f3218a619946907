#include "engine/workspace_lock.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <thread>

#include "cache/own_file.hpp"

namespace trilock {
namespace {

constexpr std::chrono::milliseconds between_looks{100};
constexpr std::size_t longest_text = 4096;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::int64_t number_in(std::string_view line) {
  std::int64_t number = 0;
  std::from_chars(line.data(), line.data() + line.size(), number);
  return number;
}

LockHolder read_holder(int fd) {
  std::array<char, longest_text> buffer{};
  const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), 0);
  std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  LockHolder holder;
  holder.process = number_in(take_line(text));
  holder.since_ms = number_in(take_line(text));
  holder.command = take_line(text);
  // What an earlier holder wrote stays until the next one has written.
  if (holder.process <= 0 || (::kill(static_cast<pid_t>(holder.process), 0) != 0 && errno == ESRCH)) return {};
  return holder;
}

// On a full disk those who wait are told less; the lock itself needs no space.
void write_holder(int fd, std::string_view command) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string text = fmt::format("{}\n{}\n{}\n", ::getpid(),
                                 std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), command);
  text.resize(std::min(text.size(), longest_text));
  // With a second name it is somebody else's file too.
  struct stat stat {};
  if (::fstat(fd, &stat) != 0 || stat.st_nlink > 1 || ::ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
}

std::string lock_file(const std::string& state_dir, WorkspaceLock::Purpose purpose) {
  return state_dir + (purpose == WorkspaceLock::Purpose::run ? "/lock" : "/watch.lock");
}

}  // namespace

std::string describe(const LockHolder& holder) {
  if (holder.process == 0) return "another run";
  const std::time_t since = static_cast<std::time_t>(holder.since_ms / 1000);
  std::tm local{};
  ::localtime_r(&since, &local);
  return fmt::format("process {}, which has been running `{}` since {:02}:{:02}:{:02}", holder.process, holder.command,
                     local.tm_hour, local.tm_min, local.tm_sec);
}

Result<std::unique_ptr<WorkspaceLock>> WorkspaceLock::acquire(const std::string& state_dir, std::string_view command,
                                                              const std::function<Answer(const LockHolder&)>& ask,
                                                              Purpose purpose) {
  const std::string path = lock_file(state_dir, purpose);
  Result<Descriptor> file = open_own_file(path, OwnUse::change);
  if (!file) return std::unexpected(file.error());
  const int fd = file->release();
  std::unique_ptr<WorkspaceLock> lock(new WorkspaceLock(fd));
  // Not a blocking flock: signals are blocked while a run waits, so nothing could end it.
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno(fmt::format("cannot lock `{}`", path), errno);
    if (ask(read_holder(fd)) == Answer::give_up) return nullptr;
    std::this_thread::sleep_for(between_looks);
  }
  write_holder(fd, command);
  return lock;
}

// From the list of all locks (proc_locks(5)): trying to take it would make a run fail that comes in between.
bool WorkspaceLock::is_held(const std::string& state_dir, Purpose purpose) {
  struct stat stat {};
  if (::lstat(lock_file(state_dir, purpose).c_str(), &stat) != 0) return false;
  const std::string file = fmt::format(" {:02x}:{:02x}:{} ", major(stat.st_dev), minor(stat.st_dev), stat.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);)
    if (line.contains(" FLOCK ") && line.contains(file)) return true;
  return false;
}

WorkspaceLock::~WorkspaceLock() {
  ::close(fd_);
}

}  // namespace trilock
