// Runs a program and lets one of its system calls fail, or kills it there: the way of SQLite's tests, for a whole
// program and without a line in it. See docs/design/0018-faults.md.
//
//   fault_tracer [OPTION]... PROGRAM ARG...
//     --nth N        the call that is hit, counted from 1; 0 (the default) hits none and counts
//     --how HOW      `once`: that call fails; `from`: it and every later one of its kind (of locks
//                    only with `--kind lock`); `kill`: KILL before it
//     --kind KIND    only calls of that kind count (the names below); all kinds without it
//     --limit S      seconds that the program may take (default 10)
//     --report FILE  one line: `hit N CALL`, `ended, N calls`, `hang N CALL`
// Exit code: the program's, 128 + signal where one ended it, 124 when it took too long (then it was killed).
//
// brk is left out: a C library that is linked statically begins with one that must not fail, and malloc has mmap beside
// it.
//
// What counts are the calls of the program itself: all its threads, what it becomes by exec in its own process, and its
// children until they have become other programs. Not what the loader and the C library do before a program begins: no
// program has a say there. The first call that trilock makes itself is fcntl (engine/cli/own_process.cpp). The kernel
// stops a thread at the calls of the table alone (SECCOMP_RET_TRACE), so a run is nearly as fast as without it. x86-64
// only, like the breakpoint by which the beginning of a program is seen.
#include <elf.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#if defined(__x86_64__)
namespace {

struct Call {
  long number;
  const char* name;
  std::string_view kind;
  int error;  // what the system says when it has not enough, or when a disk is broken
};

constexpr Call calls[] = {
    {SYS_open, "open", "open", EMFILE},
    {SYS_openat, "openat", "open", EMFILE},
    {SYS_openat2, "openat2", "open", EMFILE},
    {SYS_creat, "creat", "open", EMFILE},
    {SYS_read, "read", "read", EIO},
    {SYS_pread64, "pread64", "read", EIO},
    {SYS_readv, "readv", "read", EIO},
    {SYS_getdents64, "getdents64", "read", EIO},
    {SYS_readlink, "readlink", "read", EIO},
    {SYS_readlinkat, "readlinkat", "read", EIO},
    {SYS_write, "write", "write", ENOSPC},
    {SYS_pwrite64, "pwrite64", "write", ENOSPC},
    {SYS_writev, "writev", "write", ENOSPC},
    {SYS_copy_file_range, "copy_file_range", "write", ENOSPC},
    {SYS_sendfile, "sendfile", "write", EIO},
    {SYS_ftruncate, "ftruncate", "write", ENOSPC},
    {SYS_fallocate, "fallocate", "write", ENOSPC},
    {SYS_fsync, "fsync", "sync", EIO},
    {SYS_fdatasync, "fdatasync", "sync", EIO},
    {SYS_syncfs, "syncfs", "sync", EIO},
    {SYS_stat, "stat", "stat", EIO},
    {SYS_lstat, "lstat", "stat", EIO},
    {SYS_fstat, "fstat", "stat", EIO},
    {SYS_newfstatat, "newfstatat", "stat", EIO},
    {SYS_statx, "statx", "stat", EIO},
    {SYS_statfs, "statfs", "stat", EIO},
    {SYS_fstatfs, "fstatfs", "stat", EIO},
    {SYS_access, "access", "stat", EIO},
    {SYS_faccessat, "faccessat", "stat", EIO},
    {SYS_faccessat2, "faccessat2", "stat", EIO},
    {SYS_rename, "rename", "names", ENOSPC},
    {SYS_renameat, "renameat", "names", ENOSPC},
    {SYS_renameat2, "renameat2", "names", ENOSPC},
    {SYS_link, "link", "names", ENOSPC},
    {SYS_linkat, "linkat", "names", ENOSPC},
    {SYS_symlink, "symlink", "names", ENOSPC},
    {SYS_symlinkat, "symlinkat", "names", ENOSPC},
    {SYS_unlink, "unlink", "names", EIO},
    {SYS_unlinkat, "unlinkat", "names", EIO},
    {SYS_rmdir, "rmdir", "names", EIO},
    {SYS_mkdir, "mkdir", "names", ENOSPC},
    {SYS_mkdirat, "mkdirat", "names", ENOSPC},
    {SYS_chmod, "chmod", "names", EIO},
    {SYS_fchmod, "fchmod", "names", EIO},
    {SYS_fchmodat, "fchmodat", "names", EIO},
    {SYS_utimensat, "utimensat", "names", EIO},
    {SYS_mmap, "mmap", "memory", ENOMEM},
    {SYS_mremap, "mremap", "memory", ENOMEM},
    {SYS_mprotect, "mprotect", "memory", ENOMEM},
    {SYS_madvise, "madvise", "memory", ENOMEM},
    {SYS_clone, "clone", "process", EAGAIN},
    {SYS_clone3, "clone3", "process", EAGAIN},
    {SYS_fork, "fork", "process", EAGAIN},
    {SYS_vfork, "vfork", "process", EAGAIN},
    {SYS_execve, "execve", "process", ENOMEM},
    {SYS_execveat, "execveat", "process", ENOMEM},
    {SYS_chdir, "chdir", "process", EIO},
    {SYS_eventfd2, "eventfd2", "descriptor", EMFILE},
    {SYS_signalfd4, "signalfd4", "descriptor", EMFILE},
    {SYS_pipe2, "pipe2", "descriptor", EMFILE},
    {SYS_epoll_create1, "epoll_create1", "descriptor", EMFILE},
    {SYS_memfd_create, "memfd_create", "descriptor", EMFILE},
    {SYS_inotify_init1, "inotify_init1", "descriptor", EMFILE},
    {SYS_inotify_add_watch, "inotify_add_watch", "descriptor", ENOSPC},
    {SYS_pidfd_open, "pidfd_open", "descriptor", EMFILE},
    {SYS_socket, "socket", "descriptor", EMFILE},
    {SYS_dup, "dup", "descriptor", EMFILE},
    {SYS_dup2, "dup2", "descriptor", EMFILE},
    {SYS_dup3, "dup3", "descriptor", EMFILE},
    {SYS_fcntl, "fcntl", "lock", EIO},
    {SYS_flock, "flock", "lock", ENOLCK},
    {SYS_poll, "poll", "wait", ENOMEM},
    {SYS_ppoll, "ppoll", "wait", ENOMEM},
    {SYS_epoll_wait, "epoll_wait", "wait", EINTR},
    {SYS_wait4, "wait4", "wait", EINTR},
    {SYS_ioctl, "ioctl", "other", EIO},
    {SYS_getrandom, "getrandom", "other", EAGAIN},
    {SYS_prctl, "prctl", "other", EINVAL},
    {SYS_prlimit64, "prlimit64", "other", EINVAL},
    {SYS_getcwd, "getcwd", "other", ENOMEM},
};

enum class How { once, from, kill };

struct Options {
  std::uint64_t nth = 0;
  How how = How::once;
  std::string kind;
  double limit_s = 10;
  std::string report;
  char** command = nullptr;
};

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "fault_tracer: %s: %s\n", what, std::strerror(errno));
  std::exit(125);
}

Options parse(int argc, char** argv) {
  Options options;
  int i = 1;
  for (; i + 1 < argc && std::string_view(argv[i]).starts_with("--"); i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    if (name == "--nth") options.nth = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--how") options.how = value == "kill" ? How::kill : value == "from" ? How::from : How::once;
    if (name == "--kind") options.kind = value;
    if (name == "--limit") options.limit_s = std::strtod(argv[i + 1], nullptr);
    if (name == "--report") options.report = value;
  }
  options.command = argv + i;
  if (i >= argc) {
    std::fputs("fault_tracer: no program\n", stderr);
    std::exit(125);
  }
  return options;
}

// --- the traced side ---

void stop_at_calls() {
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (std::size_t i = 0; i < std::size(calls); ++i) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(calls[i].number), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | static_cast<std::uint32_t>(i)));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    die("seccomp");
}

[[noreturn]] void become(char** command) {
  ::raise(SIGSTOP);  // until the tracer has set its options
  stop_at_calls();
  ::execvp(command[0], command);
  die(command[0]);
}

// --- the tracer ---

class Tracer {
 public:
  explicit Tracer(const Options& options) : options_(options) {}

  int run() {
    root_ = ::fork();
    if (root_ < 0) die("fork");
    if (root_ == 0) become(options_.command);
    constexpr long events = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SEIZE, root_, nullptr, events) != 0) die("ptrace");
    threads_[root_];
    struct sigaction nothing {};
    nothing.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &nothing, nullptr);
    const itimerval tenth{{0, 100'000}, {0, 100'000}};  // each interrupts a wait
    ::setitimer(ITIMER_REAL, &tenth, nullptr);
    started_ = std::chrono::steady_clock::now();
    while (step()) {
    }
    write_report();
    return hang_ ? 124 : exit_code_;
  }

 private:
  struct Thread {
    bool counts = false;                      // its calls are the program's
    std::optional<std::uint64_t> entry = {};  // where a breakpoint is, and what was there
    long word = 0;
    bool known = false;
  };

  // False when nothing is left.
  bool step() {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, __WALL);
    if (pid < 0 && errno != EINTR) return false;
    if (pid < 0) {
      look_at_clock();
      return true;
    }
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      threads_.erase(pid);
      if (pid == root_) {
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        root_ended_ = true;
      }
      return true;
    }
    if (WIFSTOPPED(status)) stopped(pid, status);
    return true;
  }

  void look_at_clock() {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started_;
    if (taken.count() < options_.limit_s) return;
    hang_ = hang_ || !root_ended_;  // what it left behind is ended too, and is no hang of its own
    for (const auto& [thread, ignored] : threads_) ::kill(thread, SIGKILL);
  }

  void stopped(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) return at_call(pid);
    if (event == PTRACE_EVENT_EXEC) return at_exec(pid);
    if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
      unsigned long child = 0;
      ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &child);
      threads_[static_cast<pid_t>(child)].counts = threads_[pid].counts;
      return resume(pid, 0);
    }
    if (event == PTRACE_EVENT_STOP) {
      const bool group = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
      if (pid == root_ && !threads_[pid].known) {
        threads_[pid].known = true;
        ::kill(root_, SIGCONT);
        return resume(pid, 0);
      }
      if (group && threads_[pid].known) {
        ::ptrace(PTRACE_LISTEN, pid, nullptr, nullptr);
        return;
      }
      threads_[pid].known = true;
      return resume(pid, 0);
    }
    if (signal == SIGTRAP && at_entry(pid)) return;
    resume(pid, signal);
  }

  static void resume(pid_t pid, int signal) { ::ptrace(PTRACE_CONT, pid, nullptr, static_cast<long>(signal)); }

  // A program begins where its loader jumps to.
  void at_exec(pid_t pid) {
    Thread& thread = threads_[pid];
    thread.counts = false;
    if (pid == root_) {
      begun_ = false;
      const std::string path = "/proc/" + std::to_string(pid) + "/auxv";
      const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      std::array<Elf64_auxv_t, 64> entries{};
      const ssize_t size = ::read(file, entries.data(), sizeof entries);
      ::close(file);
      for (const Elf64_auxv_t& entry : entries)
        if (size > 0 && entry.a_type == AT_ENTRY) thread.entry = entry.a_un.a_val;
      if (thread.entry) {
        thread.word = ::ptrace(PTRACE_PEEKTEXT, pid, *thread.entry, nullptr);
        ::ptrace(PTRACE_POKETEXT, pid, *thread.entry, (thread.word & ~0xffL) | 0xcc);
      }
    }
    resume(pid, 0);
  }

  bool at_entry(pid_t pid) {
    Thread& thread = threads_[pid];
    user_regs_struct registers{};
    if (!thread.entry || ::ptrace(PTRACE_GETREGS, pid, nullptr, &registers) != 0 || registers.rip != *thread.entry + 1)
      return false;
    ::ptrace(PTRACE_POKETEXT, pid, *thread.entry, thread.word);
    registers.rip = *thread.entry;
    ::ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
    thread.entry.reset();
    thread.counts = true;
    resume(pid, 0);
    return true;
  }

  void at_call(pid_t pid) {
    unsigned long index = 0;
    ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &index);
    const Call& call = calls[std::min<std::size_t>(index, std::size(calls) - 1)];
    if (call.number == SYS_fcntl && threads_[pid].counts) begun_ = true;
    if (!begun_ || !threads_[pid].counts || (!options_.kind.empty() && options_.kind != call.kind))
      return resume(pid, 0);
    ++count_;
    const bool is_nth = count_ == options_.nth;
    if (is_nth) hit_ = &call;
    if (is_nth && options_.how == How::kill) {
      ::kill(root_, SIGKILL);
      return resume(pid, 0);
    }
    // What is interrupted is not interrupted for ever. And where no lock is to be had SQLite tries for ten seconds.
    const bool lasts = call.error != EINTR && (call.kind != "lock" || !options_.kind.empty());
    const bool is_later = options_.how == How::from && hit_ != nullptr && call.kind == hit_->kind && lasts;
    if (is_nth || is_later) {
      user_regs_struct registers{};
      ::ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
      registers.orig_rax = ~0ULL;
      registers.rax = static_cast<unsigned long long>(-static_cast<long long>(call.error));
      ::ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
    }
    resume(pid, 0);
  }

  void write_report() const {
    if (options_.report.empty()) return;
    std::FILE* const file = std::fopen(options_.report.c_str(), "w");
    if (file == nullptr) die(options_.report.c_str());
    const char* const name = hit_ == nullptr ? "-" : hit_->name;
    if (hang_)
      std::fprintf(file, "hang %llu %s\n", static_cast<unsigned long long>(options_.nth), name);
    else if (hit_ != nullptr)
      std::fprintf(file, "hit %llu %s\n", static_cast<unsigned long long>(options_.nth), name);
    else
      std::fprintf(file, "ended, %llu calls\n", static_cast<unsigned long long>(count_));
    std::fclose(file);
  }

  const Options& options_;
  pid_t root_ = -1;
  std::unordered_map<pid_t, Thread> threads_;
  std::uint64_t count_ = 0;
  const Call* hit_ = nullptr;
  bool begun_ = false;
  bool hang_ = false;
  bool root_ended_ = false;
  int exit_code_ = 125;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  return Tracer(options).run();
}
#else
int main() {
  std::fputs("fault_tracer: only for x86-64\n", stderr);
  return 125;
}
#endif
