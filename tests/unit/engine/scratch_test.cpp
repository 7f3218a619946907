// Where old outputs are while their node runs.
#include "engine/scratch.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;

namespace {

using Paths = std::vector<std::string>;

struct Scene {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  std::optional<Scratch> scratch;
  Scene() {
    disk.put("/w/out/file", "old");
    disk.put("/w/out/tree/a/b", "old");
    scratch.emplace(tree, "/w/.trilock/tmp/1-2");
  }
  Status set_aside(Paths outputs) {
    std::vector<OutputSpec> specs;
    for (std::string& path : outputs) specs.push_back({.name = {}, .path = std::move(path), .place = {}});
    return scratch->set_aside(specs);
  }
  [[nodiscard]] Paths below_state() const {
    Paths found;
    for (const std::string& path : disk.paths())
      if (path.starts_with("/w/.trilock/tmp/")) found.push_back(path);
    return found;
  }
};

}  // namespace

TEST_CASE("scratch: old outputs are kept beside the directory, which is not made for them, and go with it") {
  Scene scene;
  REQUIRE(scene.set_aside({"out/file", "out/tree", "new/deep/file"}));
  CHECK_FALSE(scene.disk.has("/w/out/file"));
  CHECK_FALSE(scene.disk.has("/w/out/tree"));
  CHECK(scene.disk.has("/w/new/deep"));
  CHECK(scene.below_state() == Paths{"/w/.trilock/tmp/1-2.old-0", "/w/.trilock/tmp/1-2.old-1",
                                     "/w/.trilock/tmp/1-2.old-1/a", "/w/.trilock/tmp/1-2.old-1/a/b"});
  scene.disk.put("/w/out/file", "new");
  scene.scratch.reset();
  CHECK(scene.disk.content("/w/out/file") == "new");
  CHECK(scene.below_state().empty());
}

TEST_CASE("scratch: what is brought back takes the place of whatever is there by then") {
  Scene scene;
  REQUIRE(scene.set_aside({"out/file", "out/tree", "new/file"}));
  scene.disk.put("/w/out/file/under", "half");
  scene.disk.put("/w/out/tree/c", "half");
  scene.disk.put("/w/new/file", "half");
  REQUIRE(scene.scratch->bring_back());
  CHECK(scene.disk.content("/w/out/file") == "old");
  CHECK(scene.disk.content("/w/out/tree/a/b") == "old");
  CHECK_FALSE(scene.disk.has("/w/out/tree/c"));
  CHECK_FALSE(scene.disk.has("/w/new/file"));
  scene.scratch.reset();
  CHECK(scene.disk.content("/w/out/file") == "old");
  CHECK(scene.below_state().empty());
}

TEST_CASE("scratch: an output that cannot be moved is cleared") {
  Scene scene;
  scene.disk.put_directory("/w/.trilock/tmp");
  scene.disk.fail_write(1, EBUSY);
  REQUIRE(scene.set_aside({"out/tree"}));
  CHECK_FALSE(scene.disk.has("/w/out/tree"));
  CHECK(scene.below_state().empty());
  scene.disk.put("/w/out/tree/c", "half");
  REQUIRE(scene.scratch->bring_back());
  CHECK_FALSE(scene.disk.has("/w/out/tree"));
}

TEST_CASE("scratch: where old outputs cannot go, they stay and the node fails") {
  Scene scene;
  scene.disk.fail_write(2, ENOSPC);  // the first is the move that finds no directory
  const Status aside = scene.set_aside({"out/file"});
  REQUIRE_FALSE(aside);
  CHECK(aside.error().kind == ErrorKind::no_space);
  CHECK(scene.disk.content("/w/out/file") == "old");
}
