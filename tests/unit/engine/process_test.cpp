#include "engine/process.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

using namespace trilock;

namespace {

ProcessSpec shell(std::string script) {
  ProcessSpec spec;
  spec.executable = "/bin/sh";
  spec.argv = {"sh", "-c", std::move(script)};
  spec.env = {"PATH=/usr/bin:/bin"};
  spec.dir = "/";
  return spec;
}

// A process that has ended may still be listed as a zombie, where nobody reaps orphans.
bool is_running(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t name_end = line.rfind(')');
  return name_end != std::string::npos && line.size() > name_end + 2 && line[name_end + 2] != 'Z';
}

}  // namespace

TEST_CASE("both streams, the exit code and the directory") {
  const auto runner = make_process_runner();
  ProcessSpec spec = shell("echo out; echo err >&2; pwd; exit 3");
  spec.dir = "/usr";
  const auto result = runner->run(spec);
  REQUIRE(result);
  CHECK(result->out == "out\n/usr\n");
  CHECK(result->err == "err\n");
  CHECK(result->exit_code == 3);
  CHECK(result->end == ProcessEnd::exited);
}

TEST_CASE("the environment is exactly what was given") {
  ::setenv("TRILOCK_TEST_LEAK", "1", 1);
  const auto runner = make_process_runner();
  ProcessSpec spec;
  spec.executable = "/usr/bin/env";
  spec.argv = {"env"};
  spec.env = {"A=1", "B=two words"};
  spec.dir = "/";
  CHECK(runner->run(spec)->out == "A=1\nB=two words\n");
}

TEST_CASE("more output than a pipe holds, on both streams at once") {
  const auto runner = make_process_runner();
  const auto result = runner->run(shell("head -c 1000000 /dev/zero & head -c 900000 /dev/zero >&2; wait"));
  REQUIRE(result);
  CHECK(result->out.size() == 1'000'000);
  CHECK(result->err.size() == 900'000);
}

TEST_CASE("output arrives while the process runs") {
  const auto runner = make_process_runner();
  ProcessSpec spec = shell("echo one; sleep 0.2; echo two");
  std::vector<std::string> chunks;
  spec.on_output = [&](Stream, std::string_view text) { chunks.emplace_back(text); };
  REQUIRE(runner->run(spec));
  CHECK(chunks == std::vector<std::string>{"one\n", "two\n"});
}

TEST_CASE("a process that cannot be started is an error that names it") {
  const auto runner = make_process_runner();
  ProcessSpec spec = shell("true");
  spec.executable = "/nonexistent/tool";
  const auto result = runner->run(spec);
  REQUIRE(!result);
  CHECK(result.error().message == "cannot start `/nonexistent/tool`: no such file or directory");
}

TEST_CASE("a signal that ends the process shows in the exit code") {
  const auto runner = make_process_runner();
  const auto result = runner->run(shell("kill -KILL $$"));
  REQUIRE(result);
  CHECK(result->end == ProcessEnd::signaled);
  CHECK(result->exit_code == 137);
}

TEST_CASE("a time limit sends TERM, and KILL to what does not listen") {
  const auto runner = make_process_runner(100);
  ProcessSpec spec = shell("trap '' TERM; sleep 30 & wait; sleep 30");
  spec.timeout_ms = 100;
  const auto started = std::chrono::steady_clock::now();
  const auto result = runner->run(spec);
  REQUIRE(result);
  CHECK(result->end == ProcessEnd::timed_out);
  CHECK(result->exit_code == 137);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(5));
}

TEST_CASE("stop reaches the whole group and every later process") {
  const auto runner = make_process_runner(5000);
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    runner->stop(ProcessRunner::Stop::terminate);
  });
  const auto started = std::chrono::steady_clock::now();
  const auto result = runner->run(shell("sh -c 'sleep 30' & echo $!; wait"));
  stopper.join();
  REQUIRE(result);
  CHECK(result->end == ProcessEnd::cancelled);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
  const pid_t grandchild = std::stoi(result->out);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(!is_running(grandchild));
  CHECK(runner->run(shell("true"))->end == ProcessEnd::cancelled);
}

TEST_CASE("a descendant that keeps the pipes open does not hold up the end") {
  const auto runner = make_process_runner();
  const auto started = std::chrono::steady_clock::now();
  const auto result = runner->run(shell("setsid sleep 3 & echo done"));
  REQUIRE(result);
  CHECK(result->out == "done\n");
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(2));
}

TEST_CASE("executables are looked up as a shell does, but never in relative entries of PATH") {
  CHECK(find_executable("sh", "/nonexistent:/bin", "/") == "/bin/sh");
  CHECK(find_executable("sh", ".:bin", "/") == "");
  CHECK(find_executable("./sh", "", "/bin") == "/bin/./sh");
  CHECK(find_executable("/bin/sh", "", "/") == "/bin/sh");
  CHECK(find_executable("etc", "/", "/") == "");
  CHECK(find_executable("", "/bin", "/") == "");
}
