// Kills a program at its N-th system call, counted over all of its threads: `kill_at N COMMAND…`. With 0, or a number
// that it does not reach, it runs to its end. Writes the number of calls to the file $KILL_AT_COUNT, and ends with 137
// when it killed, otherwise as the command does. Processes that the program starts are let go: they are not counted,
// and not killed.
//
// The threads of a program run one after the other here, each until its next call, so that the N-th call of two runs of
// one program is most often the same.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>

namespace {

constexpr long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

int fault(const char* what) {
  std::fprintf(stderr, "kill_at: %s: %s\n", what, std::strerror(errno));
  return 2;
}

// The thread group that a thread is in, from its status; 0 when it is gone.
pid_t group_of(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Tgid:")) return std::stoi(line.substr(5));
  return 0;
}

class Tracer {
 public:
  Tracer(pid_t program, std::uint64_t deadly) : program_(program), deadly_(deadly) {}

  // The exit status of the program.
  int run() {
    for (;;) {
      int status = 0;
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0) return fault("waitpid");
      if (thread == program_ && (WIFEXITED(status) || WIFSIGNALED(status))) return status;
      if (WIFSTOPPED(status)) stopped(thread, status);
    }
  }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] bool killed() const { return deadly_ != 0 && calls_ >= deadly_; }

 private:
  void stopped(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == SIGSTOP && known_.insert(thread).second && thread != program_ && group_of(thread) != program_) {
      known_.erase(thread);
      ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
      return;
    }
    if (signal == (SIGTRAP | 0x80)) {
      // Entry and exit of a call both stop.
      const bool entry = inside_.insert(thread).second;
      if (!entry) inside_.erase(thread);
      if (entry && ++calls_ == deadly_) {
        ::kill(program_, SIGKILL);
        return;
      }
    }
    if (event == PTRACE_EVENT_EXEC) inside_.insert(program_);
    const bool ours = event != 0 || signal == (SIGTRAP | 0x80) || signal == SIGSTOP || signal == SIGTRAP;
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, ours ? 0 : signal);
  }

  pid_t program_;
  std::uint64_t deadly_;
  std::uint64_t calls_ = 0;
  std::set<pid_t> known_;
  std::set<pid_t> inside_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: kill_at N COMMAND…\n", stderr);
    return 2;
  }
  const pid_t program = ::fork();
  if (program < 0) return fault("fork");
  if (program == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::execvp(argv[2], argv + 2);
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(program, &status, 0) != program || !WIFSTOPPED(status)) return fault("cannot trace");
  if (::ptrace(PTRACE_SETOPTIONS, program, nullptr, options) != 0) return fault("cannot trace");
  ::ptrace(PTRACE_SYSCALL, program, nullptr, nullptr);
  Tracer tracer(program, std::strtoull(argv[1], nullptr, 10));
  status = tracer.run();
  if (const char* file = std::getenv("KILL_AT_COUNT")) std::ofstream(file) << tracer.calls() << "\n";
  if (tracer.killed()) return 137;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
