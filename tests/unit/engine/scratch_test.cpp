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
    return scratch->set_aside(specs, "command.x");
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
  scene.scratch->accept();
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

TEST_CASE("scratch: what is on a mount point is copied before it goes, and comes back as it was") {
  Scene scene;
  scene.disk.put_mount("/w/out/tree");
  scene.disk.put("/w/out/tree/a/b", "old");
  scene.disk.put("/w/out/tree/tool", "old", 0755);
  scene.disk.put_symlink("/w/out/tree/link", "a/b");
  REQUIRE(scene.set_aside({"out/tree"}));
  CHECK(scene.scratch->kept("out/tree/a/b") == "/w/.trilock/tmp/1-2.old-0/a/b");
  CHECK(scene.disk.content("/w/.trilock/tmp/1-2.old-0/a/b") == "old");
  CHECK_FALSE(scene.disk.has("/w/out/tree/a"));
  scene.disk.put("/w/out/tree/c", "half");
  REQUIRE(scene.scratch->bring_back());
  CHECK(scene.disk.content("/w/out/tree/a/b") == "old");
  CHECK(scene.disk.stat("/w/out/tree/tool")->mode == 0755);
  CHECK(scene.disk.read_link("/w/out/tree/link").value() == "a/b");
  CHECK_FALSE(scene.disk.has("/w/out/tree/c"));
  scene.scratch.reset();
  CHECK(scene.below_state().empty());
}

TEST_CASE("scratch: whichever write fails while a mount point is emptied, all that was on it is still there") {
  bool done = false;
  for (std::size_t nth = 1; !done; ++nth) {
    INFO("write ", nth);
    Scene scene;
    scene.disk.put_mount("/w/out/tree");
    scene.disk.put("/w/out/tree/a/b", "old");
    scene.disk.put("/w/out/tree/c", "old");
    scene.disk.fail_write(nth, ENOSPC);
    done = scene.set_aside({"out/tree"}).has_value();
    static_cast<void>(scene.scratch->bring_back());
    scene.scratch.reset();
    CHECK(scene.disk.content("/w/out/tree/a/b") == "old");
    CHECK(scene.disk.content("/w/out/tree/c") == "old");
  }
}

TEST_CASE("scratch: what does not come back stays where it is, and is named") {
  Scene scene;
  REQUIRE(scene.set_aside({"out/file", "out/tree"}));
  scene.disk.fail_write(2, ENOSPC);  // the first removes what the action left
  const Status back = scene.scratch->bring_back();
  REQUIRE_FALSE(back);
  CHECK(back.error().message.ends_with("; what was there is in `/w/.trilock/tmp/1-2.old-0`"));
  CHECK(scene.disk.content("/w/out/tree/a/b") == "old");
  scene.scratch.reset();
  CHECK(scene.disk.content("/w/.trilock/tmp/1-2.old-0") == "old");
}

TEST_CASE("scratch: where old outputs cannot go, they stay and the node fails") {
  Scene scene;
  scene.disk.fail_write(2, ENOSPC);  // the first is the move that finds no directory
  const Status aside = scene.set_aside({"out/file"});
  REQUIRE_FALSE(aside);
  CHECK(aside.error().kind == ErrorKind::no_space);
  CHECK(scene.disk.content("/w/out/file") == "old");
}

TEST_CASE("scratch: old outputs that cannot go back are kept") {
  Scene scene;
  scene.disk.put_directory("/w/.trilock/tmp");
  REQUIRE(scene.set_aside({"out/file", "out/tree"}));
  scene.disk.fail_write(4, EIO, trilock::test::FaultSpan::from_then_on);  // the first is back; the second is not
  REQUIRE_FALSE(scene.scratch->bring_back());
  scene.scratch.reset();
  scene.disk.heal();
  CHECK(scene.disk.content("/w/out/file") == "old");
  CHECK(scene.disk.content("/w/.trilock/tmp/1-2.old-1/a/b") == "old");
}

TEST_CASE("scratch: what an earlier run could not bring back is not written over") {
  Scene scene;
  scene.disk.put("/w/.trilock/tmp/1-2.old-0", "older");
  scene.disk.put("/w/.trilock/tmp/1-2.old-1.back/x", "older");
  REQUIRE(scene.set_aside({"out/file", "out/tree"}));
  CHECK(scene.scratch->kept("out/file") == "/w/.trilock/tmp/1-2.old-2");
  CHECK(scene.disk.content("/w/.trilock/tmp/1-2.old-0") == "older");
  REQUIRE(scene.scratch->bring_back());
  CHECK(scene.disk.content("/w/out/file") == "old");
  CHECK(scene.disk.content("/w/.trilock/tmp/1-2.old-0") == "older");
}
