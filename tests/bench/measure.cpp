// Runs commands in turns and prints what each took:
//
//   measure [--runs N] [--cold] [--prepare SCRIPT] [--at-most SECONDS] -- DIRECTORY PROGRAM ARGUMENT… [-- DIRECTORY
//   PROGRAM …]…
//
// A line for each command: wall, CPU (user and system, with all that it waited for) in ms, peak memory of its largest
// process in MB, and the first command's wall and CPU as parts of its own: medians, ratios of runs that followed each
// other. SCRIPT is run by `sh` in the directory before each run. Each command is run once before anything counts, but
// for `--cold`. Stops when the runs have taken so many seconds, after one round at least.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace {

struct Command {
  std::string directory;
  std::vector<char*> words;  // ends with null
};

struct Sample {
  double wall = 0;
  double cpu = 0;
  double peak = 0;
};

[[noreturn]] void give_up(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  std::exit(5);
}

double milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1000 + static_cast<double>(time.tv_usec) / 1000;
}

Sample run(const std::string& directory, char* const* words) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  const auto begin = std::chrono::steady_clock::now();
  pid_t child = 0;
  if (const int error = ::posix_spawnp(&child, words[0], &actions, nullptr, words, environ); error != 0)
    give_up(fmt::format("cannot start {}: {}", words[0], std::strerror(error)));
  int status = 0;
  rusage used{};
  while (::wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  const auto wall = std::chrono::steady_clock::now() - begin;
  ::posix_spawn_file_actions_destroy(&actions);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up(fmt::format("`{}` failed in {}", words[0], directory));
  return {std::chrono::duration<double, std::milli>(wall).count(),
          milliseconds(used.ru_utime) + milliseconds(used.ru_stime), static_cast<double>(used.ru_maxrss) / 1024};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

void print(const std::vector<Sample>& first, const std::vector<Sample>& own) {
  std::vector<double> wall, cpu, peak, of_wall, of_cpu;
  for (std::size_t i = 0; i < own.size(); ++i) {
    wall.push_back(own[i].wall);
    cpu.push_back(own[i].cpu);
    peak.push_back(own[i].peak);
    of_wall.push_back(first[i].wall / own[i].wall);
    of_cpu.push_back(first[i].cpu / std::max(own[i].cpu, 0.01));
  }
  fmt::print("{:.2f} {:.2f} {:.1f} {:.3f} {:.3f}\n", median(wall), median(cpu), median(peak), median(of_wall),
             median(of_cpu));
}

}  // namespace

int main(int count, char** words) {
  int runs = 5;
  double at_most = 1e9;
  bool warm_up = true;
  std::string script;
  std::vector<Command> commands;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--" && i + 1 < count) {
      commands.push_back({words[++i], {}});
    } else if (!commands.empty()) {
      commands.back().words.push_back(words[i]);
    } else if (word == "--cold") {
      warm_up = false;
    } else if (i + 1 < count && word == "--runs") {
      runs = std::max(1, std::atoi(words[++i]));
    } else if (i + 1 < count && word == "--at-most") {
      at_most = std::atof(words[++i]) * 1000;
    } else if (i + 1 < count && word == "--prepare") {
      script = words[++i];
    } else {
      give_up(fmt::format("unexpected `{}`", word));
    }
  }
  std::string shell = "sh";
  std::string flag = "-c";
  char* const preparation[] = {shell.data(), flag.data(), script.data(), nullptr};
  std::vector<std::vector<Sample>> samples(commands.size());
  for (Command& command : commands) {
    if (command.words.empty()) give_up("a command is missing");
    command.words.push_back(nullptr);
  }
  double spent = 0;
  for (int round = warm_up ? -1 : 0; round < runs && (round < 1 || spent < at_most); ++round) {
    for (std::size_t i = 0; i < commands.size(); ++i) {
      if (!script.empty()) run(commands[i].directory, preparation);
      const Sample sample = run(commands[i].directory, commands[i].words.data());
      spent += sample.wall;
      if (round >= 0) samples[i].push_back(sample);
    }
  }
  for (const std::vector<Sample>& own : samples) print(samples.front(), own);
}
