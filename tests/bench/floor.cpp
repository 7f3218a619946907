// What the kernel takes for the same work, with nothing around it:
//
//   floor stat [THREADS]            statx of every path on standard input; prints the milliseconds, without the reading
//   floor spawn COUNT JOBS PROGRAM  starts PROGRAM so many times, as many at once as there are jobs
//   floor create DIRECTORY COUNT    makes so many small files, a hundred in a directory; prints CPU microseconds a file
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

extern char** environ;

namespace {

int stat_all(unsigned threads) {
  std::vector<std::string> paths;
  for (std::string path; std::getline(std::cin, path);) paths.push_back(path);
  const auto part = [&](unsigned thread) {
    struct statx found {};
    for (std::size_t i = paths.size() * thread / threads; i < paths.size() * (thread + 1) / threads; ++i)
      if (::statx(AT_FDCWD, paths[i].c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &found) != 0) std::exit(1);
  };
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(part, i);
  part(0);
  for (std::thread& other : others) other.join();
  const auto wall = std::chrono::steady_clock::now() - begin;
  fmt::print("{:.2f}\n", std::chrono::duration<double, std::milli>(wall).count());
  return 0;
}

int spawn_all(int count, int jobs, char* program) {
  char* const words[] = {program, nullptr};
  int running = 0;
  for (int i = 0; i < count; ++i) {
    if (running == jobs && ::wait(nullptr) > 0) --running;
    pid_t child = 0;
    if (::posix_spawn(&child, program, nullptr, nullptr, words, environ) != 0) return 1;
    ++running;
  }
  while (::wait(nullptr) > 0) {
  }
  return 0;
}

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

int create_all(const std::string& directory, int count) {
  constexpr int in_one = 100;
  const double begin = cpu_us();
  for (int i = 0; i < count; ++i) {
    const std::string parent = fmt::format("{}/{}", directory, i / in_one);
    if (i % in_one == 0 && ::mkdir(parent.c_str(), 0777) != 0) return 1;
    const int file = ::open(fmt::format("{}/{}", parent, i).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 || ::write(file, "x", 1) != 1 || ::close(file) != 0) return 1;
  }
  fmt::print("{:.1f}\n", (cpu_us() - begin) / std::max(1, count));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string_view what = count > 1 ? words[1] : "";
  if (what == "stat" && count <= 3)
    return stat_all(count == 3 ? static_cast<unsigned>(std::max(1, std::atoi(words[2]))) : 2);
  if (what == "create" && count == 4) return create_all(words[2], std::atoi(words[3]));
  if (what == "spawn" && count == 5) return spawn_all(std::atoi(words[2]), std::atoi(words[3]), words[4]);
  fmt::print(stderr, "usage: floor stat [THREADS] | floor spawn COUNT JOBS PROGRAM | floor create DIRECTORY COUNT\n");
  return 2;
}
