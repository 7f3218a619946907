#include "cache/blobs.hpp"

#include <cerrno>

#include <doctest/doctest.h>

#include "cache/action_cache.hpp"
#include "cache/hash.hpp"
#include "tests/support/memory_disk.hpp"

namespace trilock {
namespace {

using test::FaultSpan;
using test::MemoryDisk;

constexpr std::int64_t hour_ns = 3'600'000'000'000;

// The SHA-256 of "abc" is the example of FIPS 180-4.
constexpr std::string_view abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string abc_path = "/cache/cas/ba/" + std::string(abc);

StrongDigest digest(std::string_view hex) {
  return StrongDigest::from_hex(hex).value();
}

std::size_t temporaries(const MemoryDisk& disk) {
  std::size_t count = 0;
  for (const std::string& path : disk.paths()) count += path.starts_with("/cache/tmp/") || path.contains(".trilock-");
  return count;
}

std::int64_t mtime(MemoryDisk& disk, const std::string& path) {
  return disk.stat(path).value().mtime_ns;
}

}  // namespace

TEST_CASE("blobs: the layout is that of Bazel's disk cache") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  CHECK(!blobs.has(digest(abc)));
  const Result<StrongDigest> stored = blobs.put("abc");
  REQUIRE(stored.has_value());
  CHECK(stored->hex() == abc);
  CHECK(disk.content(abc_path) == "abc");
  CHECK(disk.stat(abc_path)->mode == 0444);
  CHECK(blobs.has(digest(abc)));
  CHECK(blobs.get(digest(abc)).value() == "abc");
  CHECK(blobs.directory() == "/cache");
  CHECK(temporaries(disk) == 0);
}

TEST_CASE("blobs: a file is stored and restored with a mode of its own") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  disk.put("/w/bin/app", "abc", 0755);
  REQUIRE(blobs.put_file("/w/bin/app", digest(abc)).has_value());
  CHECK(disk.content(abc_path) == "abc");
  REQUIRE(blobs.restore(digest(abc), "/w/deep/er/app", 0750).has_value());
  CHECK(disk.content("/w/deep/er/app") == "abc");
  CHECK(disk.stat("/w/deep/er/app")->mode == 0750);
  disk.put("/w/bin/app", "old", 0600);
  REQUIRE(blobs.restore(digest(abc), "/w/bin/app", 0755).has_value());
  CHECK(disk.content("/w/bin/app") == "abc");
  CHECK(temporaries(disk) == 0);
}

TEST_CASE("blobs: a file that changed since it was hashed is not kept") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  disk.put("/w/app", "abd");
  const Status status = blobs.put_file("/w/app", digest(abc));
  REQUIRE(!status.has_value());
  CHECK(status.error().kind == ErrorKind::corrupt);
  CHECK(status.error().message == "`/w/app` changed while it was being stored");
  CHECK(!blobs.has(digest(abc)));
  CHECK(temporaries(disk) == 0);
  CHECK(blobs.put_file("/w/none", digest(abc)).error().kind == ErrorKind::not_found);
}

TEST_CASE("blobs: one that is there is not copied, and marked as used once an hour") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  disk.put("/w/app", "abc");
  REQUIRE(blobs.put_file("/w/app", digest(abc)).has_value());
  const std::int64_t stored = mtime(disk, abc_path);
  disk.clear_log();
  disk.advance(hour_ns / 2);
  REQUIRE(blobs.put_file("/w/app", digest(abc)).has_value());
  CHECK(disk.reads().empty());
  CHECK(disk.writes() == 0);
  CHECK(mtime(disk, abc_path) == stored);
  disk.advance(hour_ns);
  REQUIRE(blobs.put("abc").has_value());
  CHECK(disk.writes() == 1);
  CHECK(mtime(disk, abc_path) == disk.change_clock_ns());
  disk.advance(2 * hour_ns);
  REQUIRE(blobs.restore(digest(abc), "/w/copy", 0644).has_value());
  CHECK(mtime(disk, abc_path) == disk.change_clock_ns());
  disk.advance(2 * hour_ns);
  REQUIRE(blobs.get(digest(abc)).has_value());
  CHECK(mtime(disk, abc_path) == disk.change_clock_ns());
}

TEST_CASE("blobs: a cache that cannot be marked still serves") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  REQUIRE(blobs.put("abc").has_value());
  disk.advance(2 * hour_ns);
  disk.fail_write(1, EPERM, FaultSpan::from_then_on);
  CHECK(blobs.get(digest(abc)).value() == "abc");
  CHECK(blobs.put("abc").has_value());
}

TEST_CASE("blobs: a damaged blob is removed and reported") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  std::string bytes;
  SUBCASE("other bytes") {
    bytes = "abd";
  }
  SUBCASE("cut short by a crash") {
    bytes = "";
  }
  SUBCASE("too long") {
    bytes = "abcd";
  }
  disk.put("/w/copy", "old");
  disk.put(abc_path, bytes);
  const std::string message = "blob `" + std::string(abc) + "` was damaged and has been removed";
  const Status restored = blobs.restore(digest(abc), "/w/copy", 0644);
  REQUIRE(!restored.has_value());
  CHECK(restored.error().kind == ErrorKind::corrupt);
  CHECK(restored.error().message == message);
  CHECK(disk.content("/w/copy") == "old");
  CHECK(!disk.has(abc_path));
  CHECK(temporaries(disk) == 0);

  disk.put(abc_path, bytes);
  const Result<std::string> got = blobs.get(digest(abc));
  REQUIRE(!got.has_value());
  CHECK(got.error().kind == ErrorKind::corrupt);
  CHECK(!disk.has(abc_path));

  const Status absent = blobs.restore(digest(abc), "/w/copy", 0644);
  CHECK(absent.error().kind == ErrorKind::not_found);
  CHECK(absent.error().message == "blob `" + std::string(abc) + "` is not in the cache");
  CHECK(blobs.get(digest(abc)).error().kind == ErrorKind::not_found);
}

TEST_CASE("blobs: what a crash cut short is written anew") {
  MemoryDisk disk;
  BlobStore blobs(disk, "/cache");
  disk.put("/w/app", "abc");
  disk.put(abc_path, "");
  REQUIRE(blobs.put_file("/w/app", digest(abc)).has_value());
  CHECK(disk.content(abc_path) == "abc");
}

TEST_CASE("blobs: a fault at any write leaves a whole blob or none, and no temporary") {
  for (const FaultSpan span : {FaultSpan::once, FaultSpan::from_then_on}) {
    for (std::size_t nth = 1; nth < 12; ++nth) {
      CAPTURE(nth);
      MemoryDisk disk;
      BlobStore blobs(disk, "/cache");
      disk.put("/w/app", "abc");
      disk.put("/w/copy", "old");
      disk.fail_write(nth, ENOSPC, span);
      const bool stored = blobs.put_file("/w/app", digest(abc)).has_value();
      CHECK(blobs.has(digest(abc)) == stored);
      CHECK((!disk.has(abc_path) || disk.content(abc_path) == "abc"));
      const bool restored = blobs.restore(digest(abc), "/w/copy", 0644).has_value();
      CHECK(disk.content("/w/copy") == (restored ? "abc" : "old"));
      disk.heal();
      if (span == FaultSpan::once) CHECK(temporaries(disk) == 0);
      REQUIRE(blobs.put_file("/w/app", digest(abc)).has_value());
      REQUIRE(blobs.restore(digest(abc), "/w/copy", 0644).has_value());
      CHECK(disk.content("/w/copy") == "abc");
    }
  }
}

TEST_CASE("action cache: a result is found by its key") {
  MemoryDisk disk;
  ActionCache cache(disk, "/cache");
  ActionResult result;
  result.key = FastDigest::from_hex("00112233445566778899aabbccddeeff").value();
  result.values = {{"digest", "x"}};
  CHECK(!cache.find(result.key).has_value());
  REQUIRE(cache.store(result).has_value());
  const std::string path = "/cache/results/00/00112233445566778899aabbccddeeff";
  CHECK(disk.has(path));
  const std::optional<ActionResult> found = cache.find(result.key);
  REQUIRE(found.has_value());
  CHECK(found->values == result.values);

  disk.advance(2 * hour_ns);
  (void)cache.find(result.key);
  CHECK(mtime(disk, path) == disk.change_clock_ns());
}

TEST_CASE("action cache: a damaged entry is a miss and is removed") {
  MemoryDisk disk;
  ActionCache cache(disk, "/cache");
  ActionResult result;
  result.key = FastDigest::from_hex("00112233445566778899aabbccddeeff").value();
  const std::string path = "/cache/results/00/00112233445566778899aabbccddeeff";
  SUBCASE("empty") {
    disk.put(path, "");
  }
  SUBCASE("cut short") {
    disk.put(path, encode(result).substr(0, 30));
  }
  SUBCASE("the result of another key") {
    disk.put(path, encode(ActionResult{}));
  }
  CHECK(!cache.find(result.key).has_value());
  CHECK(!disk.has(path));
  REQUIRE(cache.store(result).has_value());
  CHECK(cache.find(result.key).has_value());
}

}  // namespace trilock
