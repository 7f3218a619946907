// What bad disks, crashes, other programs and other versions leave behind.
#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include <doctest/doctest.h>

#include "cache/hash.hpp"
#include "cache/result_codec.hpp"
#include "cache/sqlite.hpp"
#include "cache/state_db.hpp"
#include "tests/unit/cache/state_db_fixture.hpp"

namespace trilock::test {

TEST_CASE("state: an error of the disk is kept for flush and does not stop later writes") {
  const Folder folder;
  const std::string path = folder.file("dir/state.db");
  put(folder.file("dir"), "a file where the directory should be");
  auto db = open(path);
  db->record_answer({fast_digest("q"), "f", "a"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  const Status failed = db->flush();
  REQUIRE(!failed.has_value());
  CHECK(failed.error().kind == ErrorKind::io);
  CHECK(failed.error().message == "state database `" + path + "`: unable to open database file: not a directory");
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
    return "the state database `" + path + "` cannot be used (" + std::string(reason) +
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
    alter("PRAGMA user_version = 4");
    reason = "it has version 4, this trilock reads version 3";
  }
  SUBCASE("a schema that never was") {
    alter("PRAGMA user_version = -1");
    reason = "it has version -1, this trilock reads version 3";
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

// Digests go, since it is not known in which boot they were written.
TEST_CASE("state: a database of version 1 keeps what it has and becomes one of this version") {
  const Folder folder;
  const std::string path = folder.file("state.db");
  const std::string fresh = folder.file("fresh.db");
  open(path)->record_result("a", result_of("a"));
  open(fresh)->record_result("a", result_of("a"));
  open(path)->record_digests({digest_of("a", 1)});
  {
    Result<Database> db = Database::open(path, 100);
    REQUIRE(db->execute("DROP TABLE lookup; DROP TABLE boot; DROP TABLE made; PRAGMA user_version = 1").has_value());
  }
  {
    auto db = open(path);
    CHECK(value(db->results()).size() == 1);
    CHECK(value(db->file_digests()).empty());
    db->record_lookups(1, {{"go", LookupAnswer::local, "", 2}});
    db->record_made("a", result_of("a").outputs);
    CHECK(db->flush().has_value());
  }
  // The tables are those of a new database, but for the comments in their texts.
  const auto columns = [](const std::string& file) {
    Result<Database> db = Database::open(file, 100);
    return value(
        db->text("SELECT group_concat(t.name || '.' || c.name || ' ' || c.type || c.\"notnull\" || c.pk, '; ')"
                 " FROM sqlite_schema t, pragma_table_info(t.name) c"));
  };
  CHECK(columns(path) == columns(fresh));
  CHECK(columns(path).contains("lookup.answer INTEGER10"));
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
  const std::string start = "the state database `" + path + "` cannot be used (";
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

}  // namespace trilock::test
