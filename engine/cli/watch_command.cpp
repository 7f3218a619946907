// `trilock watch`: runs, then waits for files to change and runs again. Each run is a process of its own
// (watched_child); between runs the Watcher judges what differs, and whoever asks is answered (WatchServer).
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "engine/cli/session.hpp"
#include "engine/cli/snapshot_writer.hpp"
#include "engine/cli/standard_output.hpp"
#include "engine/cli/watch_text.hpp"
#include "engine/cli/watched_child.hpp"
#include "engine/watch/server.hpp"
#include "engine/watch/socket_address.hpp"
#include "engine/watch/watcher.hpp"
#include "engine/workspace_lock.hpp"

namespace trilock::cli {
namespace {

using Clock = Watcher::Clock;

// Blocked and read from a file, so that none can come between a look and a wait.
class Signals {
 public:
  static Result<Signals> open() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
    const int fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return fail_errno("cannot watch for signals", errno);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return Signals(fd);
  }
  ~Signals() {
    if (fd_ >= 0) ::close(fd_);
  }
  Signals(Signals&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Signals& operator=(Signals&&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int next() const {  // 0: none
    signalfd_siginfo info{};
    return ::read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  explicit Signals(int fd) : fd_(fd) {}
  int fd_ = -1;
};

class Watch {
 public:
  Watch(const Invocation& invocation, Session& session, std::string root, std::string state_dir, Signals signals,
        std::unique_ptr<Watcher> watcher)
      : invocation_(invocation),
        session_(session),
        root_(std::move(root)),
        state_dir_(std::move(state_dir)),
        signals_(std::move(signals)),
        watcher_(std::move(watcher)),
        server_(watch_socket(state_dir_)) {}

  int run() {
    open_socket();
    if (!start()) return exit_environment;
    for (;;) {
      wait();
      for (int signal = signals_.next(); signal != 0; signal = signals_.next())
        if (signal != SIGCHLD) {
          stopping_ = true;
          child_.send(signal);
        }
      if (const auto code = child_.ended()) ended(*code);
      if (stopping_ && !child_.is_running()) return exit_interrupted;
      watcher_->step();
      server_.serve([this](const WatchQuestion& question) { return watcher_->answer(question); });
      if (child_.is_running()) continue;
      if (watcher_->run_is_due() && !start_again()) return exit_environment;
      if (watcher_->is_at_rest()) say_waiting();
    }
  }

 private:
  void wait() const {
    std::vector<pollfd> polled = {{signals_.fd(), POLLIN, 0}};
    watcher_->add_to(polled);
    server_.add_to(polled);
    int patience_ms = server_.has_clients() ? 1000 : -1;
    if (const auto next = watcher_->next_step()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now()).count();
      patience_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
    }
    ::poll(polled.data(), polled.size(), patience_ms);
  }

  void open_socket() {
    if (const Status opened = server_.open(); !opened && !std::exchange(said_socket_, true))
      warn(opened.error().message, "runs look at the files themselves");
  }

  bool start() {
    std::optional<ChangeNotice> changes;
    if (auto known = watcher_->changes()) changes = {known->snapshot, std::move(known->looks)};
    watcher_->run_begins();
    said_waiting_ = false;
    if (const Status started = child_.start(invocation_.words, changes); !started) {
      report(session_, started.error());
      return false;
    }
    return true;
  }

  bool start_again() {
    const std::string text = changes_text(watcher_->differences(), root_, state_dir_);
    if (watcher_->runs_in_vain() >= runs_in_vain_for_warning && !std::exchange(said_vain_, true))
      warn(text + " while it ran, again and again", "name what nodes write as their outputs");
    if (!watcher_->is_once_more()) say(text);
    return start();
  }

  void ended(int code) {
    if (code == exit_interrupted && stopping_) return;
    watcher_->run_ended();
    if (code > 128 && code != exit_interrupted)
      warn(fmt::format("the run was ended by signal {}", code - 128), "the next one clears up after it");
    if (!server_.is_there()) open_socket();
    if (watcher_->lacks_watches() && !std::exchange(said_watches_, true))
      warn("there are not enough watches for all folders; some are looked at every few seconds",
           "raise the limit: `sysctl fs.inotify.max_user_watches=1048576`");
  }

  void say_waiting() {
    if (!std::exchange(said_waiting_, true)) say("watching for changes");
  }

  void say(const std::string& text) const {
    if (invocation_.json) return;
    print_out("{}\n", text);
    flush_out();
  }

  static void warn(const std::string& text, const std::string& help) {
    print_err("warning: {}\n  = help: {}\n", text, help);
  }

  static constexpr unsigned runs_in_vain_for_warning = 3;

  const Invocation& invocation_;
  Session& session_;
  const std::string root_;
  const std::string state_dir_;
  const Signals signals_;
  std::unique_ptr<Watcher> watcher_;
  WatchServer server_;
  WatchedChild child_;
  bool stopping_ = false;
  bool said_waiting_ = false;
  bool said_socket_ = false;
  bool said_vain_ = false;
  bool said_watches_ = false;
};

std::string shown_command(const Invocation& invocation) {
  std::string text = "trilock watch";
  for (const std::string& label : invocation.labels) text += " " + label;
  return text;
}

// Null when somebody else watches, which is said then.
std::unique_ptr<WorkspaceLock> take_lock(const Invocation& invocation, const std::string& state_dir, Session& session) {
  const auto ask = [&](const LockHolder& holder) {
    report(session, {ErrorKind::io, fmt::format("this workspace is watched already, by {}", describe(holder)), {}});
    return WorkspaceLock::Answer::give_up;
  };
  Result<std::unique_ptr<WorkspaceLock>> lock =
      WorkspaceLock::acquire(state_dir, shown_command(invocation), ask, WorkspaceLock::Purpose::watch);
  if (lock) return std::move(*lock);
  report(session, lock.error());
  return nullptr;
}

}  // namespace

int watch_command(const Invocation& invocation) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGTTOU, SIG_IGN);  // runs, whose process group is another, may write to the terminal
  // What is found here is told by the first run, which finds it too.
  Session session;
  if (const int code = open_workspace(invocation, Workspace::State::make, session); code != 0)
    return end_without_result(invocation, session, code);
  const std::string root = session.workspace->root();
  const std::string state_dir = session.workspace->state_dir();
  session.workspace.reset();  // the state database is the runs'
  const std::unique_ptr<WorkspaceLock> lock = take_lock(invocation, state_dir, session);
  if (lock == nullptr) return end_without_result(invocation, session, exit_environment);
  Result<std::unique_ptr<Watcher>> watcher = Watcher::open({.state_dir = state_dir,
                                                            .pipeline = root + "/" + session.pipeline_path,
                                                            .directory = working_directory(invocation).value_or(""),
                                                            .words = plain_words(invocation)});
  Result<Signals> signals = Signals::open();
  if (!watcher || !signals) {
    report(session, watcher ? signals.error() : watcher.error());
    return end_without_result(invocation, session, exit_environment);
  }
  return Watch(invocation, session, root, state_dir, std::move(*signals), std::move(*watcher)).run();
}

}  // namespace trilock::cli
