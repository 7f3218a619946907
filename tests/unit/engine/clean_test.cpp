#include "engine/clean.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "cache/outputs.hpp"
#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;

namespace {

using Paths = std::vector<std::string>;

struct Scene {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  Node node;
  std::optional<ActionResult> made;

  explicit Scene(const Paths& outputs) {
    node.label = "command.a";
    for (const std::string& path : outputs) node.outputs.push_back({.name = {}, .path = path, .place = {}});
    disk.put_directory("/w");
  }
  void record() {
    made.emplace();
    made->outputs = scan_outputs(tree, node.outputs).value().entries;
  }
  Cleaned clean() {
    disk.next_tick();
    SourceTree fresh(disk, "/w");
    Cleaned cleaned;
    clean_outputs(fresh, node, made ? &*made : nullptr, cleaned);
    CHECK(cleaned.errors.empty());
    return cleaned;
  }
};

Paths kept(const Cleaned& cleaned) {
  Paths paths;
  for (const Cleaned::Kept& each : cleaned.kept) paths.push_back(each.path + ": " + each.reason);
  return paths;
}

}  // namespace

TEST_CASE("clean: what the node made goes, from the innermost outwards") {
  Scene scene({"out", "one"});
  scene.disk.put("/w/out/deep/a", "a");
  scene.disk.put("/w/out/b", "b");
  scene.disk.put_symlink("/w/out/link", "b");
  scene.disk.put("/w/one", "1");
  scene.disk.put("/w/source", "s");
  scene.record();
  const Cleaned cleaned = scene.clean();
  CHECK(cleaned.removed == Paths{"out/link", "out/deep/a", "out/deep", "out/b", "out", "one"});
  CHECK(cleaned.kept.empty());
  CHECK(scene.disk.paths() == Paths{"/w", "/w/source"});
  CHECK(scene.clean().removed.empty());
}

TEST_CASE("clean: what is not as the node made it stays and is named") {
  Scene scene({"a", "b", "c", "d"});
  for (const char* path : {"/w/a", "/w/b", "/w/c/x", "/w/d"}) scene.disk.put(path, "made");
  scene.record();
  scene.disk.put("/w/a", "edit");
  scene.disk.erase("/w/b");
  scene.disk.put_symlink("/w/b", "d");
  scene.disk.erase("/w/c");
  scene.disk.put("/w/c", "made");
  scene.disk.put("/w/d", "made", 0600);
  const Cleaned cleaned = scene.clean();
  CHECK(cleaned.removed == Paths{"d"});  // permissions are not what a file holds
  CHECK(kept(cleaned) == Paths{"a: it changed since command.a made it", "b: it changed since command.a made it",
                               "c: it changed since command.a made it"});
}

TEST_CASE("clean: in a folder what the user put there stays, with the folders that it is in") {
  Scene scene({"out"});
  scene.disk.put("/w/out/deep/a", "a");
  scene.disk.put("/w/out/other/b", "b");
  scene.record();
  scene.disk.put("/w/out/deep/mine", "mine");
  const Cleaned cleaned = scene.clean();
  CHECK(cleaned.removed == Paths{"out/other/b", "out/other", "out/deep/a"});
  CHECK(kept(cleaned) == Paths{"out/deep/mine: no recorded result of command.a made it"});
  CHECK(scene.disk.content("/w/out/deep/mine") == "mine");
}

TEST_CASE("clean: neither a record nor an output decides alone") {
  Scene scene({"old"});
  scene.disk.put("/w/old", "made");
  scene.record();
  SUBCASE("a record of what is no output any more") {
    scene.node.outputs[0].path = "new";
    CHECK(scene.clean().removed.empty());
  }
  SUBCASE("an output without a record") {
    scene.made.reset();
    const Cleaned cleaned = scene.clean();
    CHECK(cleaned.removed.empty());
    CHECK(kept(cleaned) == Paths{"old: no recorded result of command.a made it"});
  }
  SUBCASE("a record that leads elsewhere") {
    scene.disk.put("/victim", "made");
    for (const char* path : {"../victim", "old/../../victim", "/victim", "old/../old"}) {
      scene.made->outputs[0].path = path;
      CHECK(scene.clean().removed.empty());
    }
    CHECK(scene.disk.has("/victim"));
  }
  CHECK(scene.disk.has("/w/old"));
}
