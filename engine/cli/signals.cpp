#include "engine/cli/signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "cache/thread_start.hpp"
#include "engine/cli/session.hpp"

namespace trilock::cli {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

Result<std::unique_ptr<SignalWatch>> SignalWatch::start(ProcessRunner& runner) {
  std::unique_ptr<SignalWatch> watch(new SignalWatch(runner));
  const sigset_t set = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  watch->signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (watch->signal_fd_ < 0) return fail_errno("cannot watch for signals", errno);
  watch->end_fd_ = ::eventfd(0, EFD_CLOEXEC);
  if (watch->end_fd_ < 0) return fail_errno("cannot watch for signals", errno);
  watch->thread_ = start_thread([own = watch.get()] { own->watch(); });
  if (!watch->thread_.joinable())
    return fail(ErrorKind::io, "the system refuses to start a thread",
                "raise the limit of processes (`ulimit -u`, or that of the container)");
  return watch;
}

SignalWatch::~SignalWatch() {
  ended_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(end_fd_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  if (signal_fd_ >= 0) ::close(signal_fd_);
  if (end_fd_ >= 0) ::close(end_fd_);
  const sigset_t set = watched_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalWatch::end_at_once(std::function<void()> farewell) {
  const std::lock_guard lock(mutex_);
  farewell_ = std::move(farewell);
}

void SignalWatch::end_by_stopping() {
  const std::lock_guard lock(mutex_);
  farewell_ = nullptr;
}

// Looks at the flag now and then, since whoever wakes it may fail too.
void SignalWatch::watch() {
  constexpr int between_looks_ms = 1000;
  while (!ended_) {
    std::array<pollfd, 2> fds{{{signal_fd_, POLLIN, 0}, {end_fd_, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), between_looks_ms) < 0 && errno != EINTR) {
      // Without memory for it (ENOMEM) signals are looked for all the same.
      std::this_thread::sleep_for(std::chrono::milliseconds(between_looks_ms / 10));
    }
    signalfd_siginfo info{};
    if (ended_ || ::read(signal_fd_, &info, sizeof info) != sizeof info) continue;
    const int before = count_.fetch_add(1, std::memory_order_relaxed);
    if (const std::lock_guard lock(mutex_); farewell_) {
      runner_.stop(ProcessRunner::Stop::kill);
      farewell_();
      ::_exit(exit_interrupted);
    }
    runner_.stop(before == 0 ? ProcessRunner::Stop::terminate : ProcessRunner::Stop::kill);
  }
}

}  // namespace trilock::cli
