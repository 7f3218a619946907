#include "engine/survivors.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cache/boot.hpp"
#include "engine/action_cgroups.hpp"
#include "engine/process.hpp"
#include "tests/support/process_folder.hpp"

using namespace trilock;
using namespace trilock::test;

TEST_CASE("survivors of a dead run are found by their tag and ended, with TERM first; others are left") {
  // The run that is killed is this test in a process of its own.
  if (const char* where = std::getenv("TRILOCK_TEST_DEAD_RUN")) {
    const Folder folder(where);
    const auto runner = make_process_runner({.brands = {std::stoull(std::getenv("TRILOCK_TEST_BRAND"))}});
    (void)runner->run(shell(
        folder.daemon("polite", "trap \"echo $$ >" + folder.path + "/bye; exit\" TERM; while :; do sleep 0.01; done") +
        folder.daemon("deaf", "trap \"\" TERM; while :; do sleep 0.01; done") + "sleep 30"));
    FAIL("the run was not killed");
  }
  const Folder folder;
  const Brands brands = new_brands();
  const std::string place = "TRILOCK_TEST_DEAD_RUN=" + folder.path;
  const std::string brand = "TRILOCK_TEST_BRAND=" + std::to_string(brands.first);
  const char* argv[] = {"test", "--test-case=survivors of a dead run*", nullptr};
  const char* env[] = {place.c_str(), brand.c_str(), nullptr};
  pid_t dead = 0;
  REQUIRE(::posix_spawn(&dead, "/proc/self/exe", nullptr, nullptr, const_cast<char**>(argv), const_cast<char**>(env)) ==
          0);
  wait_until([&] { return folder.has("polite") && folder.has("deaf"); });
  const std::uint64_t started = facts_of(dead)->started;
  ::kill(dead, SIGKILL);
  ::waitpid(dead, nullptr, 0);
  const pid_t polite = folder.pid("polite");
  const pid_t deaf = folder.pid("deaf");
  CHECK(is_running(polite));
  const auto end = [](std::vector<DeadRun> runs, std::uint64_t grace_ms) {
    const SurvivorReport report = end_survivors(runs, grace_ms);
    CHECK(report.left.empty());
    return report.ended;
  };
  CHECK(end({}, 100).empty());
  CHECK(end({{new_brands(), dead, 1}}, 100).empty());
  // Not by what is no range of this program, nor what was there before the run.
  CHECK(end({{{brands.first + 1}, dead, 1}, {{0}, dead, 1}, {{~std::uint64_t{0} << 24}, dead, 1}}, 100).empty());
  const std::uint64_t later = facts_of(deaf)->started + 100'000;
  CHECK(end({{brands, dead, later}}, 100).empty());
  CHECK(is_running(polite));

  const std::vector<DeadRun> runs{{brands, dead, started}};
  const std::vector<Survivor> ended = end(runs, 500);
  CHECK(ended.size() >= 2);
  for (const pid_t pid : {polite, deaf}) {
    CHECK(std::any_of(ended.begin(), ended.end(), [&](const Survivor& s) { return s.pid == pid && s.name == "sh"; }));
    CHECK(!is_running(pid));
  }
  CHECK(folder.has("bye"));
  CHECK(end(runs, 100).empty());
}

TEST_CASE("a process that has a tag of a dead run, and was there before it, is left") {
  pid_t bystander = 0;
  const char* argv[] = {"sleep", "30", nullptr};
  REQUIRE(::posix_spawn(&bystander, "/bin/sleep", nullptr, nullptr, const_cast<char**>(argv), nullptr) == 0);
  const Brands brands = new_brands();
  const rlimit locks{.rlim_cur = brands.first + 7, .rlim_max = RLIM_INFINITY};
  REQUIRE(::prlimit(bystander, RLIMIT_LOCKS, &locks, nullptr) == 0);
  const std::vector<DeadRun> runs{{brands, 1, facts_of(bystander)->started + 1}};
  CHECK(end_survivors(runs, 10).ended.empty());
  CHECK(is_running(bystander));
  ::kill(bystander, SIGKILL);
  ::waitpid(bystander, nullptr, 0);
}

TEST_CASE("facts of processes: names may hold anything") {
  const auto facts = parse_facts("12 (a) R (b) S 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987 1 2\n");
  REQUIRE(facts);
  CHECK(facts->name == "a) R (b");
  CHECK(facts->state == 'S');
  CHECK(facts->started == 987);
  CHECK(!parse_facts("12 (a"));
  CHECK(!parse_facts(""));
  CHECK(!parse_facts("12 )a( "));
  CHECK(parse_facts("12 (a) Z")->started == 0);
  CHECK(facts_of(::getpid())->started > 0);
  CHECK(real_user_of(::getpid()) == ::getuid());
  CHECK(current_boot().id.size() == 36);
}

TEST_CASE("the cgroup of this process: where it is mounted, as far as it can be seen") {
  const std::string unified =
      "25 20 0:5 / /proc rw - proc proc rw\n30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
  CHECK(cgroup_directory(unified, "0::/\n") == "/sys/fs/cgroup");
  CHECK(cgroup_directory(unified, "0::/user.slice/a.scope\n") == "/sys/fs/cgroup/user.slice/a.scope");
  CHECK(cgroup_directory(unified, "3:cpu:/x\n0::/y\n") == "/sys/fs/cgroup/y");
  CHECK(cgroup_directory(unified, "3:cpu:/x\n").empty());
  CHECK(cgroup_directory(unified, "0::/../x\n").empty());  // outside the cgroup namespace
  CHECK(cgroup_directory("30 20 0:26 / /sys rw - cgroup cgroup rw,cpu\n", "0::/y\n").empty());
  const std::string part = "30 20 0:26 /docker/ab /sys/fs/cgroup ro shared:9 - cgroup2 cgroup rw\n";
  CHECK(cgroup_directory(part, "0::/docker/ab\n") == "/sys/fs/cgroup");
  CHECK(cgroup_directory(part, "0::/docker/ab/c\n") == "/sys/fs/cgroup/c");
  CHECK(cgroup_directory(part, "0::/docker/abc\n").empty());
  CHECK(cgroup_directory("", "").empty());
  CHECK(cgroup_directory("30 - cgroup2", "0::/").empty());
  CHECK(cgroup_prefix(std::uint64_t{1} << 62) == "trilock-4000000000000000-");
}
