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
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);

namespace trilock {
namespace {

constexpr std::size_t stack_bytes = 16 * 1024;
constexpr std::size_t kernel_mask_bytes = 8;  // of a signal mask, as the system calls have it

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
  rlimit locks{};
  if (::syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, nullptr, &locks) == 0 && request.brand <= locks.rlim_max) {
    locks.rlim_cur = request.brand;
    ::syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, &locks, nullptr);
  }
  return ::syscall(SYS_dup3, request.in, STDIN_FILENO, 0) >= 0 &&
         ::syscall(SYS_dup3, request.out, STDOUT_FILENO, 0) >= 0 &&
         ::syscall(SYS_dup3, request.err, STDERR_FILENO, 0) >= 0 && ::syscall(SYS_chdir, request.dir) == 0;
}

// What is ignored stays so across an exec: `nohup trilock` must not make a command deaf.
TRILOCK_UNWATCHED void restore_signals() {
  struct KernelAction {  // struct sigaction as the system call has it
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  };
  for (int signal = 1; signal < 32; ++signal) {
    KernelAction action{};
    if (::syscall(SYS_rt_sigaction, signal, nullptr, &action, kernel_mask_bytes) != 0) continue;
    if (action.handler == SIG_DFL) continue;
    action = {};
    ::syscall(SYS_rt_sigaction, signal, &action, nullptr, kernel_mask_bytes);
  }
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kernel_mask_bytes);
}

TRILOCK_UNWATCHED int become(void* argument) {
  Start& start = *static_cast<Start*>(argument);
  if (prepare(start.request, start.parent)) {
    restore_signals();
    ::syscall(SYS_execve, start.request.executable, start.request.argv, start.request.env);
  }
  start.error = errno;
  ::syscall(SYS_exit_group, 127);
  return 127;
}

}  // namespace

int spawn(const SpawnRequest& request, Spawned& spawned) {
  alignas(64) std::array<char, stack_bytes> stack;  // in use only while this thread sleeps in clone
  Start start{request, ::getpid(), 0};
  // No signal may reach the child while it shares our memory, nor stop it: this thread would wait for it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const pid_t pid = ::__clone(become, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                              &start, &spawned.pidfd);
  const int error = pid < 0 ? errno : start.error;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) {
    spawned.pid = pid;
    return 0;
  }
  if (pid > 0) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    ::close(spawned.pidfd);
    spawned.pidfd = -1;
  }
  return error;
}

}  // namespace trilock
