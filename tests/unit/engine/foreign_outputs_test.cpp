// Files at outputs that no result made. What git says of them is in tests/integration/52-spared.sh.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/memory_build.hpp"

using namespace trilock;
using namespace trilock::test;

namespace {

constexpr std::string_view one = R"(
[command.a]
run = ["true", "out/a", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/a"]
)";

struct Scene {
  MemoryBuild build;
  MemoryDisk& disk = build.disk;
  explicit Scene(std::string_view pipeline = one) {
    disk.put("/w/trilock.toml", pipeline);
    disk.put("/w/a.txt", "A");
  }
  int run(RunOptions options = {}) { return build.run(options); }
  [[nodiscard]] std::string displaced(const std::string& path) const {
    return disk.content("/w/.trilock/displaced/" + path);
  }
};

}  // namespace

TEST_CASE("foreign: a file that no result made stops its node before the command") {
  Scene scene;
  scene.disk.put("/w/out/a", "by hand");
  CHECK(scene.run() == 1);
  CHECK(scene.build.processes == 0);
  CHECK(scene.build.reports.at("command.a").reason == "no run made `out/a`, and it would be lost");
  CHECK(scene.disk.content("/w/out/a") == "by hand");

  CHECK(scene.run({.overwrite = true}) == 0);
  CHECK(scene.disk.content("/w/out/a") == "a.txt(A)");
  CHECK(scene.displaced("out/a") == "by hand");
  CHECK(scene.build.warnings ==
        std::vector<std::string>{"command.a: no run made `out/a`, which is now `.trilock/displaced/out/a`"});

  scene.disk.put("/w/out/a", "again");
  CHECK(scene.run() == 1);
  CHECK(scene.build.reports.at("command.a").reason == "no run made `out/a`, and it would be lost");
  CHECK(scene.run({.overwrite = true}) == 0);
  CHECK(scene.build.outcome("command.a") == Outcome::restored);
  CHECK(scene.displaced("out/a") == "by hand");
  CHECK(scene.displaced("out/a.~1~") == "again");
}

TEST_CASE("foreign: what a failure brings back, a later run is still asked about") {
  Scene scene("[command.a]\nrun = [\"true\", \"fail\"]\noutputs = [\"out/a\"]\n");
  scene.disk.put("/w/out/a", "by hand");
  CHECK(scene.run({.overwrite = true}) == 1);
  CHECK(scene.build.processes == 1);
  CHECK(scene.disk.content("/w/out/a") == "by hand");
  CHECK(scene.displaced("out/a").empty());
}

TEST_CASE("foreign: what is known from the state, from the cache, or has no bytes is nobody else's") {
  Scene scene;
  REQUIRE(scene.run() == 0);
  scene.disk.put("/w/a.txt", "B");
  SUBCASE("the state is lost") {
    scene.build.forget_state();
  }
  SUBCASE("the cache is lost") {
    scene.disk.erase("/cache");
  }
  SUBCASE("the node has another name") {
    scene.disk.erase("/cache");
    std::string renamed(one);
    scene.disk.put("/w/trilock.toml", renamed.replace(renamed.find("command.a"), 9, "command.z"));
  }
  SUBCASE("nothing is in it") {
    scene.build.forget_state();
    scene.disk.put("/w/out/a", "");
  }
  SUBCASE("another mode") {
    static_cast<void>(scene.disk.set_mode("/w/out/a", 0600));
  }
  CHECK(scene.run() == 0);
  CHECK(scene.build.warnings.empty());
  CHECK(scene.disk.content("/w/out/a") == "a.txt(B)");
}

TEST_CASE("foreign: with neither state nor cache nobody knows it") {
  Scene scene;
  REQUIRE(scene.run() == 0);
  scene.build.forget_state();
  scene.disk.erase("/cache");
  CHECK(scene.run() == 1);
  CHECK(scene.disk.content("/w/out/a") == "a.txt(A)");
}

TEST_CASE("foreign: a result that is kept nowhere is remembered as made") {
  Scene scene(std::string(one) + "cache = false\n");
  for (const char* content : {"A", "B", "C"}) {
    scene.disk.put("/w/a.txt", content);
    CHECK(scene.run() == 0);
    CHECK(scene.build.warnings.empty());
  }
  scene.disk.put("/w/out/a", "by hand");
  CHECK(scene.run() == 1);
}

TEST_CASE("foreign: a fifo is no place for an output") {
  Scene scene;
  scene.disk.put_fifo("/w/out/a");
  CHECK(scene.run() == 1);
  CHECK(scene.build.processes == 0);
  CHECK(scene.build.reports.at("command.a").reason == "the output `out/a` is a device, socket or fifo");
  CHECK(scene.run({.overwrite = true}) == 1);
}
