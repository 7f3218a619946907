#include "cache/state_db.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "cache/file_system.hpp"
#include "cache/hash.hpp"
#include "cache/result_codec.hpp"
#include "tests/support/without_threads.hpp"
#include "tests/unit/cache/state_db_fixture.hpp"

namespace trilock::test {

TEST_CASE("state: nothing is made until something is recorded") {
  const Folder folder;
  const std::string path = folder.file("new/.trilock/state.db");
  {
    auto db = open(path);
    CHECK(value(db->file_digests()).empty());
    CHECK(value(db->results()).empty());
    CHECK(!value(db->result("a")).has_value());
    CHECK(value(db->runs(5)).empty());
    CHECK(db->flush().has_value());
  }
  CHECK(!fs::exists(folder.file("new")));
  open(path)->forget_result("a");
  CHECK(fs::exists(path));
}

TEST_CASE("state: an existing database is not written by opening and reading") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  open(path)->record_digests({digest_of("a", 1)});
  const std::string before = bytes_of(path);
  const auto time = fs::last_write_time(path);
  {
    auto db = open(path);
    CHECK(value(db->file_digests()).size() == 1);
    CHECK(value(db->durations()).empty());
  }
  CHECK(bytes_of(path) == before);
  CHECK(fs::last_write_time(path) == time);
  CHECK(!fs::exists(path + "-wal"));
}

// What was not synced may be lost where the power failed, behind a stat that is what it was.
TEST_CASE("state: digests of files that changed in an earlier boot are not believed") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  const auto at = [](const std::string& file, std::int64_t ctime_ns) {
    FileDigest row = digest_of(file, 1);
    row.stat.ctime_ns = ctime_ns;
    return row;
  };
  const auto in_boot = [&](const std::string& id, std::int64_t started_ns) {
    std::string warning;
    return value(StateDb::open(path, warning, {id, started_ns}));
  };
  const auto known = [](StateDb& db) {
    std::string names;
    for (const FileDigest& row : value(db.file_digests())) names += row.path;
    std::string one_by_one;
    const std::vector<std::string> asked = {"a", "b", "c"};
    for (const FileDigest& row : value(db.file_digests(asked))) one_by_one += row.path;
    std::ranges::sort(names);
    CHECK(names == one_by_one);
    return names;
  };
  in_boot("first", 100)->record_digests({at("a", 99), at("b", 100), at("c", 150)});
  CHECK(known(*in_boot("first", 100)) == "abc");

  CHECK(known(*in_boot("second", 200)) == "a");
  CHECK(known(*in_boot("first", 100)) == "abc");  // reading decided nothing
  {
    auto db = in_boot("second", 200);
    db->record_digests({at("c", 150)});  // looked at anew: it was on disk when the machine started
    REQUIRE(db->flush().has_value());
    CHECK(known(*db) == "ac");
    db->record_digests({at("b", 210)});
  }
  CHECK(known(*in_boot("second", 200)) == "abc");
  CHECK(known(*in_boot("third", 300)) == "ac");

  // The clock was ahead when the machine started, and files that changed after it was set would pass for old ones.
  in_boot("second", 120)->forget_result("x");
  CHECK(known(*in_boot("third", 300)) == "a");
  in_boot("second", 140)->forget_result("x");
  CHECK(known(*in_boot("third", 300)) == "a");
}

TEST_CASE("state: file digests come back as they were and replace older ones") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  std::vector<FileDigest> rows = {digest_of("a.go", 0), digest_of("b.go", 1), digest_of("/etc/\xff", 3)};
  {
    auto db = open(path);
    db->record_digests({digest_of("a.go", 77)});
    db->record_digests(rows);
  }
  std::vector<FileDigest> read = value(open(path)->file_digests());
  std::ranges::sort(read, {}, &FileDigest::path);
  std::ranges::sort(rows, {}, &FileDigest::path);
  REQUIRE(read.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(same(read[i], rows[i]));
}

TEST_CASE("state: what was made and is not kept is known by node, the last of each") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  const auto entry = [](std::string name) {
    return OutputEntry{.path = std::move(name), .size = 3, .blob = strong_digest("abc")};
  };
  {
    auto db = open(path);
    db->record_made("a", {entry("old")});
    db->record_made("a", {entry("new"), entry("newer")});
    db->record_made("b", {entry("b")});
  }
  auto db = open(path);
  CHECK(value(db->made("a")) == std::vector<OutputEntry>{entry("new"), entry("newer")});
  CHECK(value(db->made("c")).empty());
  CHECK(value(db->made()).size() == 3);
  CHECK(value(db->results()).empty());
}

TEST_CASE("state: results are listed without what is only shown") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  {
    auto db = open(path);
    db->record_result("a", result_of("old"));
    db->record_result("b", result_of("b"));
    db->record_result("c", result_of("c"));
    db->record_result("a", result_of("new"));
    db->forget_result("b");
  }
  auto db = open(path);
  std::vector<StoredResult> rows = value(db->results());
  std::ranges::sort(rows, {}, &StoredResult::label);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].label == "a");
  CHECK(rows[0].key == fast_digest("new"));
  const ActionResult listed = value(decode(rows[0].bytes));
  CHECK(listed.key == fast_digest("new"));
  CHECK(listed.outputs == result_of("new").outputs);
  CHECK(listed.values == result_of("new").values);
  CHECK(listed.duration_ms == 12);
  CHECK(listed.out.empty());

  const std::optional<ActionResult> whole = value(db->result("a"));
  REQUIRE(whole.has_value());
  CHECK(encode(*whole) == encode(result_of("new")));
  CHECK(!value(db->result("b")).has_value());
}

TEST_CASE("state: answers come back and are replaced") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  {
    auto db = open(path);
    db->record_answer({fast_digest("q"), "old", "1"});
    db->record_answer({fast_digest("q"), std::string("f\0p", 3), ""});
  }
  const std::vector<StoredAnswer> rows = value(open(path)->answers());
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].question == fast_digest("q"));
  CHECK(rows[0].fingerprint == std::string("f\0p", 3));
  CHECK(rows[0].answer.empty());
}

TEST_CASE("state: a duration is the mean of the last five times that a node ran") {
  auto db = open(":memory:");
  const std::int64_t run = value(db->begin_run(1));
  for (const std::uint64_t ms : {1000, 10, 20, 30, 40, 50}) ran(*db, run, "long", ms);
  ran(*db, run, "long", 9999, Outcome::failed);
  ran(*db, run, "long", 9999, Outcome::unchanged);
  ran(*db, run, "short", 7);
  ran(*db, run, "short", 8);
  ran(*db, run, "never", 3, Outcome::restored);
  REQUIRE(db->flush().has_value());
  auto means = value(db->durations());
  std::ranges::sort(means);
  using Row = std::pair<std::string, std::uint64_t>;
  CHECK(means == std::vector<Row>{{"long", 30}, {"short", 7}});
}

TEST_CASE("state: runs and their nodes are listed") {
  auto db = open(":memory:");
  const std::int64_t first = value(db->begin_run(1000));
  const std::int64_t second = value(db->begin_run(2000));
  CHECK(second > first);
  ran(*db, second, "z", 5);
  ran(*db, first, "a", 6);
  ran(*db, second, "a", 7, Outcome::failed);
  db->end_run({first, 1000, 250, 1});
  REQUIRE(db->flush().has_value());

  const std::vector<RunRow> runs = value(db->runs(10));
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].id == second);
  CHECK(runs[0].exit_code == -1);
  CHECK(runs[1].id == first);
  CHECK(runs[1].started_ms == 1000);
  CHECK(runs[1].duration_ms == 250);
  CHECK(runs[1].exit_code == 1);
  CHECK(value(db->runs(1)).size() == 1);

  const std::vector<RunNodeRow> nodes = value(db->run_nodes(second));
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].label == "z");
  CHECK(nodes[0].run == second);
  CHECK(nodes[1].label == "a");
  CHECK(nodes[1].outcome == Outcome::failed);
  CHECK(nodes[1].key == fast_digest("a"));
  CHECK(nodes[1].duration_ms == 7);
  CHECK(nodes[1].reason == "because");
  CHECK(value(db->run_nodes(first)).size() == 1);
}

TEST_CASE("state: the last hundred runs are kept, durations beyond them") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  std::int64_t last = 0;
  for (int i = 0; i < 130; ++i) {
    auto db = open(path);
    last = value(db->begin_run(i));
    if (i == 0) ran(*db, last, "once", 42);
    ran(*db, last, "each", 1);
    db->end_run({last, i, 1, 0});
  }
  auto db = open(path);
  const std::vector<RunRow> runs = value(db->runs(1000));
  CHECK(runs.size() == 100);
  CHECK(runs.front().id == last);
  CHECK(value(db->run_nodes(last)).size() == 1);
  CHECK(value(db->run_nodes(runs.back().id)).size() == 1);
  CHECK(value(db->run_nodes(runs.back().id - 1)).empty());
  CHECK(value(db->durations()).size() == 2);
}

TEST_CASE("state: many threads record and read at once") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  {
    auto db = open(path);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&db, t] {
        for (int i = 0; i < 400; ++i) {
          const std::string name = std::to_string(t) + "/" + std::to_string(i);
          db->record_digests({digest_of(name, 1)});
          db->record_result(name, result_of(name));
          if (i % 100 == 0) (void)db->result(name);
          if (i % 200 == 0) (void)db->flush();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(db->flush().has_value());
    CHECK(value(db->results()).size() == 1600);
  }
  auto db = open(path);
  CHECK(value(db->file_digests()).size() == 1600);
  CHECK(value(db->result("3/399")).has_value());
}

TEST_CASE("state: what was recorded is written without a flush") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  auto db = open(path);
  db->record_answer({fast_digest("q"), "f", "a"});
  auto other = open(path);
  for (int i = 0; i < 200 && value(other->answers()).empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    other = open(path);
  }
  CHECK(value(other->answers()).size() == 1);
}

TEST_CASE("state: what the cache answered is added up over the newest runs, and goes with them") {
  const Folder folder;
  auto db = open(folder.file("state.db"));
  for (std::int64_t run = 1; run <= 103; ++run) {
    REQUIRE(value(db->begin_run(run)) == run);
    db->record_lookups(run, {{"go", LookupAnswer::miss, "there is no such result", 1},
                             {"go", LookupAnswer::local, "", 2},
                             {"command", LookupAnswer::shared, "", 3}});
    db->end_run({.id = run, .started_ms = run, .duration_ms = 1, .exit_code = 0});
  }
  db->record_lookups(104, {});
  REQUIRE(db->flush().has_value());
  CHECK(value(db->lookups(2)) == std::vector<LookupCount>{{"command", LookupAnswer::shared, "", 6},
                                                          {"go", LookupAnswer::miss, "there is no such result", 2},
                                                          {"go", LookupAnswer::local, "", 4}});
  CHECK(value(db->lookups(1000)).at(0).count == 300);
  CHECK(value(db->lookups(0)).empty());
}

TEST_CASE("state: a database of another process may be read while this one writes") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  auto writer = open(path);
  writer->record_answer({fast_digest("1"), "f", "a"});
  REQUIRE(writer->flush().has_value());
  auto reader = open(path);
  writer->record_answer({fast_digest("2"), "f", "a"});
  REQUIRE(writer->flush().has_value());
  CHECK(value(reader->answers()).size() == 2);
}

TEST_CASE("state: file systems of other machines are known by their magic number") {
  // From statfs(2).
  CHECK(network_file_system(0x6969) == "nfs");
  CHECK(network_file_system(0xff534d42) == "cifs");
  CHECK(network_file_system(0xfe534d42) == "smb2");
  CHECK(network_file_system(0x65735546) == "fuse");
  CHECK(network_file_system(0x01021997) == "9p");
  CHECK(network_file_system(0xef53).empty());      // ext4
  CHECK(network_file_system(0x01021994).empty());  // tmpfs
  CHECK(network_file_system(0x58465342).empty());  // xfs
  CHECK(network_file_system(0x9123683e).empty());  // btrfs
  CHECK(network_file_system(0x794c7630).empty());  // overlayfs
  CHECK(network_file_system_of("/dev/shm/no/such/directory/state.db").empty());
}

TEST_CASE("state: without a thread for it, whoever waits writes") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  CHECK(holds_without_threads([&] {
    auto db = open(path);
    db->record_digests({digest_of("a", 1)});
    if (!db->flush() || value(db->file_digests()).size() != 1) return false;
    db->record_result("b", result_of("b"));  // left to the destructor
    return true;
  }));
  CHECK(value(open(path)->file_digests()).size() == 1);
  CHECK(value(open(path)->results()).size() == 1);
}

}  // namespace trilock::test
