// posix_spawn (glibc starts the child with CLONE_VFORK, so a large parent costs nothing), one poll loop per process
// over its two pipes, its pidfd and the stop signal: no thread per pipe, no SIGCHLD handler.
#include "engine/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>

namespace trilock {
namespace {

using Clock = std::chrono::steady_clock;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  ~Fd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read;
  Fd write;
};

bool make_pipe(Pipe& pipe) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return false;
  pipe.read = Fd(fds[0]);
  pipe.write = Fd(fds[1]);
  return ::fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& s : strings) result.push_back(const_cast<char*>(s.c_str()));
  result.push_back(nullptr);
  return result;
}

// Starts the process with its pipes; returns an errno value.
int spawn(const ProcessSpec& spec, int out, int err, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, spec.dir.c_str());

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  const int error = ::posix_spawn(&pid, spec.executable.c_str(), &actions, &attributes, pointers(spec.argv).data(),
                                  pointers(spec.env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// One running process and the loop that watches it.
class Child {
 public:
  Child(const ProcessSpec& spec, int stop_fd, const std::atomic<int>& stop, std::uint64_t grace_ms)
      : spec_(spec), stop_fd_(stop_fd), stop_(stop), grace_ms_(grace_ms) {}

  Result<ProcessResult> run() {
    started_ = Clock::now();
    Pipe out;
    Pipe err;
    if (!make_pipe(out) || !make_pipe(err)) return fail_errno("cannot make a pipe", errno);
    if (const int error = spawn(spec_, out.write.get(), err.write.get(), pid_); error != 0)
      return fail_errno("cannot start `" + spec_.executable + "`", error);
    out.write.reset();
    err.write.reset();
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    watch();
    return reap();
  }

 private:
  void watch() {
    bool exited = false;
    while (!exited) {
      std::array<pollfd, 4> fds{
          {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}, {stop_poll_fd(), POLLIN, 0}}};
      const int ready = ::poll(fds.data(), fds.size(), next_timeout_ms());
      if (ready < 0 && errno != EINTR) break;
      if (fds[0].revents != 0) read_some(out_, Stream::out, result_.out);
      if (fds[1].revents != 0) read_some(err_, Stream::err, result_.err);
      check_limits();
      exited = fds[2].revents != 0;
    }
    // What was written before the end is in the pipes now; a descendant that still holds them is not waited for.
    drain(out_, Stream::out, result_.out);
    drain(err_, Stream::err, result_.err);
  }

  // Once TERM was sent because of a stop, the level-triggered eventfd would wake the loop without end: from then on the
  // grace period's timeout, which is short, looks at the flag instead.
  [[nodiscard]] int stop_poll_fd() const { return watched_stop_ > 0 ? -1 : stop_fd_; }

  [[nodiscard]] int next_timeout_ms() const {
    if (signalled_ == 1) return 50;
    if (spec_.timeout_ms == 0) return -1;
    const auto left = static_cast<std::int64_t>(spec_.timeout_ms) - elapsed_ms(started_);
    return left < 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left + 1, 1 << 30));
  }

  void check_limits() {
    const int stop = stop_.load(std::memory_order_acquire);
    if (stop > watched_stop_) {
      watched_stop_ = stop;
      if (result_.end == ProcessEnd::exited) result_.end = ProcessEnd::cancelled;
      if (stop == 1 && signalled_ == 0) send(SIGTERM);
      if (stop == 2) send(SIGKILL);
    }
    if (signalled_ == 0 && spec_.timeout_ms != 0 &&
        elapsed_ms(started_) >= static_cast<std::int64_t>(spec_.timeout_ms)) {
      result_.end = ProcessEnd::timed_out;
      send(SIGTERM);
    }
    if (signalled_ == 1 && elapsed_ms(signalled_at_) >= static_cast<std::int64_t>(grace_ms_)) send(SIGKILL);
  }

  void send(int signal) {
    ::kill(-pid_, signal);
    signalled_ = signal == SIGKILL ? 2 : 1;
    signalled_at_ = Clock::now();
  }

  Result<ProcessResult> reap() {
    ::kill(-pid_, SIGKILL);  // what is left of the group; the leader is a zombie, so its group id is still ours
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
      result_.exit_code = 128 + WTERMSIG(status);
      if (result_.end == ProcessEnd::exited) result_.end = ProcessEnd::signaled;
    } else {
      result_.exit_code = WEXITSTATUS(status);
    }
    result_.duration_ms = static_cast<std::uint64_t>(elapsed_ms(started_));
    return std::move(result_);
  }

  bool read_some(Fd& fd, Stream stream, std::string& into) {
    std::array<char, 65536> buffer;
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count > 0) {
      const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
      into.append(text);
      if (spec_.on_output) spec_.on_output(stream, text);
      return true;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) fd.reset();
    return false;
  }

  void drain(Fd& fd, Stream stream, std::string& into) {
    while (fd.open() && read_some(fd, stream, into)) {
    }
  }

  static std::int64_t elapsed_ms(Clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
  }

  const ProcessSpec& spec_;
  int stop_fd_;
  const std::atomic<int>& stop_;
  std::uint64_t grace_ms_;
  pid_t pid_ = -1;
  Fd out_;
  Fd err_;
  Fd pidfd_;
  int signalled_ = 0;     // 0 not yet, 1 TERM, 2 KILL
  int watched_stop_ = 0;  // the value of stop_ that was acted on
  Clock::time_point started_;
  Clock::time_point signalled_at_;
  ProcessResult result_;
};

class RealProcessRunner final : public ProcessRunner {
 public:
  explicit RealProcessRunner(std::uint64_t grace_ms) : grace_ms_(grace_ms), stop_fd_(::eventfd(0, EFD_CLOEXEC)) {}

  Result<ProcessResult> run(const ProcessSpec& spec) override {
    if (stop_.load(std::memory_order_acquire) != 0)
      return ProcessResult{.end = ProcessEnd::cancelled, .exit_code = 130};
    return Child(spec, stop_fd_.get(), stop_, grace_ms_).run();
  }

  void stop(Stop how) override {
    stop_.store(how == Stop::kill ? 2 : 1, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_fd_.get(), &one, sizeof one);
  }

 private:
  std::uint64_t grace_ms_;
  Fd stop_fd_;  // stays readable once a stop was asked for
  std::atomic<int> stop_ = 0;
};

bool is_executable_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::unique_ptr<ProcessRunner> make_process_runner(std::uint64_t grace_ms) {
  return std::make_unique<RealProcessRunner>(grace_ms);
}

std::vector<std::string> find_all_executables(std::string_view name, std::string_view path_variable) {
  std::vector<std::string> found;
  while (!path_variable.empty()) {
    const std::size_t colon = path_variable.find(':');
    const std::string_view dir = path_variable.substr(0, colon);
    path_variable = colon == std::string_view::npos ? std::string_view() : path_variable.substr(colon + 1);
    if (!dir.starts_with('/')) continue;  // a relative entry would make the result depend on the working directory
    std::string path(dir);
    path.append("/").append(name);
    if (is_executable_file(path)) found.push_back(std::move(path));
  }
  return found;
}

std::string find_executable(std::string_view name, std::string_view path_variable, std::string_view dir) {
  if (name.find('/') != std::string_view::npos) {
    std::string path = name.starts_with('/') ? std::string(name) : std::string(dir) + "/" + std::string(name);
    return is_executable_file(path) ? path : std::string();
  }
  std::vector<std::string> found = find_all_executables(name, path_variable);
  return found.empty() ? std::string() : std::move(found.front());
}

std::string Executables::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto [found, added] = found_.try_emplace(name);
  if (added) found->second = find_executable(name, path_variable_, "");
  return found->second;
}

}  // namespace trilock
