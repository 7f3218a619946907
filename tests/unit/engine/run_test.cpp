// Whole runs in memory: what runs, what is left alone, what is restored, and why.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

namespace {

constexpr std::string_view chain = R"(
[command.first]
run = ["true", "out/1", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/1"]

[command.second]
run = ["true", "out/2", "${command.first.out}", "b.txt"]
inputs = ["b.txt"]
outputs = ["out/2"]

[command.other]
run = ["true", "out/3", "b.txt"]
inputs = ["b.txt"]
outputs = ["out/3"]
)";

void put_chain(MemoryBuild& build) {
  build.disk.put("/w/trilock.toml", chain);
  build.disk.put("/w/a.txt", "A");
  build.disk.put("/w/b.txt", "B");
}

using Labels = std::vector<std::string>;

Labels sorted(Labels labels) {
  std::sort(labels.begin(), labels.end());
  return labels;
}

}  // namespace

TEST_CASE("the first run runs everything, the second nothing") {
  MemoryBuild build;
  put_chain(build);
  CHECK(build.run() == 0);
  CHECK(build.findings == "");
  CHECK(sorted(build.ran) == Labels{"command.first", "command.other", "command.second"});
  CHECK(build.disk.content("/w/out/2") == "out/1(a.txt(A))b.txt(B)");

  CHECK(build.run() == 0);
  CHECK(build.ran.empty());
  CHECK(build.outcome("command.second") == Outcome::unchanged);

  // Outputs were hashed in the tick in which they were written, so their digests were first remembered by that run.
  build.disk.clear_log();
  CHECK(build.run() == 0);
  for (const std::string& path : build.disk.reads()) CHECK(path == "/w/trilock.toml");
}

TEST_CASE("a change runs what depends on it, and no more") {
  MemoryBuild build;
  put_chain(build);
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "A2");
  CHECK(build.run() == 0);
  CHECK(build.ran == Labels{"command.first", "command.second"});
  CHECK(build.reports["command.first"].reason == "input a.txt: content changed");

  SUBCASE("touching is no change") {
    build.disk.put("/w/a.txt", "A2");
    CHECK(build.run() == 0);
    CHECK(build.ran.empty());
  }
  SUBCASE("going back restores what was built before") {
    build.disk.put("/w/a.txt", "A");
    CHECK(build.run() == 0);
    CHECK(build.ran.empty());
    CHECK(build.outcome("command.first") == Outcome::restored);
    CHECK(build.disk.content("/w/out/2") == "out/1(a.txt(A))b.txt(B)");
  }
  SUBCASE("without state, what the cache has is restored") {
    build.forget_state();
    build.disk.erase("/w/out");
    CHECK(build.run() == 0);
    CHECK(build.ran.empty());
    CHECK(build.outcome("command.second") == Outcome::restored);
    CHECK(build.disk.content("/w/out/1") == "a.txt(A2)");
  }
  SUBCASE("a missing output is put back, a changed one as well where that is wanted") {
    build.disk.erase("/w/out/1");
    build.disk.put("/w/out/3", "by hand");
    CHECK(build.run({.keep_going = true}) == 1);
    CHECK(build.disk.content("/w/out/3") == "by hand");
    build.disk.erase("/w/out/1");
    CHECK(build.run({.overwrite = true}) == 0);
    CHECK(build.ran.empty());
    CHECK(build.outcome("command.first") == Outcome::restored);
    CHECK(build.outcome("command.second") == Outcome::unchanged);
    CHECK(build.disk.content("/w/out/3") == "b.txt(B)");
  }
  SUBCASE("a missing output that the cache lost as well is made again") {
    build.disk.erase("/w/out/1");
    build.disk.erase("/cache");
    CHECK(build.run() == 0);
    CHECK(build.ran == Labels{"command.first"});
    CHECK(build.reports["command.first"].reason == "`out/1` is missing");
  }
}

TEST_CASE("early cutoff: an output that comes out the same ends the change") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", R"(
[command.first]
run = ["true", "out/1", "a.txt"]
inputs = ["a.txt", "comment.txt"]
outputs = ["out/1"]
[command.second]
run = ["true", "out/2", "${command.first.out}"]
outputs = ["out/2"]
[command.third]
run = ["true", "out/3", "x"]
needs = ["command.first"]
outputs = ["out/3"]
)");
  build.disk.put("/w/a.txt", "A");
  build.disk.put("/w/comment.txt", "1");
  REQUIRE(build.run() == 0);
  build.disk.put("/w/comment.txt", "2");
  CHECK(build.run() == 0);
  CHECK(build.ran == Labels{"command.first"});
}

TEST_CASE("a failure leaves state and outputs as they were and skips what depends on it") {
  MemoryBuild build;
  put_chain(build);
  REQUIRE(build.run() == 0);
  std::string failing(chain);
  failing.replace(failing.find("\"out/1\", \"a.txt\""), 8, "\"fail\", ");
  build.disk.put("/w/trilock.toml", failing);
  CHECK(build.run({.keep_going = true}) == 1);
  CHECK(build.outcome("command.first") == Outcome::failed);
  CHECK(build.reports["command.first"].err == "told to fail\n");
  CHECK(build.reports["command.second"].reason == "command.first failed");
  CHECK(build.outcome("command.other") == Outcome::unchanged);
  CHECK(build.disk.content("/w/out/1") == "a.txt(A)");
  build.disk.put("/w/trilock.toml", chain);
  CHECK(build.run() == 0);
  CHECK(build.ran.empty());
}

TEST_CASE("an output that was promised and not made is a failure") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", "[command.a]\nrun = [\"true\", \"out/1\"]\noutputs = [\"out/1\", \"out/2\"]\n");
  CHECK(build.run() == 1);
  CHECK(build.reports["command.a"].reason.find("`out/2`") != std::string::npos);
  CHECK(!build.disk.has("/w/out/1"));
}

TEST_CASE("an input that changes while the node runs: the result is used but not kept") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml",
                 "[command.a]\nrun = [\"true\", \"out/1\", \"a.txt\"]\ninputs = [\"a.txt\"]\noutputs = [\"out/1\"]\n");
  build.disk.put("/w/a.txt", "A");
  build.before_process = [&](const auto&) {
    build.disk.next_tick();
    build.disk.put("/w/a.txt", "A2");
  };
  CHECK(build.run() == 0);
  REQUIRE(build.warnings.size() == 1);
  CHECK(build.warnings[0] == "`a.txt` changed while command.a ran: its result is used now but not kept");
  build.before_process = nullptr;
  CHECK(build.run() == 0);
  CHECK(build.ran == Labels{"command.a"});
  CHECK(build.disk.content("/w/out/1") == "a.txt(A2)");
}

TEST_CASE("force runs the named node, and what it changes nothing for stays") {
  MemoryBuild build;
  put_chain(build);
  REQUIRE(build.run() == 0);
  CHECK(build.run({.force = true}, {"command.first"}) == 0);
  CHECK(build.ran == Labels{"command.first"});
  CHECK(build.run() == 0);
  CHECK(build.ran.empty());
}

TEST_CASE("`cache = false` runs every time; `when` decides by value") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", R"(
[vars]
os = "linux"
[command.always]
run = ["true", "out/1"]
outputs = ["out/1"]
cache = false
[command.never]
run = ["true", "out/2"]
outputs = ["out/2"]
when = '${var.os} == "plan9"'
)");
  CHECK(build.run() == 0);
  CHECK(build.run() == 0);
  CHECK(build.ran == Labels{"command.always"});
  CHECK(build.outcome("command.never") == Outcome::skipped);
  CHECK(build.reports["command.never"].reason == "`when` does not hold: \"linux\" == \"plan9\"");
}

TEST_CASE("a cache that cannot be written warns and fails nothing") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", "[command.a]\nrun = [\"true\", \"out/1\"]\noutputs = [\"out/1\"]\n");
  build.disk.put("/cache", "a file where the directory should be");
  CHECK(build.run() == 0);
  CHECK(build.warnings.size() == 1);
  CHECK(build.run() == 0);
  CHECK(build.ran.empty());
}

TEST_CASE("a forecast says what would run and changes nothing") {
  MemoryBuild build;
  put_chain(build);
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "A2");
  const std::size_t writes = build.disk.writes();
  const auto forecasts = build.look();
  REQUIRE(forecasts.size() == 3);
  CHECK(forecasts[0].decision.next == Next::run);
  CHECK(forecasts[0].decision.reason == "input a.txt: content changed");
  CHECK(forecasts[1].open->label == "command.first");
  CHECK(forecasts[2].decision.next == Next::nothing);
  CHECK(build.disk.writes() == writes);
}

TEST_CASE("two nodes that run the same thing and make no file both run") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", "[command.a]\nrun = [\"true\"]\n[command.b]\nrun = [\"true\"]\n");
  CHECK(build.run() == 0);
  CHECK(sorted(build.ran) == Labels{"command.a", "command.b"});
  CHECK(build.run() == 0);
  CHECK(build.ran.empty());
}
