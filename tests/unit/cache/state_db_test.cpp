#include "cache/state_db.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>

#include "cache/file_system.hpp"
#include "cache/hash.hpp"
#include "cache/result_codec.hpp"
#include "cache/sqlite.hpp"

namespace trilock {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    // In memory where there is such a place: making a database syncs.
    const fs::path base = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    std::string name = (base / "trilock-state-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::unique_ptr<StateDb> open(const std::string& path, std::string_view expected_warning = "") {
  std::string warning;
  Result<std::unique_ptr<StateDb>> db = StateDb::open(path, warning);
  REQUIRE(db.has_value());
  CHECK(warning == expected_warning);
  return std::move(*db);
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

FileDigest digest_of(const std::string& path, std::uint64_t number) {
  FileDigest row;
  row.path = path;
  row.stat = {.type = FileType::file,
              .mode = 07755,
              .size = number,
              .mtime_ns = -5,
              .ctime_ns = 1'700'000'000'123'456'789,
              .inode = ~number,
              .device = 0x8000'0000'0000'0001};
  row.fast = fast_digest(path + std::to_string(number));
  if (number % 2 == 1) {
    row.strong = strong_digest(path);
    row.has_strong = true;
  }
  return row;
}

bool same(const FileDigest& a, const FileDigest& b) {
  return a.path == b.path && a.stat == b.stat && a.fast == b.fast && a.strong == b.strong &&
         a.has_strong == b.has_strong;
}

ActionResult result_of(const std::string& text) {
  ActionResult result;
  result.key = fast_digest(text);
  result.outputs = {{.path = "bin/" + text, .mode = 0755, .size = 3, .blob = strong_digest(text)}};
  result.values = {{"digest", text}};
  result.out = "out of " + text;
  result.err = "err of " + text;
  result.duration_ms = 12;
  result.explanation = {{"rule", "command"}};
  return result;
}

template <class T>
T value(Result<T> result) {
  REQUIRE(result.has_value());
  return std::move(*result);
}

void ran(StateDb& db, std::int64_t run, const std::string& label, std::uint64_t duration_ms,
         Outcome outcome = Outcome::ran) {
  db.record_run_node({run, label, outcome, fast_digest(label), duration_ms, "because"});
}

}  // namespace

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

TEST_CASE("state: an error of the disk is kept for flush and does not stop later writes") {
  const Folder folder;
  const std::string path = folder.file("dir/state.db");
  put(folder.file("dir"), "a file where the directory should be");
  auto db = open(path);
  db->record_answer({fast_digest("q"), "f", "a"});
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  const Status failed = db->flush();
  REQUIRE(!failed.has_value());
  CHECK(failed.error().kind == ErrorKind::io);
  CHECK(failed.error().message == "state database `" + path + "`: unable to open database file");
  CHECK(!db->begin_run(1).has_value());
  fs::remove(folder.file("dir"));
  db->record_answer({fast_digest("q"), "f", "a"});
  CHECK(db->flush().has_value());
  CHECK(value(db->answers()).size() == 1);
}

TEST_CASE("state: a full disk is an error of its own and leaves a whole database") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  open(path)->record_digests({digest_of("kept", 1)});
  {
    Result<Database> limited = Database::open(path, 0);
    REQUIRE(limited.has_value());
    REQUIRE(limited->execute("PRAGMA max_page_count = 1").has_value());
    const Status full = limited->execute("CREATE TABLE big AS SELECT randomblob(100000)");
    REQUIRE(!full.has_value());
    CHECK(full.error().kind == ErrorKind::no_space);
  }
  CHECK(value(open(path)->file_digests()).size() == 1);
}

TEST_CASE("state: files that are no database of ours are set aside") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  open(path)->record_digests({digest_of("a", 1)});
  const auto warning = [&](std::string_view reason) {
    return "the state database `" + path + "` was damaged (" + std::string(reason) +
           ") and has been set aside; nodes will be looked at afresh";
  };
  const auto alter = [&](const char* sql) {
    Result<Database> db = Database::open(path, 100);
    REQUIRE(db.has_value());
    REQUIRE(db->execute(sql).has_value());
  };
  std::string reason;

  SUBCASE("garbage") {
    put(path, std::string(5000, 'x'));
    reason = "file is not a database";
  }
  SUBCASE("a short text") {
    put(path, "hello");
    reason = "file is not a database";
  }
  SUBCASE("a newer schema") {
    alter("PRAGMA user_version = 2");
    reason = "it has version 2, this trilock reads version 1";
  }
  SUBCASE("an older schema") {
    alter("PRAGMA user_version = -1");
    reason = "it has version -1, this trilock reads version 1";
  }
  SUBCASE("another program's") {
    alter("PRAGMA application_id = 7");
    reason = "it was made by another program";
  }
  const std::string damaged = bytes_of(path);
  {
    auto db = open(path, warning(reason));
    CHECK(db->take_warning().empty());
    CHECK(bytes_of(path + ".broken") == damaged);
    CHECK(value(db->file_digests()).empty());
    db->record_digests({digest_of("b", 1)});
    CHECK(db->flush().has_value());
  }
  CHECK(value(open(path)->file_digests()).size() == 1);
}

TEST_CASE("state: an empty file is a new database") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  put(path, "");
  CHECK(value(open(path)->results()).empty());
}

TEST_CASE("state: damage that shows while reading sets the database aside") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  const std::string start = "the state database `" + path + "` was damaged (";
  {
    auto db = open(path);
    for (int i = 0; i < 2000; ++i) db->record_digests({digest_of("file" + std::to_string(i), 1)});
  }
  SUBCASE("a page overwritten") {
    std::string bytes = bytes_of(path);
    REQUIRE(bytes.size() > 100'000);
    for (std::size_t i = 40'960; i < 90'112; ++i) bytes[i] = static_cast<char>(0xee);
    put(path, bytes);
  }
  SUBCASE("a missing table") {
    Result<Database> raw = Database::open(path, 100);
    REQUIRE(raw->execute("DROP TABLE file_digest").has_value());
  }
  SUBCASE("a digest of a wrong size") {
    Result<Database> raw = Database::open(path, 100);
    REQUIRE(raw->execute("UPDATE file_digest SET fast = x'00' WHERE path = 'file7'").has_value());
  }
  SUBCASE("an impossible type of file") {
    Result<Database> raw = Database::open(path, 100);
    REQUIRE(raw->execute("UPDATE file_digest SET kind = 1 << 20 WHERE path = 'file7'").has_value());
  }
  auto db = open(path);
  CHECK(value(db->file_digests()).empty());
  CHECK(db->take_warning().starts_with(start));
  CHECK(db->take_warning().empty());
  CHECK(fs::exists(path + ".broken"));
  db->record_result("a", result_of("a"));
  CHECK(db->flush().has_value());
  CHECK(value(db->results()).size() == 1);
}

TEST_CASE("state: rows that meet a damaged database are written into the new one") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  open(path)->record_digests({digest_of("a", 1)});
  {
    Result<Database> raw = Database::open(path, 100);
    REQUIRE(raw->execute("DROP TABLE result").has_value());
  }
  auto db = open(path);
  db->record_result("a", result_of("a"));
  CHECK(db->flush().has_value());
  CHECK(!db->take_warning().empty());
  CHECK(value(db->results()).size() == 1);
}

// Whatever a crash or a bad disk leaves: an open and a read end in rows or in none, never in an error, and the next
// run works.
TEST_CASE("state: any truncation and any damaged stretch is survived") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  {
    auto db = open(path);
    for (int i = 0; i < 300; ++i) db->record_digests({digest_of("file" + std::to_string(i), 1)});
    for (int i = 0; i < 40; ++i) db->record_result("node" + std::to_string(i), result_of("x"));
  }
  const std::string whole = bytes_of(path);
  const auto survives = [&](const std::string& bytes) {
    put(path, bytes);
    std::string warning;
    Result<std::unique_ptr<StateDb>> db = StateDb::open(path, warning);
    REQUIRE(db.has_value());
    REQUIRE((*db)->file_digests().has_value());
    const Result<std::vector<StoredResult>> results = (*db)->results();
    REQUIRE(results.has_value());
    for (const StoredResult& row : *results) (void)decode(row.bytes);
    (*db)->record_answer({fast_digest("q"), "f", "a"});
    REQUIRE((*db)->flush().has_value());
    REQUIRE(!(*db)->answers().value().empty());
    db->reset();
    for (const char* suffix : {"", "-wal", "-shm", ".broken", ".broken-wal"}) fs::remove(path + suffix);
  };
  for (std::size_t size = 1; size < whole.size(); size += 2048 - 1) survives(whole.substr(0, size));
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) {
    CAPTURE(i);
    std::string bytes = whole;
    const std::size_t from = random() % bytes.size();
    const std::size_t length = std::min<std::size_t>(1 + random() % 3000, bytes.size() - from);
    for (std::size_t at = from; at < from + length; ++at) bytes[at] = static_cast<char>(random());
    survives(bytes);
  }
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

}  // namespace trilock
