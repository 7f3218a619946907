#include "cache/outputs.hpp"

#include <algorithm>
#include <cerrno>

#include <doctest/doctest.h>

#include "tests/support/memory_disk.hpp"
#include "tests/unit/cache/cache_fixture.hpp"

namespace trilock {
namespace {

using test::FaultSpan;
using test::keep_outputs;
using test::MemoryDisk;

OutputSpec output(std::string path) {
  return {.path = std::move(path)};
}

// A workspace in memory with a cache beside it.
struct Scene {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  CacheDirectory cache{disk, "/cache"};
  std::vector<OutputSpec> outputs = {output("bin/app"), output("out")};

  std::string unkept;  // of the last scan

  Scene() {
    disk.put_directory("/w");
    disk.put("/w/bin/app", "program", 06755);
    disk.put("/w/out/a/data", "data", 0640);
    disk.put("/w/out/a/more", "", 0600);
    disk.put_symlink("/w/out/link", "a/data");
    disk.put_directory("/w/out/empty");
    disk.next_tick();
  }
  std::vector<OutputEntry> scan() {
    Result<OutputScan> found = scan_outputs(tree, outputs);
    REQUIRE(found.has_value());
    unkept = found->unkept;
    return std::move(found->entries);
  }
  // What scan finds now, stored.
  std::vector<OutputEntry> store() {
    std::vector<OutputEntry> entries = scan();
    REQUIRE(keep_outputs(tree, cache, entries).has_value());
    return entries;
  }
  Error scan_error() {
    const Result<OutputScan> found = scan_outputs(tree, outputs);
    REQUIRE(!found.has_value());
    return found.error();
  }
  // As at the start of the next run.
  std::string compare(const std::vector<OutputEntry>& entries) {
    disk.next_tick();
    tree.forget("");
    return compare_outputs(tree, outputs, entries);
  }
  Status restore(const std::vector<OutputEntry>& entries) {
    return restore_outputs(tree, blobs_from(cache), outputs, entries, tree.absolute(".trilock/tmp"));
  }
  // Everything in the workspace but trilock's own folder.
  std::vector<std::string> workspace() {
    std::vector<std::string> paths = disk.paths();
    std::erase_if(paths, [](const std::string& path) {
      return !path.starts_with("/w/") || path == "/w/.trilock" || path.starts_with("/w/.trilock/");
    });
    return paths;
  }
};

}  // namespace

TEST_CASE("outputs: a scan keeps types, permission bits, targets and empty directories") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.scan();
  REQUIRE(entries.size() == 7);
  CHECK(entries[0] == OutputEntry{.path = "bin/app",
                                  .type = EntryType::file,
                                  .mode = 0755,
                                  .size = 7,
                                  .blob = strong_digest("program"),
                                  .content = fast_digest("program")});
  CHECK(entries[1].path == "out");
  CHECK(entries[1].type == EntryType::directory);
  CHECK(entries[1].mode == 0755);
  CHECK(entries[2].path == "out/a");
  CHECK(entries[3].path == "out/a/data");
  CHECK(entries[3].mode == 0640);
  CHECK(entries[4].path == "out/a/more");
  CHECK(entries[5].path == "out/empty");
  CHECK(entries[5].type == EntryType::directory);
  CHECK(entries[6] == OutputEntry{.path = "out/link", .type = EntryType::symlink, .symlink_target = "a/data"});
}

TEST_CASE("outputs: a scan looks at the disk anew, and outputs may lie within each other") {
  Scene scene;
  (void)scene.scan();
  scene.disk.put("/w/bin/app", "programs");
  scene.outputs = {output("out/a"), output("bin/app"), output("out")};
  const std::vector<OutputEntry> entries = scene.scan();
  CHECK(entries.size() == 7);
  CHECK(entries[0].size == 8);
}

TEST_CASE("outputs: a scan passes over what no cache can hold, and says so") {
  Scene scene;
  const std::vector<OutputEntry> before = scene.scan();
  CHECK(scene.unkept.empty());
  scene.disk.put_fifo("/w/out/a/pipe");
  CHECK(scene.scan() == before);
  CHECK(scene.unkept == "`out/a/pipe` is a device, socket or fifo");
  scene.disk.erase("/w/out/a/pipe");
  scene.disk.erase("/w/bin/app");
  scene.disk.put_fifo("/w/bin/app");
  CHECK(scene.scan().size() == before.size() - 1);
  CHECK(scene.unkept == "`bin/app` is a device, socket or fifo");
}

TEST_CASE("outputs: what must not be is refused with its path") {
  Scene scene;
  std::string message;
  ErrorKind kind = ErrorKind::invalid;
  SUBCASE("absent") {
    scene.disk.erase("/w/bin/app");
    message = "the output `bin/app` was not made";
    kind = ErrorKind::not_found;
  }
  SUBCASE("an absolute symlink") {
    scene.disk.put_symlink("/w/out/a/abs", "/w/out/a/data");
    message = "the output `out/a/abs` is a symlink that points to the absolute path `/w/out/a/data`";
  }
  SUBCASE("a symlink that leaves the output") {
    scene.disk.put_symlink("/w/out/a/up", "../../bin/app");
    message = "the output `out/a/up` is a symlink that points to `../../bin/app`, which is outside `out`";
  }
  SUBCASE("a symlink to a name that only starts alike") {
    scene.disk.put_symlink("/w/out/a/up", "../../outer");
    message = "the output `out/a/up` is a symlink that points to `../../outer`, which is outside `out`";
  }
  SUBCASE("a symlink that leaves the workspace") {
    scene.disk.put_symlink("/w/out/a/up", "../../../w/out/a");
    message = "the output `out/a/up` is a symlink that points to `../../../w/out/a`, which is outside the workspace";
  }
  SUBCASE("a symlink that goes up through another") {
    scene.disk.put_symlink("/w/out/a/up", "../empty/../a/data");
    message = "the output `out/a/up` is a symlink that points to `../empty/../a/data`, with a `..` after a name";
  }
  SUBCASE("an output that is a symlink out of the workspace") {
    scene.disk.put_symlink("/w/bin/app", "../../etc/passwd");
    message = "the output `bin/app` is a symlink that points to `../../etc/passwd`, which is outside the workspace";
  }
  const Error error = scene.scan_error();
  CHECK(error.message == message);
  CHECK(error.kind == kind);
}

TEST_CASE("outputs: symlinks inside are kept, and an output may be one that stays in the workspace") {
  Scene scene;
  scene.disk.put_symlink("/w/bin/app", "../out/a/data");
  scene.disk.put_symlink("/w/out/a/self", "..");
  scene.disk.put_symlink("/w/out/a/odd", ".././/empty/");
  scene.disk.put_symlink("/w/out/a/dangling", "none");
  const std::vector<OutputEntry> entries = scene.store();
  CHECK(entries[0].symlink_target == "../out/a/data");
  scene.disk.erase("/w/bin");
  scene.disk.erase("/w/out");
  REQUIRE(scene.restore(entries).has_value());
  CHECK(scene.scan() == entries);
}

TEST_CASE("outputs: bytes are stored, and not when they changed since") {
  Scene scene;
  std::vector<OutputEntry> entries = scene.store();
  CHECK(scene.cache.blob(strong_digest("program"), 7).value() == "program");
  entries = scene.scan();
  scene.disk.put("/w/out/a/data", "tada");
  scene.disk.erase("/cache");
  const Status status = keep_outputs(scene.tree, scene.cache, entries);
  REQUIRE(!status.has_value());
  CHECK(status.error().kind == ErrorKind::corrupt);
  CHECK(status.error().message == "`/w/out/a/data` changed while it was being stored");
}

TEST_CASE("outputs: a comparison finds every kind of difference") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.scan();
  CHECK(scene.compare(entries).empty());
  std::string difference;
  SUBCASE("missing") {
    scene.disk.erase("/w/bin/app");
    difference = "`bin/app` is missing";
  }
  SUBCASE("missing with its directory") {
    scene.disk.erase("/w/bin");
    difference = "`bin/app` is missing";
  }
  SUBCASE("content of the same size") {
    scene.disk.put("/w/out/a/data", "tada", 0640);
    difference = "`out/a/data` has other content";
  }
  SUBCASE("content of another size") {
    scene.disk.put("/w/out/a/more", "x", 0600);
    difference = "`out/a/more` has other content";
  }
  SUBCASE("mode") {
    REQUIRE(scene.disk.set_mode("/w/bin/app", 0644).has_value());
    difference = "`bin/app` has mode 0644 instead of 0755";
  }
  SUBCASE("mode of a directory") {
    REQUIRE(scene.disk.set_mode("/w/out/empty", 0700).has_value());
    difference = "`out/empty` has mode 0700 instead of 0755";
  }
  SUBCASE("target") {
    scene.disk.put_symlink("/w/out/link", "a/more");
    difference = "`out/link` points to `a/more` instead of `a/data`";
  }
  SUBCASE("new file") {
    scene.disk.put("/w/out/empty/x", "");
    difference = "`out/empty/x` is new";
  }
  SUBCASE("type") {
    scene.disk.erase("/w/out/a");
    scene.disk.put("/w/out/a", "");
    difference = "`out/a` is a file instead of a directory";
  }
  SUBCASE("a directory that became a symlink to its like") {
    REQUIRE(scene.disk.rename("/w/out/a", "/w/elsewhere").has_value());
    scene.disk.put_symlink("/w/out/a", "../elsewhere");
    difference = "`out/a` is a symlink instead of a directory";
  }
  CHECK(scene.compare(entries) == difference);
}

TEST_CASE("outputs: a comparison of what did not change reads no bytes") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.scan();
  REQUIRE(scene.compare(entries).empty());
  scene.disk.clear_log();
  CHECK(scene.compare(entries).empty());
  CHECK(scene.disk.reads().empty());
  CHECK(scene.disk.stats().size() <= entries.size());
  CHECK(scene.disk.lists().size() == 3);
}

TEST_CASE("outputs: a restore makes the disk exact again") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.store();
  scene.disk.put("/w/src/main.go", "package main");
  const std::vector<std::string> before = scene.workspace();
  SUBCASE("all is gone") {
    scene.disk.erase("/w/bin");
    scene.disk.erase("/w/out");
  }
  SUBCASE("a file where a directory was") {
    scene.disk.erase("/w/out");
    scene.disk.put("/w/out", "x");
  }
  SUBCASE("a directory where a file was") {
    scene.disk.erase("/w/bin/app");
    scene.disk.put("/w/bin/app/deep/er", "x");
  }
  SUBCASE("a directory where a symlink was") {
    scene.disk.erase("/w/out/link");
    scene.disk.put("/w/out/link/x", "x");
  }
  SUBCASE("a symlink where a file was") {
    scene.disk.put("/w/src/precious", "precious");
    scene.disk.erase("/w/bin/app");
    scene.disk.put_symlink("/w/bin/app", "../src/precious");
  }
  SUBCASE("a symlink where a directory was") {
    scene.disk.put("/w/src/data", "precious");
    scene.disk.erase("/w/out/a");
    scene.disk.put_symlink("/w/out/a", "../src");
  }
  SUBCASE("extras, modes, contents") {
    scene.disk.put("/w/out/empty/deep/x", "x");
    scene.disk.put("/w/out/extra", "x");
    scene.disk.put("/w/out/a/data", "x");
    REQUIRE(scene.disk.set_mode("/w/out/a", 0500).has_value());
    REQUIRE(scene.disk.set_mode("/w/out/a/more", 0777).has_value());
  }
  scene.tree.forget("");
  REQUIRE(scene.restore(entries).has_value());
  CHECK(compare_outputs(scene.tree, scene.outputs, entries).empty());
  CHECK(scene.scan() == entries);
  for (const std::string& path : before) CHECK(scene.disk.has(path));
  if (scene.disk.has("/w/src/precious")) CHECK(scene.disk.content("/w/src/precious") == "precious");
  if (scene.disk.has("/w/src/data")) CHECK(scene.disk.content("/w/src/data") == "precious");
}

TEST_CASE("outputs: a restore writes only what differs") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.store();
  scene.disk.put("/w/out/a/data", "other");
  const FileStat app = scene.disk.stat("/w/bin/app").value();
  const FileStat empty = scene.disk.stat("/w/out/empty").value();
  scene.disk.next_tick();
  REQUIRE(scene.restore(entries).has_value());
  CHECK(scene.disk.stat("/w/bin/app").value() == app);
  CHECK(scene.disk.stat("/w/out/empty").value() == empty);
  scene.disk.clear_log();
  REQUIRE(scene.restore(entries).has_value());
  CHECK(scene.disk.writes() == 0);
}

TEST_CASE("outputs: read-only directories are restored and stay read-only") {
  Scene scene;
  REQUIRE(scene.disk.set_mode("/w/out/a", 0555).has_value());
  const std::vector<OutputEntry> entries = scene.store();
  scene.disk.erase("/w/out/a/data");
  REQUIRE(scene.restore(entries).has_value());
  CHECK(scene.disk.stat("/w/out/a")->mode == 0555);
  scene.disk.erase("/w/out");
  REQUIRE(scene.restore(entries).has_value());
  CHECK(scene.scan() == entries);
}

TEST_CASE("outputs: nothing is touched when a blob is not to be had") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.store();
  scene.disk.put("/w/bin/app", "changed");
  scene.disk.put("/w/out/a/data", "changed");
  scene.disk.put("/w/out/extra", "x");
  const std::string hex = strong_digest("data").hex();
  const std::string blob = "/cache/cas/" + hex.substr(0, 2) + "/" + hex;
  ErrorKind kind = ErrorKind::not_found;
  std::string message = "cannot restore outputs: ";
  SUBCASE("absent") {
    scene.disk.erase(blob);
    message += "blob `" + hex + "` is not in the cache directory `/cache`";
  }
  SUBCASE("damaged") {
    scene.disk.put(blob, "dat?");
    kind = ErrorKind::corrupt;
    message += "`" + blob + "` has other bytes";
  }
  const Status status = scene.restore(entries);
  REQUIRE(!status.has_value());
  CHECK(status.error().kind == kind);
  CHECK(status.error().message == message);
  CHECK(scene.disk.content("/w/bin/app") == "changed");
  CHECK(scene.disk.content("/w/out/a/data") == "changed");
  CHECK(scene.disk.has("/w/out/extra"));
}

TEST_CASE("outputs: entries that would write elsewhere are refused before anything is touched") {
  Scene scene;
  std::vector<OutputEntry> entries = scene.store();
  scene.disk.erase("/w/out");
  const auto file = [](std::string path) {
    return OutputEntry{.path = std::move(path), .mode = 0644, .blob = strong_digest(""), .content = fast_digest("")};
  };
  const auto symlink = [](std::string path, std::string target) {
    return OutputEntry{.path = std::move(path), .type = EntryType::symlink, .symlink_target = std::move(target)};
  };
  std::string what;
  SUBCASE("outside the outputs") {
    entries.push_back(file("src/main.go"));
    what = "`src/main.go` is in no declared output";
  }
  SUBCASE("a name that only starts alike") {
    entries.push_back(file("outer"));
    what = "`outer` is in no declared output";
  }
  SUBCASE("up") {
    entries.push_back(file("out/z/../../../etc/passwd"));
    what = "`out/z/../../../etc/passwd` is no clean path";
  }
  SUBCASE("absolute") {
    entries.push_back(file("/etc/passwd"));
    what = "`/etc/passwd` is no clean path";
  }
  SUBCASE("through a symlink") {
    entries.push_back(file("out/link/x"));
    what = "`out/link/x` is in no recorded directory";
  }
  SUBCASE("below a file") {
    entries.push_back(file("out/link2/x"));
    what = "`out/link2/x` is in no recorded directory";
  }
  SUBCASE("a symlink that leads out") {
    entries.push_back(symlink("out/z", "../../etc"));
    what = "the symlink `out/z` points to `../../etc`, which is outside the workspace";
  }
  SUBCASE("an absolute symlink") {
    entries.push_back(symlink("out/z", "/etc"));
    what = "the symlink `out/z` points to the absolute path `/etc`";
  }
  SUBCASE("setuid") {
    entries.push_back(file("out/z"));
    entries.back().mode = 04755;
    what = "`out/z` has a mode beyond 0777";
  }
  SUBCASE("one path twice") {
    entries.push_back(entries.back());
    what = "`out/link` is out of order";
  }
  const std::vector<std::string> before = scene.disk.paths();
  const Status status = scene.restore(entries);
  REQUIRE(!status.has_value());
  CHECK(status.error().kind == ErrorKind::corrupt);
  CHECK(status.error().message == "stored outputs cannot be used: " + what);
  CHECK(scene.disk.paths() == before);
}

TEST_CASE("outputs: a fault at any write of a restore leaves old or new files whole, and the next one finishes") {
  for (const FaultSpan span : {FaultSpan::once, FaultSpan::from_then_on}) {
    bool reached = true;
    for (std::size_t nth = 1; reached; ++nth) {
      CAPTURE(nth);
      Scene scene;
      const std::vector<OutputEntry> entries = scene.store();
      scene.disk.put("/w/bin/app", "changed", 0600);
      scene.disk.erase("/w/out/a/more");
      scene.disk.put("/w/out/a/more/file", "x");
      scene.disk.put("/w/out/extra/file", "x");
      scene.disk.put_symlink("/w/out/link", "empty");
      REQUIRE(scene.disk.set_mode("/w/out/a", 0500).has_value());
      scene.disk.clear_log();
      scene.disk.fail_write(nth, EIO, span);
      const bool restored = scene.restore(entries).has_value();
      reached = scene.disk.writes() >= nth;
      scene.disk.heal();
      const std::string app = scene.disk.content("/w/bin/app");
      CHECK((app == "changed" || app == "program"));
      CHECK(scene.disk.content("/w/out/a/data") == "data");
      if (restored) CHECK(scene.scan() == entries);
      REQUIRE(scene.restore(entries).has_value());
      CHECK(scene.scan() == entries);
      if (!reached) CHECK(nth > 8);
    }
  }
}

TEST_CASE("outputs: a fault at any write of a store is an error and does no harm") {
  bool reached = true;
  for (std::size_t nth = 1; reached; ++nth) {
    CAPTURE(nth);
    Scene scene;
    const std::vector<OutputEntry> entries = scene.scan();
    scene.disk.clear_log();
    scene.disk.fail_write(nth, ENOSPC);
    const Status status = keep_outputs(scene.tree, scene.cache, entries);
    reached = scene.disk.writes() >= nth;
    if (!status) CHECK(status.error().kind == ErrorKind::no_space);
    scene.disk.heal();
    REQUIRE(keep_outputs(scene.tree, scene.cache, entries).has_value());
    scene.disk.erase("/w/out");
    REQUIRE(scene.restore(entries).has_value());
    CHECK(scene.scan() == entries);
    if (!reached) CHECK(nth > 4);
  }
}

// `.trilock` and an output may lie on two file systems.
TEST_CASE("outputs: a rename that the disk refuses is done as a copy") {
  Scene scene;
  const std::vector<OutputEntry> entries = scene.store();
  scene.disk.put("/w/bin/app", "changed", 0600);
  scene.disk.fail_write(3, EXDEV);  // after clearing the stage and the copy
  REQUIRE(scene.restore(entries).has_value());
  CHECK(scene.scan() == entries);
  CHECK(!scene.disk.has("/w/.trilock/tmp/restore-" + fast_digest("bin/app").hex()));
}

}  // namespace trilock
