// What a forecast claims of nodes behind others that would run, and what the run then does.
#include "engine/foresight.hpp"

#include <doctest/doctest.h>

#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

namespace {

// "a: run, b: may run if command.a comes out different, c: nothing", without the rule in front of labels.
std::string foretold(MemoryBuild& build, RunOptions options = {}, std::vector<std::string> labels = {}) {
  constexpr std::string_view words[] = {"nothing", "restore", "run", "skip", "fail"};
  std::string text;
  const std::vector<Forecast> forecasts = build.look(std::move(options), std::move(labels));
  for (std::size_t i = 0; i < forecasts.size(); ++i) {
    if (i > 0) text += ", ";
    text += build.looked_at[i].substr(8) + ": ";
    text += forecasts[i].open ? "may run " + forecasts[i].open->short_because
                              : std::string(words[static_cast<std::size_t>(forecasts[i].decision.next)]);
  }
  return text;
}

std::string because(MemoryBuild& build, const std::string& label) {
  const std::vector<Forecast> forecasts = build.look({}, {label});
  return forecasts.back().open ? forecasts.back().open->because : "";
}

void pipeline(MemoryBuild& build, std::string_view text) {
  build.disk.put("/w/trilock.toml", text);
  build.disk.put("/w/a.txt", "1");
  build.disk.put("/w/b.txt", "1");
}

// `a` makes one of three texts, so that a change of its input may be none of its output.
constexpr std::string_view three = R"(
[command.a]
run = ["true", "lossy", "out/a", "salt", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/a"]
[command.b]
run = ["true", "out/b", "${command.a.out}", "b.txt"]
inputs = ["b.txt"]
outputs = ["out/b"]
[command.c]
run = ["true", "out/c", "out/b"]
needs = ["command.b"]
outputs = ["out/c"]
)";

}  // namespace

TEST_CASE("what comes behind a node that would run may run; the nearest one and the reason are named") {
  MemoryBuild build;
  pipeline(build, three);
  REQUIRE(build.run() == 0);
  CHECK(foretold(build) == "a: nothing, b: nothing, c: nothing");
  build.disk.put("/w/a.txt", "2");
  CHECK(foretold(build) ==
        "a: run, b: may run if command.a comes out different, c: may run if command.b comes out different");
  CHECK(because(build, "command.b") == "command.a, to which it refers, would run: input a.txt: content changed");
  CHECK(because(build, "command.c") ==
        "command.b, which it needs, may run, since command.a would run: input a.txt: content changed");
}

TEST_CASE("a node with a change of its own would run whatever comes before it") {
  MemoryBuild build;
  pipeline(build, three);
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "2");
  build.disk.put("/w/b.txt", "2");
  CHECK(foretold(build) == "a: run, b: run, c: may run if command.b comes out different");
  build.disk.put("/w/b.txt", "1");
  CHECK(foretold(build, {.force = true}, {"command.b"}) == "a: run, b: run");
}

TEST_CASE("a first run runs all; where a cache has results, only what has no other before it is sure to") {
  MemoryBuild build;
  pipeline(build, three);
  CHECK(foretold(build) == "a: run, b: run, c: run");
  REQUIRE(build.run() == 0);
  build.forget_state();
  CHECK(foretold(build) == "a: restore, b: restore, c: restore");
  build.disk.put("/w/a.txt", "2");
  CHECK(foretold(build) ==
        "a: run, b: may run no earlier result here, and a cache may have one once command.a has run, "
        "c: may run no earlier result here, and a cache may have one once command.b has run");
  REQUIRE(build.run() == 0);
  CHECK(build.ran.front() == "command.a");
}

TEST_CASE("nodes that are new in a workspace would run") {
  MemoryBuild build;
  pipeline(build, three);
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "2");
  pipeline(build, std::string(three) +
                      "[command.d]\nrun = [\"true\", \"out/d\"]\noutputs = [\"out/d\"]\n"
                      "[command.e]\nrun = [\"true\", \"out/e\", \"${command.d.out}\"]\noutputs = [\"out/e\"]\n");
  CHECK(foretold(build) == "a: nothing, b: nothing, c: nothing, d: run, e: run");
}

TEST_CASE("a node that is never cached would run behind any other") {
  MemoryBuild build;
  pipeline(build, std::string(three) + "cache = false\n");
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "2");
  CHECK(foretold(build) == "a: run, b: may run if command.a comes out different, c: run");
}

TEST_CASE("order only: nothing is open, unless the node reads what the other one makes") {
  MemoryBuild build;
  const std::string_view text = R"(
[command.a]
run = ["true", "out/a", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/a"]
[command.order]
run = ["true", "out/order", "b.txt"]
inputs = ["b.txt", "src/**/*.c"]
after = ["command.a"]
outputs = ["out/order"]
[command.path]
run = ["true", "out/path", "out/a"]
inputs = ["out/a"]
after = ["command.a"]
outputs = ["out/path"]
[command.glob]
run = ["true", "out/glob", "out/a"]
inputs = ["out/a*", "!out/ab"]
after = ["command.order"]
outputs = ["out/glob"]
[command.less]
run = ["true", "out/less", "b.txt"]
inputs = ["b.txt", "out/a*", "!out/a"]
after = ["command.a"]
outputs = ["out/less"]
)";
  pipeline(build, text);
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "2");
  CHECK(foretold(build) ==
        "a: run, order: nothing, path: may run if command.a comes out different, glob: may run if command.a comes out "
        "different, less: nothing");
  CHECK(because(build, "command.glob") == "command.a, whose output it reads, would run: input a.txt: content changed");
}

TEST_CASE("outputs that would be restored: who gets them by reference is decided, who reads the files may run") {
  MemoryBuild build;
  const std::string_view text = R"(
[command.a]
run = ["true", "out/a", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/a"]
[command.b]
run = ["true", "out/b", "${command.a.out}"]
outputs = ["out/b"]
[command.c]
run = ["true", "out/c", "out/a"]
inputs = ["out/a"]
after = ["command.a"]
outputs = ["out/c"]
)";
  pipeline(build, text);
  REQUIRE(build.run() == 0);
  REQUIRE(build.disk.remove("/w/out/a"));
  CHECK(foretold(build) == "a: restore, b: nothing, c: may run once command.a is restored");
  REQUIRE(build.run() == 0);
  CHECK(build.ran.empty());
}

TEST_CASE("a condition over a value that may come out different leaves the node open, and all behind it") {
  MemoryBuild build;
  const std::string_view text = R"(
[command.a]
run = ["true", "out/a", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/a"]
[command.b]
run = ["true", "out/b", "b.txt"]
inputs = ["b.txt"]
when = "${command.a.key} != \"x\""
outputs = ["out/b"]
[command.c]
run = ["true", "out/c", "b.txt"]
inputs = ["b.txt"]
after = ["command.b"]
outputs = ["out/c"]
)";
  pipeline(build, text);
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "2");
  build.disk.put("/w/b.txt", "2");
  CHECK(foretold(build) ==
        "a: run, b: may run if command.a comes out different, c: may run if command.b comes out different");
}

TEST_CASE("what a depfile named may be what another node makes anew") {
  MemoryBuild build;
  const std::string_view text = R"(
[command.a]
run = ["true", "out/a", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/a"]
[command.b]
run = ["true", "scan", "out/b", "tmp/b.d", "b.txt"]
inputs = ["b.txt"]
after = ["command.a"]
depfile = "tmp/b.d"
outputs = ["out/b"]
)";
  pipeline(build, text);
  build.disk.put("/w/b.txt", "include out/a\n");
  REQUIRE(build.run() == 0);
  build.disk.put("/w/a.txt", "2");
  CHECK(foretold(build) == "a: run, b: may run if command.a comes out different");
}
