#include "cache/cache_directory.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include <doctest/doctest.h>

#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cache/cache_fixture.hpp"

namespace trilock::test {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

// The SHA-256 of "abc" is the example of FIPS 180-4.
constexpr std::string_view abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string abc_path = "/cache/cas/ba/" + std::string(abc);

std::size_t below(const MemoryDisk& disk, std::string_view prefix) {
  std::size_t count = 0;
  for (const std::string& path : disk.paths()) count += path.starts_with(prefix);
  return count;
}

std::string entry_path(const CacheDirectory& cache, std::string_view name) {
  return cache.path_of(CacheKind::ac, action_of(name));
}

}  // namespace

TEST_CASE("cache directory: the layout is that of Bazel's disk cache, and what is published is found") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  const Publication published = publication_of("one", {"abc", "", "def"});
  publish(cache, published);
  CHECK(disk.content(abc_path) == "abc");
  const std::string hex = action_of("one").hex();
  CHECK(disk.content("/cache/ac/" + hex.substr(0, 2) + "/" + hex) == published.result);
  CHECK(below(disk, "/cache/tmp/") == 0);
  CHECK(disk.stat(abc_path)->mode == 0666);  // less the umask, which a disk in memory does not have

  CHECK(cache.result(action_of("one")).value() == published.result);
  CHECK(cache.blob(strong_digest("abc"), 3).value() == "abc");
  CHECK(cache.blob(strong_digest("abc"), 0).value() == "abc");
  REQUIRE(cache.fetch(strong_digest("abc"), 3, "/w/deep/out", 0751).has_value());
  CHECK(disk.content("/w/deep/out") == "abc");
  CHECK(disk.stat("/w/deep/out")->mode == 0751);
  REQUIRE(cache.fetch(strong_digest(""), 0, "/w/empty", 0600).has_value());
  CHECK(disk.has("/w/empty"));
  CHECK(cache.has(strong_digest("abc"), 3));
  CHECK(!cache.has(strong_digest("abc"), 4));
  CHECK(cache.take_warnings().empty());
}

TEST_CASE("cache directory: what is not there is a miss, without a word") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  CHECK(cache.blob(strong_digest("abc"), 3).error().message ==
        "blob `" + std::string(abc) + "` is not in the cache directory `/cache`");
  CHECK(cache.fetch(strong_digest("abc"), 3, "/w/out", 0644).error().kind == ErrorKind::not_found);
  CHECK(!disk.has("/w/out"));
  publish(cache, publication_of("one", {"abc", "def"}));
  disk.erase(abc_path);
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  CHECK(disk.has(entry_path(cache, "one")));
  CHECK(cache.take_warnings().empty());
  CHECK(disk.writes() > 0);
}

TEST_CASE("cache directory: a result of another program is a miss and is left alone") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  const std::string path = entry_path(cache, "one");
  disk.put(path, "");  // also what a crash leaves of a file that was not synced
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  disk.put(path, "\x20\x01");  // exit_code 1
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  CHECK(disk.has(path));
  CHECK(cache.take_warnings().empty());
  publish(cache, publication_of("one", {"abc"}));  // ours takes its place
  CHECK(cache.result(action_of("one")).has_value());
}

TEST_CASE("cache directory: a result takes the place of an older one of the same action") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("one", {"abc"}));
  const Publication again = publication_of("one", {"other"});
  publish(cache, again);
  CHECK(cache.result(action_of("one")).value() == again.result);
}

TEST_CASE("cache directory: results with a directory need its tree and what is in it") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  const Publication published = publication_of("one", {"abc", "def"}, Shape::directory);
  publish(cache, published);
  CHECK(cache.result(action_of("one")).has_value());
  disk.erase(abc_path);
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  disk.put(abc_path, "abc");
  CHECK(cache.result(action_of("one")).has_value());
  const StrongDigest tree = published.blobs.back().digest;
  disk.put(cache.path_of(CacheKind::cas, tree), "no tree");
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::corrupt);
  CHECK(disk.has("/cache/quarantine/cas-" + tree.hex()));
  CHECK(disk.has(entry_path(cache, "one")));
  CHECK(cache.take_warnings().size() == 1);
}

TEST_CASE("cache directory: results and blobs are marked as used, each once an hour, results first") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("one", {"abc"}));
  const auto mtime = [&](const std::string& path) { return disk.stat(path).value().mtime_ns; };
  const std::string entry = entry_path(cache, "one");
  const std::int64_t stored = mtime(entry);
  disk.advance(hour_ns / 2);
  disk.clear_log();
  REQUIRE(cache.result(action_of("one")).has_value());
  REQUIRE(cache.fetch(strong_digest("abc"), 3, "/w/out", 0644).has_value());
  CHECK(disk.writes() == 1);  // the output
  CHECK(mtime(entry) == stored);
  disk.advance(hour_ns);
  REQUIRE(cache.result(action_of("one")).has_value());
  CHECK(mtime(entry) == disk.change_clock_ns());
  CHECK(mtime(abc_path) == disk.change_clock_ns());
  disk.advance(2 * hour_ns);
  publish(cache, publication_of("two", {"abc"}));  // rests on the same blob
  CHECK(mtime(abc_path) == disk.change_clock_ns());
  // A clock that was ahead once.
  disk.advance(-3 * hour_ns);
  REQUIRE(cache.result(action_of("one")).has_value());
  CHECK(mtime(abc_path) == disk.change_clock_ns());
}

TEST_CASE("cache directory: one that cannot be marked still serves") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("one", {"abc"}));
  disk.advance(2 * hour_ns);
  disk.fail_write(1, EROFS, FaultSpan::from_then_on);
  CHECK(cache.result(action_of("one")).has_value());
  CHECK(cache.blob(strong_digest("abc"), 3).has_value());
}

TEST_CASE("cache directory: what is damaged is a miss, is moved away, and is warned of once") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  const Publication published = publication_of("one", {"abc"});
  publish(cache, published);
  const std::string entry = entry_path(cache, "one");
  std::string path;
  std::string kept;
  std::string why;
  const auto blob = [&](std::string_view text) {
    path = abc_path;
    kept = "/cache/quarantine/cas-" + std::string(abc);
    why = text;
  };
  const auto result = [&](std::string_view text) {
    path = entry;
    kept = "/cache/quarantine/ac-" + action_of("one").hex();
    why = text;
  };
  SUBCASE("a blob of another size") {
    disk.put(abc_path, "ab");
    blob("has another size");
  }
  SUBCASE("a blob cut short to nothing") {
    disk.put(abc_path, "");
    blob("has another size");
  }
  SUBCASE("a directory for a blob") {
    disk.erase(abc_path);
    disk.put(abc_path + "/file", "abc");
    blob("is not a regular file");
  }
  SUBCASE("a symlink that leads nowhere for a blob") {
    disk.erase(abc_path);
    disk.put_symlink(abc_path, "gone");
    blob("is not a regular file");
  }
  SUBCASE("a symlink to the very bytes for a blob") {
    disk.erase(abc_path);
    disk.put("/elsewhere", "abc");
    disk.put_symlink(abc_path, "/elsewhere");
    blob("is not a regular file");
  }
  SUBCASE("a fifo for a blob") {
    disk.erase(abc_path);
    disk.put_fifo(abc_path);
    blob("is not a regular file");
  }
  SUBCASE("garbage for a result") {
    disk.put(entry, "\xff\xff");
    result("is damaged, or was made for another action");
  }
  SUBCASE("half a result") {
    disk.put(entry, std::string_view(published.result).substr(0, published.result.size() - 3));
    result("is damaged, or was made for another action");
  }
  SUBCASE("the result of another action") {
    disk.put(entry, publication_of("two", {"abc"}).result);
    result("is damaged, or was made for another action");
  }
  SUBCASE("a directory for a result") {
    disk.erase(entry);
    disk.put_directory(entry);
    result("is not a regular file");
  }
  SUBCASE("a fifo for a result") {
    disk.erase(entry);
    disk.put_fifo(entry);
    result("is not a regular file");
  }
  const Result<std::string> found = cache.result(action_of("one"));
  REQUIRE(!found.has_value());
  CHECK(found.error().kind == ErrorKind::corrupt);
  CHECK(!disk.has(path));
  CHECK(disk.has(kept));
  CHECK(cache.take_warnings() == std::vector<std::string>{"`" + path + "` " + why + "; it is kept as `" + kept + "`"});
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  CHECK(cache.take_warnings().empty());
  publish(cache, published);
  CHECK(cache.result(action_of("one")).has_value());
}

TEST_CASE("cache directory: every byte of every file, changed or cut off, is a miss and a warning") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  const Publication published = publication_of("one", {"abc"}, Shape::directory);
  publish(cache, published);
  // As a node uses it: the result, what it refers to, and the files.
  const auto use = [&]() -> Status {
    const auto blob = [&](const StrongDigest& digest, std::uint64_t size) { return cache.blob(digest, size); };
    const Result<std::string> bytes = cache.result(action_of("one"));
    if (!bytes) return std::unexpected(bytes.error());
    const Result<DecodedResult> result = decode_result(*bytes, blob);
    if (!result) return std::unexpected(result.error());
    return cache.fetch(result->result.outputs.at(1).blob, 3, "/w/out", 0644);
  };
  REQUIRE(use().has_value());
  std::vector<std::string> files = {entry_path(cache, "one")};
  for (const BlobSource& blob : published.blobs) files.push_back(cache.path_of(CacheKind::cas, blob.digest));
  std::size_t said_so = 0;
  for (const std::string& file : files) {
    const std::string whole = disk.content(file);
    for (std::size_t i = 0; i < 9 * whole.size(); ++i) {
      CAPTURE(file);
      CAPTURE(i);
      std::string bytes = whole;
      if (i < 8 * whole.size())
        bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << i % 8));
      else
        bytes.resize(i - 8 * whole.size());
      disk.erase("/w/out");
      disk.erase("/cache/quarantine");
      disk.put(file, bytes);
      const Status used = use();
      REQUIRE(!used.has_value());
      CHECK(!disk.has("/w/out"));
      // A result that is cut off before it says that it is ours could be another program's.
      const bool said = !cache.take_warnings().empty() || disk.has("/cache/quarantine");
      CHECK((said || (i >= 8 * whole.size() && !bytes.contains("type.trilock/"))));
      said_so += said;
      disk.put(file, whole);
    }
  }
  CHECK(said_so > 1000);
  CHECK(use().has_value());
}

TEST_CASE("cache directory: a blob with other bytes of the same size is found when it is read") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("one", {"abc"}));
  disk.put(abc_path, "abd");
  CHECK(cache.result(action_of("one")).has_value());
  SUBCASE("as bytes") {
    CHECK(cache.blob(strong_digest("abc"), 3).error().kind == ErrorKind::corrupt);
  }
  SUBCASE("as a file") {
    CHECK(cache.fetch(strong_digest("abc"), 3, "/w/out", 0644).error().kind == ErrorKind::corrupt);
    CHECK(!disk.has("/w/out"));
  }
  CHECK(!disk.has(abc_path));
  CHECK(disk.content("/cache/quarantine/cas-" + std::string(abc)) == "abd");
  CHECK(cache.take_warnings().size() == 1);
}

TEST_CASE("cache directory: quarantine keeps the newest and no more than it may") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  for (int i = 0; i < 80; ++i) {
    const StrongDigest digest = strong_digest(std::to_string(i));
    disk.put(cache.path_of(CacheKind::cas, digest), "wrong");
    disk.next_tick();
    CHECK(cache.blob(digest, 5).error().kind == ErrorKind::corrupt);
  }
  CHECK(disk.list("/cache/quarantine")->size() == quarantine_files);
  CHECK(disk.has("/cache/quarantine/cas-" + strong_digest("79").hex()));
  CHECK(!disk.has("/cache/quarantine/cas-" + strong_digest("0").hex()));
}

TEST_CASE("cache directory: one that may only be read is not changed") {
  MemoryDisk disk;
  CacheDirectory writer(disk, "/cache");
  const Publication published = publication_of("one", {"abc"});
  publish(writer, published);
  CacheDirectory reader(disk, "/cache", CacheDirectory::Access::read);
  CHECK(reader.result(action_of("one")).has_value());
  CHECK(reader.publish({&published, 1}).error().kind == ErrorKind::invalid);
  disk.put(abc_path, "abd");
  CHECK(reader.blob(strong_digest("abc"), 3).error().kind == ErrorKind::corrupt);
  CHECK(disk.has(abc_path));
  CHECK(reader.take_warnings() == std::vector<std::string>{"`" + abc_path + "` has other bytes, and is not used"});
}

TEST_CASE("cache directory: outputs are captured as they are") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  disk.put("/w/out", "abc");
  Result<BlobSource> captured = cache.capture("/w/out", strong_digest("abc"), 3);
  const Result<BlobSource> twice = cache.capture("/w/out", strong_digest("abc"), 3);
  REQUIRE(captured.has_value());
  REQUIRE(twice.has_value());
  disk.put("/w/out", "changed");
  Publication publication = publication_of("one", {});
  publication.blobs = {*captured, *twice};
  publish(cache, publication);
  CHECK(disk.content(abc_path) == "abc");
  CHECK(below(disk, "/cache/tmp/") == 0);
  // What is there is not copied again.
  const Result<BlobSource> again = cache.capture("/w/out", strong_digest("abc"), 3);
  CHECK(again->path == abc_path);
  cache.discard(*again);
  CHECK(disk.has(abc_path));

  const Result<BlobSource> changed = cache.capture("/w/out", strong_digest("def"), 3);
  CHECK(changed.error().kind == ErrorKind::corrupt);
  CHECK(changed.error().message == "`/w/out` changed while it was being stored");
  CHECK(cache.capture("/w/none", strong_digest("def"), 3).error().kind == ErrorKind::not_found);
  const Result<BlobSource> unwanted = cache.capture("/w/out", strong_digest("changed"), 7);
  cache.discard(*unwanted);
  CHECK(below(disk, "/cache/tmp/") == 0);
}

TEST_CASE("cache directory: bytes that are not what they are said to be are not published") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  Publication wrong = publication_of("one", {"abc", "def"});
  wrong.blobs[1].bytes = "dxf";
  const std::vector<Publication> both = {wrong, publication_of("two", {"ghi"})};
  CHECK(cache.publish(both).error().kind == ErrorKind::corrupt);
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::not_found);
  CHECK(cache.result(action_of("two")).has_value());
  CHECK(below(disk, "/cache/tmp/") == 0);
}

TEST_CASE("cache directory: a symlink in place of a folder is not written through") {
  for (const std::string folder : {"/cache/cas", "/cache/cas/ba", "/cache/ac", "/cache/tmp"}) {
    CAPTURE(folder);
    MemoryDisk disk;
    disk.put_directory("/victim");
    disk.put_symlink(folder, "/victim");
    CacheDirectory cache(disk, "/cache");
    const Publication published = publication_of("one", {"abc"});
    const Status status = cache.publish({&published, 1});
    REQUIRE(!status.has_value());
    CHECK(status.error().message.contains("`" + folder + "` is not a directory"));
    CHECK(below(disk, "/victim/") == 0);
  }
}

TEST_CASE("cache directory: a folder that was emptied meanwhile is made again") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("one", {"abc"}));
  disk.erase("/cache");
  publish(cache, publication_of("one", {"abc"}));
  CHECK(cache.result(action_of("one")).has_value());
}

// Every write may fail, and the machine may crash after every write: no result without its blobs, no blob with other
// bytes, and a reader of later finds a miss or the whole.
TEST_CASE("cache directory: a failure or a crash at any write leaves results whole or absent") {
  const std::vector<Publication> published = {publication_of("one", {"abc", "def"}, Shape::directory),
                                              publication_of("two", {"abc", "ghi"})};
  for (const bool crash : {false, true}) {
    bool succeeded = false;
    for (std::size_t nth = 1; !succeeded; ++nth) {
      CAPTURE(crash);
      CAPTURE(nth);
      REQUIRE(nth < 100);
      MemoryDisk disk;
      disk.fail_write(nth, crash ? EIO : ENOSPC, crash ? FaultSpan::from_then_on : FaultSpan::once);
      {
        CacheDirectory cache(disk, "/cache");
        succeeded = cache.publish(published).has_value();
      }
      disk.heal();
      if (crash) disk.crash();
      if (!crash) CHECK(below(disk, "/cache/tmp/") == 0);
      CacheDirectory cache(disk, "/cache");
      for (const Publication& one : published) {
        const Result<std::string> result = cache.result(one.action);
        if (succeeded) REQUIRE(result.has_value());
        if (!result) REQUIRE(result.error().kind == ErrorKind::not_found);
        if (result)
          for (const BlobSource& blob : one.blobs) CHECK(cache.blob(blob.digest, blob.size).has_value());
      }
      CHECK(cache.take_warnings().empty());
      REQUIRE(cache.publish(published).has_value());
      CHECK(cache.result(action_of("one")).has_value());
      CHECK(cache.result(action_of("two")).has_value());
    }
  }
}

TEST_CASE("cache directory: on a real disk, modes follow the umask and a fifo does not stop a reader") {
  const TemporaryDirectory folder;
  const std::unique_ptr<Disk> disk = make_real_disk();
  CacheDirectory cache(*disk, folder / "cache");
  std::ofstream(folder / "large") << std::string(300'000, 'x');
  const std::string large(300'000, 'x');
  Publication published = publication_of("one", {"abc"});
  Result<BlobSource> captured = cache.capture(folder / "large", strong_digest(large), large.size());
  REQUIRE(captured.has_value());
  published.blobs.push_back(*captured);
  const mode_t old = ::umask(002);
  publish(cache, published);
  ::umask(old);
  const std::string blob = cache.path_of(CacheKind::cas, strong_digest("abc"));
  CHECK(disk->stat(blob)->mode == 0664);
  CHECK(disk->stat(folder / "cache/cas")->mode == 0775);
  REQUIRE(cache.fetch(strong_digest(large), large.size(), folder / "deep/er/out", 0741).has_value());
  CHECK(disk->read(folder / "deep/er/out").value() == large);
  CHECK(disk->stat(folder / "deep/er/out")->mode == 0741);
  CHECK(cache.fetch(strong_digest("abc"), 3, folder / "large", 0644).error().kind == ErrorKind::io);
  CHECK(disk->stat(folder / "large")->size == large.size());

  std::filesystem::remove(blob);
  REQUIRE(::mkfifo(blob.c_str(), 0666) == 0);
  CHECK(cache.result(action_of("one")).error().kind == ErrorKind::corrupt);
  CHECK(disk->hash_plain(folder / "cache/quarantine/cas-" + std::string(abc)).error().kind == ErrorKind::corrupt);
  // A byte in the middle of a blob that is copied in pieces.
  const std::string path = cache.path_of(CacheKind::cas, strong_digest(large));
  std::fstream(path, std::ios::in | std::ios::out).seekp(200'000) << 'y';
  CHECK(cache.fetch(strong_digest(large), large.size(), folder / "out", 0644).error().kind == ErrorKind::corrupt);
  CHECK(!std::filesystem::exists(folder / "out"));
}

}  // namespace trilock::test
