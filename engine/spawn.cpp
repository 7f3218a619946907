// The child shares the parent's memory until it executes its program (CLONE_VM | CLONE_VFORK), so a large parent costs
// nothing; it runs on a stack of its own. Until then it may use no memory that a lock guards and no function that a
// sanitizer watches, hence bare system calls. The parent's thread sleeps meanwhile.
#include "engine/spawn.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

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

// clone3, which glibc has no door to. What clone3 gives a stack to begins there, with nothing to return to.
TRILOCK_UNWATCHED long clone_into(clone_args& arguments, int (*function)(void*), void* argument) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %[argument], %%rdi\n\t"
      "callq *%[function]\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(&arguments), "S"(sizeof arguments), [argument] "r"(argument), [function] "r"(function)
      : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long number asm("x8") = SYS_clone3;
  register long result asm("x0") = reinterpret_cast<long>(&arguments);
  register long size asm("x1") = sizeof arguments;
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x0, %[argument]\n\t"
      "blr %[function]\n\t"
      "brk #0\n"
      "1:"
      : "+r"(result)
      : "r"(number), "r"(size), [argument] "r"(argument), [function] "r"(function)
      : "memory");
#else
  const long result = -ENOSYS;
  static_cast<void>(arguments);
  static_cast<void>(function);
  static_cast<void>(argument);
#endif
  return result;
}

// The process id, or the negative errno. `cgroup` is -1 for that of this process.
pid_t clone_child(int (*function)(void*), void* argument, int cgroup, std::span<char> stack) {
  constexpr int flags = CLONE_VM | CLONE_VFORK;
  if (cgroup < 0) {
    const pid_t pid = ::__clone(function, stack.data() + stack.size(), flags | SIGCHLD, argument);
    return pid < 0 ? -errno : pid;
  }
  clone_args arguments{};
  arguments.flags = flags | CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<std::uintptr_t>(stack.data());
  arguments.stack_size = stack.size();
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  return static_cast<pid_t>(clone_into(arguments, function, argument));
}

TRILOCK_UNWATCHED int end_at_once(void*) {
  ::syscall(SYS_exit_group, 0);
  return 0;
}

// No signal may reach the child while it shares our memory, nor stop it: this thread would wait for it.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

// In use only while this thread sleeps in clone.
struct alignas(64) Stack {
  std::array<char, stack_bytes> bytes;
};

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
  Stack stack;
  Start start{request, ::getpid(), 0};
  {
    const NoSignals none;
    pid = clone_child(become, &start, request.cgroup, stack.bytes);
  }
  const int error = pid < 0 ? -pid : start.error;
  if (error == 0) return 0;
  while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error;
}

bool can_spawn_in(int cgroup) {
  Stack stack;
  pid_t pid = -1;
  {
    const NoSignals none;
    pid = clone_child(end_at_once, nullptr, cgroup, stack.bytes);
  }
  int status = -1;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return pid > 0 && status == 0;
}

}  // namespace trilock
