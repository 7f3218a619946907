#include "cache/cache_gc.hpp"

#include <algorithm>
#include <cerrno>
#include <random>

#include <doctest/doctest.h>

#include "tests/support/memory_disk.hpp"
#include "tests/unit/cache/cache_fixture.hpp"

namespace trilock::test {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

GcReport collect(MemoryDisk& disk, const GcLimits& limits, DryRun dry_run = DryRun::no) {
  Result<std::optional<GcReport>> report = collect_garbage(disk, "/cache", limits, dry_run);
  REQUIRE(report.has_value());
  REQUIRE(report->has_value());
  return **report;
}

CacheStats stats(MemoryDisk& disk) {
  return stats_of(scan_cache(disk, "/cache").value());
}

// Whether no result lacks a blob, which is what the order of eviction is for.
bool is_whole(MemoryDisk& disk, CacheDirectory& cache) {
  return verify_cache(disk, cache, Repair::no).value().faults.empty();
}

}  // namespace

TEST_CASE("gc: the least recently used go first, results before their blobs, until it fits") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  for (const std::string name : {"old", "middle", "new"}) {
    publish(cache, publication_of(name, {name + std::string(1000, 'x')}));
    disk.advance(24 * hour_ns);
  }
  REQUIRE(cache.result(action_of("old")).has_value());  // is used now
  const CacheStats before = stats(disk);
  CHECK(before.results.files == 3);
  CHECK(before.blobs.files == 3);
  const std::uint64_t all = before.results.bytes + before.blobs.bytes;
  const GcReport dry = collect(disk, {.max_size = all - 1, .max_age_ns = {}}, DryRun::yes);
  CHECK(stats(disk).blobs.files == 3);
  const GcReport report = collect(disk, {.max_size = all - 1, .max_age_ns = {}});
  CHECK(dry.results.files == report.results.files);
  CHECK(report.results.files == 1);
  CHECK(report.blobs.files == 0);  // what the result took was enough
  CHECK(cache.result(action_of("middle")).error().kind == ErrorKind::not_found);
  CHECK(disk.has(cache.path_of(CacheKind::ac, action_of("new"))));
  CHECK(is_whole(disk, cache));
  collect(disk, {.max_size = 1500, .max_age_ns = {}});
  CHECK(cache.result(action_of("old")).has_value());
  CHECK(cache.result(action_of("new")).error().kind == ErrorKind::not_found);
  CHECK(stats(disk).blobs.files == 1);
  CHECK(!report.limit_is_too_small);
}

TEST_CASE("gc: age counts from the last use") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("a", {"a"}));
  publish(cache, publication_of("b", {"b"}));
  disk.advance(20 * hour_ns);
  REQUIRE(cache.result(action_of("b")).has_value());
  disk.advance(10 * hour_ns);
  const GcReport report = collect(disk, {.max_size = {}, .max_age_ns = 24 * hour_ns});
  CHECK(report.results.files == 1);
  CHECK(report.blobs.files == 1);
  CHECK(cache.result(action_of("b")).has_value());
  CHECK(collect(disk, {}).results.files == 0);  // without a limit nothing goes
}

TEST_CASE("gc: what is young stays whatever the limit, which is then said to be too small") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("a", {std::string(5000, 'a')}));
  disk.advance(hour_ns);
  GcLimits limits{.max_size = 10, .max_age_ns = 0};
  const GcReport report = collect(disk, limits);
  CHECK(report.results.files + report.blobs.files == 0);
  CHECK(report.limit_is_too_small);
  CHECK(describe_small_limit(report, limits)
            .starts_with("the cache may take 10 B, but what was used in the last 6 hours takes 5."));
  limits.min_age_ns = 0;
  CHECK(!collect(disk, limits).limit_is_too_small);
  CHECK(stats(disk).blobs.files + stats(disk).results.files == 0);
}

TEST_CASE("gc: what was left by crashes, and what nobody looked at, goes in time") {
  MemoryDisk disk;
  disk.put("/cache/tmp/host-1-0", "half a blob");
  disk.put("/cache/quarantine/cas-1", "bad");
  disk.advance(23 * hour_ns);
  disk.put("/cache/tmp/host-1-1", "in the making");
  CHECK(collect(disk, {}).temporaries.files == 0);
  disk.advance(2 * hour_ns);
  CHECK(collect(disk, {}).temporaries.bytes == 11);
  CHECK(disk.has("/cache/tmp/host-1-1"));
  CHECK(disk.has("/cache/quarantine/cas-1"));
  disk.advance(30 * 24 * hour_ns);
  CHECK(collect(disk, {}).quarantine.files == 1);
}

TEST_CASE("gc: what is not ours, or no file, stays") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  const std::string blob = cache.path_of(CacheKind::cas, strong_digest("x"));
  disk.put("/cache/README", "text");
  disk.put("/cache/cas/aa/notes", "text");
  disk.put("/cache/cas/aa/" + strong_digest("x").hex(), "in another shard");
  disk.put("/cache/results/aa/0123", "text");
  disk.put(blob + "/file", "text");
  disk.put("/victim/" + strong_digest("y").hex(), "y");
  disk.put_symlink("/cache/cas/" + strong_digest("y").hex().substr(0, 2), "/victim");
  disk.advance(1000 * hour_ns);
  const std::vector<std::string> before = disk.paths();
  collect(disk, {.max_size = 0, .max_age_ns = 0});
  for (const std::string& path : before) CHECK(disk.has(path));
}

TEST_CASE("gc: what is used between the scan and its turn stays") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("a", {"a"}));
  disk.advance(100 * hour_ns);
  // Stands for a reader: the first removal is of the result; before that the blob is touched.
  REQUIRE(disk.set_mtime(cache.path_of(CacheKind::cas, strong_digest("a")), disk.change_clock_ns()).has_value());
  collect(disk, {.max_size = 0, .max_age_ns = {}});
  CHECK(stats(disk).results.files == 0);
  CHECK(stats(disk).blobs.files == 1);
}

TEST_CASE("gc: one at a time, and a failure to remove is no failure") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("a", {"a"}));
  disk.advance(100 * hour_ns);
  {
    const auto held = disk.try_lock("/cache/gc/lock");
    REQUIRE(*held != nullptr);
    CHECK(!collect_garbage(disk, "/cache", {.max_size = 0, .max_age_ns = {}}).value().has_value());
  }
  disk.fail_write(2, EACCES, FaultSpan::from_then_on);
  const GcReport report = collect(disk, {.max_size = 0, .max_age_ns = {}});
  CHECK(report.results.files == 0);
  CHECK(!report.limit_is_too_small);
}

TEST_CASE("gc: nothing is made where nothing was ever kept") {
  MemoryDisk disk;
  CHECK(collect(disk, {.max_size = 0, .max_age_ns = {}}).before.blobs.files == 0);
  CHECK(disk.paths().empty());
}

TEST_CASE("gc: by itself at most once a day") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("a", {"a"}));
  disk.advance(100 * hour_ns);
  CHECK(collect_garbage_if_due(disk, "/cache", 0).value()->results.files == 1);
  publish(cache, publication_of("a", {"a"}));
  disk.advance(23 * hour_ns);
  disk.clear_log();
  CHECK(!collect_garbage_if_due(disk, "/cache", 0).value().has_value());
  CHECK(disk.lists().empty());
  disk.advance(2 * hour_ns);
  CHECK(collect_garbage_if_due(disk, "/cache", 0).value()->results.files == 1);
}

// Random uses and evictions: a result never outlives a blob of its own, though times of use are set once an hour only.
TEST_CASE("property: eviction leaves no result without its blobs") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    MemoryDisk disk;
    CacheDirectory cache(disk, "/cache");
    for (int step = 0; step < 60; ++step) {
      disk.advance(static_cast<std::int64_t>(random() % 100) * (hour_ns / 60));
      const std::string name = std::to_string(random() % 6);
      const std::string content = "c" + std::to_string(random() % 3);
      if (random() % 3 == 0)
        publish(cache, publication_of(name, {content, name}, Shape{static_cast<std::uint8_t>(random() % 2)}));
      else
        (void)cache.result(action_of(name));
      if (random() % 8 == 0) {
        const GcLimits limits{
            .max_size = random() % 2 == 0 ? std::optional<std::uint64_t>(random() % 1000) : std::nullopt,
            .max_age_ns = static_cast<std::int64_t>(random() % 30) * hour_ns,
            .min_age_ns = static_cast<std::int64_t>(random() % 5) * hour_ns};
        collect(disk, limits);
        REQUIRE(is_whole(disk, cache));
      }
    }
  }
}

TEST_CASE("verify: every kind of damage is found, and repaired by moving it away") {
  MemoryDisk disk;
  CacheDirectory cache(disk, "/cache");
  publish(cache, publication_of("good", {"good"}));
  publish(cache, publication_of("lacking", {"lost"}));
  publish(cache, publication_of("damaged", {"fine"}));
  publish(cache, publication_of("swapped", {"fine"}));
  publish(cache, publication_of("bad blob", {"bad"}));
  disk.put(cache.path_of(CacheKind::ac, action_of("foreign")), "");
  CHECK(verify_cache(disk, cache, Repair::no)->faults.size() == 0);
  disk.erase(cache.path_of(CacheKind::cas, strong_digest("lost")));
  disk.put(cache.path_of(CacheKind::ac, action_of("damaged")), "\xff");
  disk.put(cache.path_of(CacheKind::ac, action_of("swapped")), publication_of("good", {"good"}).result);
  disk.put(cache.path_of(CacheKind::cas, strong_digest("bad")), "dab");
  disk.put_fifo(cache.path_of(CacheKind::cas, strong_digest("fifo")));

  const VerifyReport found = verify_cache(disk, cache, Repair::no).value();
  std::vector<std::string> texts;
  for (const CacheFault& fault : found.faults) {
    texts.push_back(std::string(to_string(fault.kind)) + " " + fault.what);
    CHECK(!fault.repaired);
  }
  std::ranges::sort(texts);
  CHECK(texts == std::vector<std::string>{
                     "ac is damaged, or was made for another action", "ac is damaged, or was made for another action",
                     "ac refers to a blob that is missing", "cas has other bytes", "cas is not a regular file"});
  const VerifyReport repaired = verify_cache(disk, cache, Repair::quarantine).value();
  CHECK(repaired.faults.size() == 6);  // and the result that refers to the bad blob
  for (const CacheFault& fault : repaired.faults) CHECK(fault.repaired);
  CHECK(verify_cache(disk, cache, Repair::no)->faults.empty());
  CHECK(cache.result(action_of("good")).has_value());
  CHECK(disk.has(cache.path_of(CacheKind::ac, action_of("foreign"))));
}

TEST_CASE("sizes are written for people") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(1536) == "1.5 KiB");
  CHECK(format_size(std::uint64_t{5} << 30) == "5.0 GiB");
}

}  // namespace trilock::test
