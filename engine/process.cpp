// One poll loop per process over its two pipes, its pidfd and the stop signal: no thread per pipe, no SIGCHLD handler.
// Most processes end soon and without a word. The end of their pipes says so, and they go without a pidfd, which costs
// as much as a pipe.
#include "engine/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>

#include "engine/spawn.hpp"

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
  return true;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& s : strings) result.push_back(const_cast<char*>(s.c_str()));
  result.push_back(nullptr);
  return result;
}

// What all processes of one runner share.
struct Surroundings {
  Descendants& descendants;
  int null_fd;                   // /dev/null
  int stop_fd;                   // readable once a stop was asked for
  const std::atomic<int>& stop;  // 0 not asked for, 1 TERM, 2 KILL
  std::uint64_t grace_ms;
  const Inheritance& inheritance;
  const std::string& dir;  // that trilock is in
};

// One running process and the loop that watches it.
class Child {
 public:
  Child(const ProcessSpec& spec, const Surroundings& around) : spec_(spec), around_(around) {}

  Result<ProcessResult> run() {
    started_ = Clock::now();
    if (Status started = start(); !started) return std::unexpected(started.error());
    watch();
    Result<ProcessResult> result = finish();
    // What is missing of the output may be what counts.
    if (fault_ != 0) return fail_errno("cannot read what `" + spec_.executable + "` writes", fault_);
    return result;
  }

 private:
  Status start() {
    Pipe out;
    Pipe err;
    if (!make_pipe(out) || !make_pipe(err)) return fail_errno("cannot make a pipe", errno);
    const std::vector<char*> argv = pointers(spec_.argv);
    const std::vector<char*> env = pointers(spec_.env);
    const auto start_one = [&](std::uint64_t brand, int cgroup, pid_t& pid) {
      return spawn({.executable = spec_.executable.c_str(),
                    .argv = argv.data(),
                    .env = env.data(),
                    .dir = spec_.dir == around_.dir ? nullptr : spec_.dir.c_str(),
                    .in = around_.null_fd,
                    .out = out.write.get(),
                    .err = err.write.get(),
                    .brand = brand,
                    .cgroup = cgroup,
                    .inheritance = around_.inheritance},
                   pid);
    };
    const int error = around_.descendants.start(action_, start_one);
    pid_ = action_.leader;
    if (error != 0) return fail_errno("cannot start `" + spec_.executable + "`", error);
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    return {};
  }

  void watch() {
    bool exited = false;
    while (!exited || lingers()) {
      const int exit_fd = exited ? -1 : pidfd_.get();
      std::array<pollfd, 4> fds{
          {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {exit_fd, POLLIN, 0}, {stop_poll_fd(), POLLIN, 0}}};
      const bool watched = pidfd_.open();
      const int ready = ::poll(fds.data(), fds.size(), watched || exited ? next_timeout_ms() : first_timeout_ms());
      if (ready < 0 && errno != EINTR) {
        fault_ = errno;
        break;
      }
      take(out_, fds[0].revents, Stream::out, result_.out);
      take(err_, fds[1].revents, Stream::err, result_.err);
      check_limits();
      const bool silent = ready > 0 && ((fds[0].revents | fds[1].revents | fds[3].revents) & POLLIN) == 0;
      exited = exited || (watched ? fds[2].revents != 0 : has_exited(silent));
    }
  }

  // Of a process that has no pidfd, which gets one here unless it is about to end: a pipe has, and nothing else
  // happened.
  bool has_exited(bool silent) {
    const bool ends = !out_.open() && !err_.open();
    if (silent && !ends) return false;
    if (ends && is_zombie()) return true;
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    return !pidfd_.open() && is_zombie();  // without a descriptor it is asked again, and again
  }

  // It stays one: its number is not anybody else's before finish().
  [[nodiscard]] bool is_zombie() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid_;
  }

  // A process that was told to end may leave others that are still at it: a shell goes at once while the terraform
  // that it started gives its lock back. They have what is left of the grace period.
  bool lingers() { return signalled_ == 1 && around_.descendants.terminate(action_, told_); }

  // Once TERM was sent because of a stop, the level-triggered eventfd would wake the loop without end: from then on the
  // grace period's timeout, which is short, looks at the flag instead.
  [[nodiscard]] int stop_poll_fd() const { return watched_stop_ > 0 ? -1 : around_.stop_fd; }

  // Until there is a pidfd.
  [[nodiscard]] int first_timeout_ms() const {
    constexpr int soon_ms = 10;
    const int next_ms = next_timeout_ms();
    return next_ms < 0 ? soon_ms : std::min(soon_ms, next_ms);
  }

  // -1 for none, as poll has it.
  [[nodiscard]] int next_timeout_ms() const {
    if (signalled_ == 1) return 20;
    if (spec_.timeout_ms == 0 || signalled_ == 2) return -1;
    const auto left = static_cast<std::int64_t>(spec_.timeout_ms) - elapsed_ms(started_);
    return left < 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left + 1, 1 << 30));
  }

  void check_limits() {
    const int stop = around_.stop.load(std::memory_order_acquire);
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
    if (signalled_ == 1 && elapsed_ms(signalled_at_) >= static_cast<std::int64_t>(around_.grace_ms)) send(SIGKILL);
  }

  void send(int signal) {
    ::kill(-pid_, signal);
    signalled_ = signal == SIGKILL ? 2 : 1;
    signalled_at_ = Clock::now();
  }

  Result<ProcessResult> finish() {
    // The leader is a zombie, so its group id is still ours. What leaves the group afterwards has the tag.
    ::kill(-pid_, SIGKILL);
    around_.descendants.end(action_);
    // Nobody writes any more, so this ends; and all that was written is in the pipes now.
    drain(out_, Stream::out, result_.out);
    drain(err_, Stream::err, result_.err);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    around_.descendants.forget(action_);
    if (WIFSIGNALED(status)) {
      result_.exit_code = 128 + WTERMSIG(status);
      if (result_.end == ProcessEnd::exited) result_.end = ProcessEnd::signaled;
    } else {
      result_.exit_code = WEXITSTATUS(status);
    }
    result_.duration_ms = static_cast<std::uint64_t>(elapsed_ms(started_));
    return std::move(result_);
  }

  // What poll said of a pipe. One without bytes and without a writer is done with, and needs no read to say so.
  void take(Fd& fd, short events, Stream stream, std::string& into) {
    if (events == 0) return;
    ssize_t count = 0;
    if ((events & POLLIN) != 0) {
      std::array<char, 65536> buffer;
      count = ::read(fd.get(), buffer.data(), buffer.size());  // does not block: nobody else reads
      if (count > 0) {
        const std::string_view text(buffer.data(), static_cast<std::size_t>(count));
        into.append(text);
        if (spec_.on_output) spec_.on_output(stream, text);
      }
    }
    if (count < 0 && errno != EINTR) fault_ = errno;
    if (count == 0 || (count < 0 && errno != EINTR)) fd.reset();
  }

  void drain(Fd& fd, Stream stream, std::string& into) {
    for (pollfd pipe{fd.get(), POLLIN, 0}; fd.open();) {
      const int ready = ::poll(&pipe, 1, 0);
      if (ready == 0) return;
      if (ready > 0)
        take(fd, pipe.revents, stream, into);
      else if (errno != EINTR)
        return static_cast<void>(fault_ = errno);
    }
  }

  static std::int64_t elapsed_ms(Clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
  }

  const ProcessSpec& spec_;
  const Surroundings& around_;
  Descendants::Action action_;
  pid_t pid_ = -1;
  Fd out_;
  Fd err_;
  Fd pidfd_;
  int signalled_ = 0;        // 0 not yet, 1 TERM, 2 KILL
  int watched_stop_ = 0;     // the value of `stop` that was acted on
  int fault_ = 0;            // why its output could not be read to the end
  std::vector<pid_t> told_;  // processes outside the group that had TERM
  Clock::time_point started_;
  Clock::time_point signalled_at_;
  ProcessResult result_;
};

// Also fills the places of 0, 1 and 2 where trilock was started without them: no pipe and no database may get one.
int open_null() {
  for (;;) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || fd > STDERR_FILENO) return fd;
  }
}

class RealProcessRunner final : public ProcessRunner {
 public:
  explicit RealProcessRunner(ProcessRunnerOptions options)
      : options_(std::move(options)),
        null_fd_(open_null()),
        null_error_(errno),
        stop_fd_(::eventfd(0, EFD_CLOEXEC)),
        stop_error_(errno) {}

  Result<ProcessResult> run(const ProcessSpec& spec) override {
    // Without the second nothing would wake those that wait for a process when they are to stop.
    if (!null_fd_.open()) return fail_errno("cannot open `/dev/null`", null_error_);
    if (!stop_fd_.open()) return fail_errno("cannot make a descriptor to stop processes by", stop_error_);
    if (stop_.load(std::memory_order_acquire) != 0)
      return ProcessResult{.end = ProcessEnd::cancelled, .exit_code = 130};
    if (Status ready = before_first(); !ready) return std::unexpected(ready.error());
    return Child(spec, {.descendants = *descendants_,
                        .null_fd = null_fd_.get(),
                        .stop_fd = stop_fd_.get(),
                        .stop = stop_,
                        .grace_ms = options_.grace_ms,
                        .inheritance = inheritance_,
                        .dir = dir_})
        .run();
  }

  bool pause(std::uint64_t milliseconds) override {
    const auto until = Clock::now() + std::chrono::milliseconds(milliseconds);
    while (stop_.load(std::memory_order_acquire) == 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return true;
      pollfd stopped{stop_fd_.get(), POLLIN, 0};
      ::poll(&stopped, 1, static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
    }
    return false;
  }

  std::vector<Survivor> end_all() override { return descendants_ ? descendants_->end_all() : std::vector<Survivor>(); }

  void stop(Stop how) override {
    stop_.store(how == Stop::kill ? 2 : 1, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_fd_.get(), &one, sizeof one);
  }

 private:
  Status before_first() {
    std::call_once(first_, [this] {
      if (options_.before_first) ready_ = options_.before_first();
      descendants_.emplace(options_.brands);
      ::signal(SIGCHLD, SIG_DFL);  // whoever ignores it, as trilock may have been told to, learns no exit codes
      inheritance_ = look_at_inheritance();
      std::error_code none;  // without a name of its own every process goes to its directory by itself
      dir_ = std::filesystem::current_path(none).native();
    });
    return ready_;
  }

  ProcessRunnerOptions options_;
  Fd null_fd_;
  int null_error_;  // why it is not open
  Fd stop_fd_;      // stays readable once a stop was asked for
  int stop_error_;  // why it is not open
  std::atomic<int> stop_ = 0;
  std::once_flag first_;
  Status ready_;                            // written once, under first_
  std::optional<Descendants> descendants_;  // likewise
  Inheritance inheritance_;                 // likewise
  std::string dir_;                         // likewise; the one that trilock is in
};

bool is_executable_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// `before_look` is called with each place before it is looked at.
template <class BeforeLook>
std::vector<std::string> search_path(std::string_view name, std::string_view path_variable, BeforeLook before_look) {
  std::vector<std::string> found;
  while (!path_variable.empty()) {
    const std::size_t colon = path_variable.find(':');
    const std::string_view dir = path_variable.substr(0, colon);
    path_variable = colon == std::string_view::npos ? std::string_view() : path_variable.substr(colon + 1);
    if (!dir.starts_with('/')) continue;  // a relative entry would make the result depend on the working directory
    std::string path(dir);
    path.append("/").append(name);
    before_look(path);
    if (is_executable_file(path)) found.push_back(std::move(path));
  }
  return found;
}

template <class BeforeLook>
std::string search(std::string_view name, std::string_view path_variable, std::string_view dir,
                   BeforeLook before_look) {
  if (name.find('/') != std::string_view::npos) {
    std::string path = name.starts_with('/') ? std::string(name) : std::string(dir) + "/" + std::string(name);
    before_look(path);
    return is_executable_file(path) ? path : std::string();
  }
  std::vector<std::string> found = search_path(name, path_variable, before_look);
  return found.empty() ? std::string() : std::move(found.front());
}

}  // namespace

std::unique_ptr<ProcessRunner> make_process_runner(ProcessRunnerOptions options) {
  return std::make_unique<RealProcessRunner>(std::move(options));
}

std::vector<std::string> find_all_executables(std::string_view name, std::string_view path_variable) {
  return search_path(name, path_variable, [](const std::string&) {});
}

std::string find_executable(std::string_view name, std::string_view path_variable, std::string_view dir) {
  return search(name, path_variable, dir, [](const std::string&) {});
}

std::vector<std::string> find_all_executables(SourceTree& tree, std::string_view name, std::string_view path_variable) {
  return search_path(name, path_variable,
                     [&](const std::string& path) { static_cast<void>(tree.stat_following(path)); });
}

std::string find_executable(SourceTree& tree, std::string_view name, std::string_view path_variable,
                            std::string_view dir) {
  return search(name, path_variable, dir,
                [&](const std::string& path) { static_cast<void>(tree.stat_following(path)); });
}

std::string Executables::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = found_.find(name);
  if (known != found_.end()) return known->second;
  std::string found = find_executable(name, path_variable_, "");
  if (!found.empty()) found_.emplace(name, found);
  return found;
}

}  // namespace trilock
