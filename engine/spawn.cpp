// The child shares the parent's memory until it executes its program (CLONE_VM | CLONE_VFORK), so a large parent costs
// nothing; it runs on a stack of its own. Until then it may use no memory that a lock guards and no function that a
// sanitizer watches, hence bare system calls. The parent's thread sleeps meanwhile.
#include "engine/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

// glibc's other name of `clone`. ThreadSanitizer puts itself before the first, and takes what shares memory for a fork.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);

namespace trilock {
namespace {

constexpr std::size_t stack_bytes = 16 * 1024;
constexpr std::size_t kernel_mask_bytes = 8;  // of a signal mask, as the system calls have it
constexpr int last_signal = 31;               // but for real-time signals

struct Start {
  const SpawnRequest& request;
  pid_t parent;
  int error;
};

#define TRILOCK_UNWATCHED __attribute__((no_sanitize("address", "thread", "undefined")))

TRILOCK_UNWATCHED bool prepare(const SpawnRequest& request, pid_t parent) {
  if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0) return false;
  if (::syscall(SYS_getppid) != parent) ::syscall(SYS_exit_group, 127);  // it died before the signal was ordered
  if (::syscall(SYS_setpgid, 0, 0) != 0) return false;
  // Only the soft limit: it can be set to anything again. Where it cannot be set the process does without a brand.
  if (request.brand <= request.inheritance.most_of_brand) {
    const rlimit locks{.rlim_cur = request.brand, .rlim_max = request.inheritance.most_of_brand};
    ::syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, &locks, nullptr);
  }
  return ::syscall(SYS_dup3, request.in, STDIN_FILENO, 0) >= 0 &&
         ::syscall(SYS_dup3, request.out, STDOUT_FILENO, 0) >= 0 &&
         ::syscall(SYS_dup3, request.err, STDERR_FILENO, 0) >= 0 &&
         (request.dir == nullptr || ::syscall(SYS_chdir, request.dir) == 0);
}

// What is ignored stays so across an exec: `nohup trilock` must not make a command deaf.
TRILOCK_UNWATCHED void restore_signals(std::uint32_t signals) {
  struct KernelAction {  // struct sigaction as the system call has it
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  };
  const KernelAction standard{};
  for (int signal = 1; signal <= last_signal; ++signal)
    if ((signals >> (signal - 1) & 1U) != 0) ::syscall(SYS_rt_sigaction, signal, &standard, nullptr, kernel_mask_bytes);
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kernel_mask_bytes);
}

TRILOCK_UNWATCHED int become(void* argument) {
  Start& start = *static_cast<Start*>(argument);
  if (prepare(start.request, start.parent)) {
    restore_signals(start.request.inheritance.signals);
    ::syscall(SYS_execve, start.request.executable, start.request.argv, start.request.env);
  }
  start.error = errno;
  ::syscall(SYS_exit_group, 127);
  return 127;
}

}  // namespace

Inheritance look_at_inheritance() {
  Inheritance found;
  for (int signal = 1; signal <= last_signal; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_DFL)
      found.signals |= std::uint32_t{1} << (signal - 1);
  }
  rlimit locks{};
  if (::getrlimit(RLIMIT_LOCKS, &locks) == 0) found.most_of_brand = locks.rlim_max;
  return found;
}

int spawn(const SpawnRequest& request, pid_t& pid) {
  alignas(64) std::array<char, stack_bytes> stack;  // in use only while this thread sleeps in clone
  Start start{request, ::getpid(), 0};
  // No signal may reach the child while it shares our memory, nor stop it: this thread would wait for it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  pid = ::__clone(become, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
  const int error = pid < 0 ? errno : start.error;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return 0;
  while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error;
}

}  // namespace trilock
