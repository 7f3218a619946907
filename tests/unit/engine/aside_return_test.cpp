// A kill is a disk that fails from some write on: whatever write that is, the next run finds the old outputs.
#include "engine/aside_return.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/scratch.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::FaultSpan;
using trilock::test::MemoryDisk;
using trilock::test::TemporaryDirectory;

namespace {

const AsidePlaces places{.workspace = "/w", .scratch_root = "/w/.trilock/tmp", .state_dir = "/w/.trilock"};

std::vector<OutputSpec> outputs_of(const std::vector<std::string>& paths) {
  std::vector<OutputSpec> specs;
  for (const std::string& path : paths) specs.push_back({.name = {}, .path = path, .place = {}});
  return specs;
}

struct Scene {
  TemporaryDirectory folder;
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};

  Scene() {
    disk.put("/w/file", "old");
    disk.put("/w/tree/a/b", "old");
    disk.put_symlink("/w/link", "file");
    disk.put_mount("/w/mount");
    disk.put("/w/mount/a", "old");
    disk.put("/w/mount/b/c", "old");
  }
  [[nodiscard]] std::string journal_file() const { return folder.path() + "/journal"; }

  // A node that makes its outputs anew, and is killed by the `nth` write.
  void killed_run(std::size_t nth) {
    Journal journal(journal_file(), new_brands(), "/w");
    REQUIRE(journal.arm());
    disk.fail_write(nth, EIO, FaultSpan::from_then_on);
    std::optional<Scratch> scratch(std::in_place, tree, "/w/.trilock/tmp/1-2", &journal);
    const Status aside = scratch->set_aside(outputs_of({"file", "tree", "link", "mount", "fresh"}), "command.x");
    if (aside) {
      static_cast<void>(disk.write("/w/file", "half", 0644));
      static_cast<void>(disk.write("/w/tree/a", "half", 0644));
      static_cast<void>(disk.write("/w/mount/b", "half", 0644));
      static_cast<void>(disk.write("/w/fresh", "half", 0644));
    }
    static_cast<void>(scratch->bring_back());  // a failure, not a kill, until the disk fails
  }
  // The beginning of the next run, killed by its `nth` write; true when it was not.
  bool next_run(std::size_t nth) {
    disk.heal();
    Journal journal(journal_file(), new_brands(), "/w");
    const auto remains = journal.arm();
    REQUIRE(remains);
    if (nth != 0) disk.fail_write(nth, EIO, FaultSpan::from_then_on);
    const AsideReturn done = return_aside(remains->asides, journal, disk, places);
    journal.close();
    for (const std::string& error : done.errors)
      if (nth == 0) FAIL_CHECK(error);
    return done.errors.empty();
  }
  void check_old() const {
    CHECK(disk.content("/w/file") == "old");
    CHECK(disk.content("/w/tree/a/b") == "old");
    CHECK(disk.has("/w/link"));
    CHECK(disk.content("/w/mount/a") == "old");
    CHECK(disk.content("/w/mount/b/c") == "old");
    CHECK_FALSE(disk.has("/w/fresh"));
    CHECK_FALSE(std::filesystem::exists(journal_file()));
  }
};

}  // namespace

TEST_CASE("aside: whatever write a run is killed at, the next one brings the old outputs back") {
  for (std::size_t nth = 1; nth <= 60; ++nth) {
    CAPTURE(nth);
    Scene scene;
    scene.killed_run(nth);
    CHECK(scene.next_run(0));
    scene.check_old();
  }
}

TEST_CASE("aside: whatever writes two runs are killed at, the third one brings the old outputs back") {
  for (std::size_t nth = 1; nth <= 40; ++nth)
    for (std::size_t again = 1; again <= 40; ++again) {
      CAPTURE(nth);
      CAPTURE(again);
      Scene scene;
      scene.killed_run(nth);
      if (!scene.next_run(again)) CHECK(scene.next_run(0));
      scene.check_old();
    }
}

TEST_CASE("aside: what ended well is left in place") {
  Scene scene;
  {
    Journal journal(scene.journal_file(), new_brands(), "/w");
    REQUIRE(journal.arm());
    Scratch scratch(scene.tree, "/w/.trilock/tmp/1-2", &journal);
    REQUIRE(scratch.set_aside(outputs_of({"file"}), "command.x"));
    scene.disk.put("/w/file", "new");
    scratch.accept();
  }
  Journal journal(scene.journal_file(), new_brands(), "/w");
  CHECK(journal.arm()->asides.empty());
  CHECK(scene.disk.content("/w/file") == "new");
}

TEST_CASE("aside: what somebody put there since is not lost, and not moved when it is the same") {
  Scene scene;
  Journal journal(scene.folder.path() + "/journal", new_brands(), "/w");
  const auto back = [&](std::vector<AsideOutput> outputs) {
    const std::vector<Journal::Aside> asides{{.number = 1, .label = "command.x", .outputs = std::move(outputs)}};
    return return_aside(asides, journal, scene.disk, places);
  };
  scene.disk.put("/w/.trilock/tmp/1-2.old-0", "kept");
  AsideReturn done = back({{"file", "1-2.old-0"}});
  CHECK(done.back == std::vector<std::string>{"file"});
  CHECK(done.displaced == std::vector<std::string>{"/w/.trilock/displaced/file"});
  CHECK(scene.disk.content("/w/file") == "kept");
  CHECK(scene.disk.content("/w/.trilock/displaced/file") == "old");

  scene.disk.put("/w/.trilock/tmp/1-2.old-0", "kept");
  done = back({{"file", "1-2.old-0"}});
  CHECK(done.displaced.empty());
  CHECK(scene.disk.content("/w/file") == "kept");

  scene.disk.put("/w/.trilock/tmp/1-2.old-0", "third");
  CHECK(back({{"file", "1-2.old-0"}}).displaced == std::vector<std::string>{"/w/.trilock/displaced/file.~1~"});
  CHECK(scene.disk.content("/w/.trilock/displaced/file.~1~") == "kept");
  scene.disk.put("/w/file", "kept");

  done = back({{"file", "1-2.old-0"}});  // not there: it was not moved, or is back
  CHECK(done.back.empty());
  CHECK(scene.disk.content("/w/file") == "kept");

  done = back({{"tree", ""}, {"nowhere/x", ""}});  // there was none before
  CHECK(done.displaced == std::vector<std::string>{"/w/.trilock/displaced/tree"});
  CHECK_FALSE(scene.disk.has("/w/tree"));
  CHECK(scene.disk.content("/w/.trilock/displaced/tree/a/b") == "old");

  scene.disk.put("/w/.trilock/tmp/1-2.old-1", "deep");
  CHECK(back({{"gone/deep/x", "1-2.old-1"}}).back.size() == 1);  // its directories went since
  CHECK(scene.disk.content("/w/gone/deep/x") == "deep");
}
