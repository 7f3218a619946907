#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "cache/hash.hpp"
#include "cache/snapshot.hpp"
#include "tests/unit/cache/snapshot_fixture.hpp"

using namespace trilock;
using trilock::test::Image;
using trilock::test::some_run;

TEST_CASE("snapshot: written over, it is the one that would have been made") {
  const FileStat first{
      .type = FileType::file, .mode = 0644, .size = 1, .mtime_ns = 2, .ctime_ns = 3, .inode = 4, .device = 5};
  const FileStat second{
      .type = FileType::symlink, .mode = 0777, .size = 10, .mtime_ns = -1, .ctime_ns = 7, .inode = 4, .device = 5};
  const auto made = [](const FileStat* a, const FileStat* b, const FileStat* c) {
    SnapshotBuilder builder;
    builder.add("/w", "a", false, a, 1);
    builder.add("/w", "b", true, b, 2);
    builder.add("/w/d", "c", false, c);
    SnapshotRun run = some_run;
    run.graph = fast_digest(a->size == 1 ? "first" : "second");
    return builder.finish(run).value();
  };
  // Looks of one inode stay in the order in which they were added; what is not there comes first.
  std::string bytes = made(&first, &first, nullptr);
  SnapshotRevision revision({bytes.data(), bytes.size()});
  CHECK(revision.set(0, second));
  CHECK(revision.set(2, first));
  CHECK_FALSE(revision.set(3, first));
  FileStat elsewhere = first;
  elsewhere.device = 6;
  CHECK_FALSE(revision.set(1, elsewhere));
  revision.seal(fast_digest("second"));
  CHECK(bytes == made(&second, &first, &first));

  SnapshotRevision back({bytes.data(), bytes.size()});
  CHECK(back.set(0, first));
  CHECK(back.set(2, std::nullopt));
  back.seal(fast_digest("first"));
  CHECK(bytes == made(&first, &first, nullptr));
}

TEST_CASE("snapshot: whose run it is, all but the looks says") {
  SnapshotBuilder builder;
  const Image image(builder.finish(some_run).value());
  const auto is_of_other = [&](auto change) {
    SnapshotRun other = some_run;
    change(other);
    return image.view()->is_of(other);
  };
  CHECK(is_of_other([](SnapshotRun&) {}));
  CHECK(is_of_other([](SnapshotRun& run) { run.graph = fast_digest("g"); }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.words.pop_back(); }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.words[1] = "command.b"; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.variables.push_back("TERM"); }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.environment = fast_digest("f"); }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.user = 8; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.group = 7; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.root = "/v"; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.directory = "/"; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.program = "/bin/other"; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.machine = "aarch64"; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.boot = "other"; }));
  CHECK_FALSE(is_of_other([](SnapshotRun& run) { run.report.clear(); }));
}
