#include "engine/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/process_folder.hpp"

using namespace trilock;
using namespace trilock::test;

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
  const auto runner = make_process_runner({.grace_ms = 100});
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
  const auto runner = make_process_runner({.grace_ms = 5000});
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

TEST_CASE("a daemon does not outlive the process that started it, nor do its children") {
  const Folder folder;
  const auto runner = make_process_runner();
  const auto result =
      runner->run(shell(folder.daemon("daemon", "setsid sleep 31 & echo $! >" + folder.path + "/child; exec sleep 30") +
                        "until test -s " + folder.path + "/child; do sleep 0.01; done; echo done"));
  REQUIRE(result);
  CHECK(result->out == "done\n");
  CHECK(!is_running(folder.pid("daemon")));
  CHECK(!is_running(folder.pid("child")));
}

TEST_CASE("the daemon of a process that still runs is left to it") {
  const Folder folder;
  const auto runner = make_process_runner();
  std::thread other([&] {
    const auto result =
        runner->run(shell(folder.daemon("kept") + "until test -e " + folder.path + "/go; do sleep 0.01; done"));
    CHECK(result->exit_code == 0);
  });
  wait_until([&] { return folder.has("kept"); });
  for (int i = 0; i < 20; ++i) REQUIRE(runner->run(shell(folder.daemon("own" + std::to_string(i))))->exit_code == 0);
  CHECK(!is_running(folder.pid("own0")));
  CHECK(is_running(folder.pid("kept")));
  std::ofstream(folder.path + "/go") << "go";
  other.join();
  CHECK(!is_running(folder.pid("kept")));
}

TEST_CASE("a daemon that takes its tag off ends with its node, or with the last node that can have started it") {
  const Folder folder;
  const auto runner = make_process_runner();
  // Of dash, which has no `ulimit -x`.
  const auto daemon = [&](const std::string& name) {
    return "bash -c '" + std::string("(ulimit -S -x unlimited; exec setsid sleep 30) >/dev/null 2>&1 </dev/null & ") +
           "echo $! >" + folder.path + "/" + name + "'; sleep 0.1; ";
  };
  std::thread other([&] {
    CHECK(runner->run(shell(daemon("kept") + "until test -e " + folder.path + "/go; do sleep 0.01; done"))->exit_code ==
          0);
  });
  wait_until([&] { return folder.has("kept"); });
  REQUIRE(runner->run(shell(daemon("own")))->exit_code == 0);
  CHECK(is_running(folder.pid("kept")));
  std::ofstream(folder.path + "/go") << "go";
  other.join();
  CHECK(!is_running(folder.pid("kept")));
  CHECK(!is_running(folder.pid("own")));
}

TEST_CASE("nothing is left when all is over, and what was there before is") {
  const Folder folder;
  pid_t before = 0;
  const char* argv[] = {"sleep", "30", nullptr};
  REQUIRE(::posix_spawn(&before, "/bin/sleep", nullptr, nullptr, const_cast<char**>(argv), nullptr) == 0);
  {
    const auto runner = make_process_runner();
    CHECK(runner->end_all().empty());
    REQUIRE(runner->run(shell(folder.daemon("daemon"))));
    CHECK(runner->end_all().empty());
    CHECK(!is_running(folder.pid("daemon")));
    REQUIRE(runner->run(shell("true")));  // one may follow
  }
  CHECK(is_running(before));
  ::kill(before, SIGKILL);
  ::waitpid(before, nullptr, 0);
}

TEST_CASE("a process that was there before is none of ours") {
  pid_t before = 0;
  const char* argv[] = {"sleep", "30", nullptr};
  REQUIRE(::posix_spawn(&before, "/bin/sleep", nullptr, nullptr, const_cast<char**>(argv), nullptr) == 0);
  {
    const auto runner = make_process_runner();
    REQUIRE(runner->run(shell("true")));
  }
  CHECK(is_running(before));
  ::kill(before, SIGKILL);
  ::waitpid(before, nullptr, 0);
}

TEST_CASE("what a process that was told to end has started may finish its work within the grace period") {
  const Folder folder;
  const std::string tidy = "trap \"sleep 0.3; echo tidy >>" + folder.path + "/log; exit\" TERM; echo $$ >" +
                           folder.path + "/%; while :; do sleep 0.01; done";
  const auto with = [&](std::string name) { return std::string(tidy).replace(tidy.find('%'), 1, name); };
  const auto runner = make_process_runner({.grace_ms = 10'000});
  std::thread stopper([&] {
    wait_until([&] { return folder.has("child") && folder.has("far"); });
    runner->stop(ProcessRunner::Stop::terminate);
  });
  const auto result = runner->run(
      shell("sh -c '" + with("child") + "' & (setsid sh -c '" + with("far") + "' &) ; while :; do sleep 1; done"));
  stopper.join();
  REQUIRE(result);
  CHECK(result->end == ProcessEnd::cancelled);
  std::ifstream log(folder.path + "/log");
  std::string first;
  std::string second;
  log >> first >> second;
  CHECK(first + second == "tidytidy");  // the one in the group, and the one that left it
  CHECK(!is_running(folder.pid("child")));
  CHECK(!is_running(folder.pid("far")));
}

TEST_CASE("a daemon that does not listen to TERM gets KILL when the time is over") {
  const Folder folder;
  const auto runner = make_process_runner({.grace_ms = 150});
  ProcessSpec spec = shell(folder.daemon("deaf", "trap \"\" TERM; while :; do sleep 1; done") + "sleep 30");
  spec.timeout_ms = 500;
  const auto started = std::chrono::steady_clock::now();
  const auto result = runner->run(spec);
  REQUIRE(result);
  CHECK(result->end == ProcessEnd::timed_out);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(10));
  CHECK(!is_running(folder.pid("deaf")));
}

TEST_CASE("a second stop does not wait for the grace period") {
  const auto runner = make_process_runner({.grace_ms = 60'000});
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    runner->stop(ProcessRunner::Stop::terminate);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    runner->stop(ProcessRunner::Stop::kill);
  });
  const auto started = std::chrono::steady_clock::now();
  const auto result = runner->run(shell("trap '' TERM; while :; do sleep 1; done"));
  stopper.join();
  REQUIRE(result);
  CHECK(result->end == ProcessEnd::cancelled);
  CHECK(result->exit_code == 137);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(10));
}

TEST_CASE("a descendant that writes without end does not hold up the end") {
  const auto runner = make_process_runner();
  const auto result = runner->run(shell("setsid yes & sleep 0.02"));
  REQUIRE(result);
  CHECK(result->exit_code == 0);
}

TEST_CASE("signals that trilock was told to ignore are not ignored by what it runs") {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGHUP, &ignore, &before);
  const auto runner = make_process_runner();
  const auto result = runner->run(shell("kill -HUP $$; sleep 5"));
  ::sigaction(SIGHUP, &before, nullptr);
  REQUIRE(result);
  CHECK(result->exit_code == 128 + SIGHUP);
}

TEST_CASE("exit codes are learnt also where trilock was told to ignore the end of its children") {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  const auto result = make_process_runner()->run(shell("exit 3"));
  ::sigaction(SIGCHLD, &before, nullptr);
  REQUIRE(result);
  CHECK(result->exit_code == 3);
}

TEST_CASE("a process that closes its output is waited for until it ends") {
  const auto runner = make_process_runner();
  const auto result = runner->run(shell("exec >&- 2>&-; sleep 0.05; exit 3"));
  REQUIRE(result);
  CHECK(result->exit_code == 3);
  CHECK(result->duration_ms >= 50);
}

TEST_CASE("a process that leaves its output to a silent descendant is not waited for longer than it takes") {
  const auto runner = make_process_runner();
  const auto started = std::chrono::steady_clock::now();
  const auto result = runner->run(shell("setsid sleep 30 & exit 3"));
  REQUIRE(result);
  CHECK(result->exit_code == 3);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(10));
}

TEST_CASE("a process runs in its directory, whether trilock is there as well or not") {
  const auto runner = make_process_runner();
  for (const std::string& dir : {std::filesystem::current_path().string(), std::string("/usr")}) {
    ProcessSpec spec = shell("pwd -P");
    spec.dir = dir;
    const auto result = runner->run(spec);
    REQUIRE(result);
    CHECK(result->out == std::filesystem::canonical(dir).string() + "\n");
  }
}

TEST_CASE("a pause ends by itself, and at once when there is a stop") {
  const auto runner = make_process_runner();
  CHECK(runner->pause(1));
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    runner->stop(ProcessRunner::Stop::terminate);
  });
  const auto started = std::chrono::steady_clock::now();
  CHECK(!runner->pause(60'000));
  stopper.join();
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(10));
  CHECK(!runner->pause(60'000));
}

TEST_CASE("what must happen before the first process happens once, and can refuse them all") {
  int called = 0;
  const auto runner = make_process_runner({.before_first = [&]() -> Status {
    ++called;
    return fail(ErrorKind::no_space, "no room for the journal");
  }});
  for (int i = 0; i < 2; ++i) {
    const auto result = runner->run(shell("true"));
    REQUIRE(!result);
    CHECK(result.error().message == "no room for the journal");
  }
  CHECK(called == 1);
}

TEST_CASE("executables are looked up as a shell does, but never in relative entries of PATH") {
  CHECK(find_executable("sh", "/nonexistent:/bin", "/") == "/bin/sh");
  CHECK(find_executable("sh", ".:bin", "/") == "");
  CHECK(find_executable("./sh", "", "/bin") == "/bin/./sh");
  CHECK(find_executable("/bin/sh", "", "/") == "/bin/sh");
  CHECK(find_executable("etc", "/", "/") == "");
  CHECK(find_executable("", "/bin", "/") == "");
}
