#include "cache/publisher.hpp"

#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>

#include <doctest/doctest.h>

#include "tests/support/memory_disk.hpp"
#include "tests/support/without_threads.hpp"
#include "tests/unit/cache/cache_fixture.hpp"

namespace trilock::test {
namespace {

using std::chrono::milliseconds;

// A tier that notes what it is given, and may be slow or refuse.
class FakeTier final : public CacheTier {
 public:
  explicit FakeTier(Disk& disk) : disk_(disk) {}
  [[nodiscard]] std::string_view name() const override { return "the cache `https://ci.example`"; }
  Result<std::string> result(const StrongDigest&) override { return fail(ErrorKind::not_found, "none"); }
  Result<std::string> blob(const StrongDigest&, std::uint64_t) override { return fail(ErrorKind::not_found, "none"); }
  Status fetch(const StrongDigest&, std::uint64_t, const std::string&, std::uint32_t) override {
    return fail(ErrorKind::not_found, "none");
  }
  Status publish(std::span<const Publication> publications) override {
    std::this_thread::sleep_for(delay);
    const std::lock_guard lock(lock_);
    for (const Publication& publication : publications) {
      actions.push_back(publication.action);
      for (const BlobSource& blob : publication.blobs)
        if (!blob.path.empty()) contents.push_back(disk_.read(blob.path).value_or("(missing)"));
    }
    if (refuses) return fail(ErrorKind::io, "it answered 403");
    return {};
  }
  std::vector<std::string> take_warnings() override { return {}; }

  milliseconds delay{0};
  bool refuses = false;
  std::vector<StrongDigest> actions;
  std::vector<std::string> contents;

 private:
  Disk& disk_;
  std::mutex lock_;
};

Publication with_file(MemoryDisk& disk, std::string_view name, const std::string& content) {
  const std::string path = "/w/" + std::string(name);
  disk.put(path, content);
  Publication publication = publication_of(name, {content});
  publication.blobs = {file_source(path, content)};
  return publication;
}

}  // namespace

TEST_CASE("publisher: outputs are kept as they were when they were added") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  FakeTier shared(disk);
  {
    Publisher publisher(local, &shared, {.delay = milliseconds(10'000)});
    REQUIRE(publisher.add(with_file(disk, "one", "abc"), Publisher::Reach::shared).has_value());
    REQUIRE(publisher.add(with_file(disk, "two", "def"), Publisher::Reach::local).has_value());
    disk.put("/w/one", "changed");
    publisher.flush();  // does not wait for the delay
    CHECK(local.result(action_of("one")).has_value());
    CHECK(local.result(action_of("two")).has_value());
    CHECK(local.blob(strong_digest("abc"), 3).value() == "abc");
    CHECK(shared.actions == std::vector<StrongDigest>{action_of("one")});
    CHECK(shared.contents == std::vector<std::string>{"abc"});
    CHECK(publisher.take_warnings().empty());
  }
  CHECK(disk.list("/cache/tmp")->empty());
}

TEST_CASE("publisher: who leaves the shared tier keeps results on this machine alone") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  FakeTier shared(disk);
  Publisher publisher(local, &shared, {.delay = milliseconds(10'000)});
  REQUIRE(publisher.add(with_file(disk, "one", "abc"), Publisher::Reach::shared).has_value());
  publisher.leave_shared();
  publisher.flush();
  CHECK(local.result(action_of("one")).has_value());
  CHECK(shared.actions.empty());
  CHECK(publisher.take_warnings().empty());
}

TEST_CASE("publisher: results are sealed on their way") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  Publisher publisher(local, nullptr);
  Publication plain = publication_of("one", {"abc"});
  plain.result = encode_result(result_with({"abc"}, Shape::files), {}).result;
  REQUIRE(publisher.add(std::move(plain), Publisher::Reach::shared).has_value());
  publisher.flush();
  CHECK(check_seal(local.result(action_of("one")).value(), action_of("one")).value() == ResultWriter::trilock);
}

TEST_CASE("publisher: a file that changed since it was hashed keeps the result from being kept") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  Publisher publisher(local, nullptr);
  Publication publication = with_file(disk, "one", "abc");
  publication.blobs.push_back(file_source("/w/one", "abd"));
  CHECK(publisher.add(std::move(publication), Publisher::Reach::local).error().kind == ErrorKind::corrupt);
  publisher.flush();
  CHECK(local.result(action_of("one")).error().kind == ErrorKind::not_found);
  CHECK(publisher.take_warnings().empty());  // the caller says it
  CHECK(disk.list("/cache/tmp")->empty());
}

TEST_CASE("publisher: failures are said once for each tier") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  FakeTier shared(disk);
  shared.refuses = true;
  Publisher publisher(local, &shared);
  for (const std::string name : {"one", "two", "three"}) {
    REQUIRE(publisher.add(with_file(disk, name, name), Publisher::Reach::shared).has_value());
    publisher.flush();
  }
  CHECK(publisher.take_warnings() ==
        std::vector<std::string>{"not every result is kept in the cache `https://ci.example`: it answered 403"});
  disk.fail_write(3, ENOSPC, FaultSpan::from_then_on);
  for (const std::string name : {"four", "five"}) {
    (void)publisher.add(with_file(disk, name, name), Publisher::Reach::local);
    publisher.flush();
  }
  const std::vector<std::string> warnings = publisher.take_warnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].starts_with("not every result is kept in the cache directory `/cache`: "));
}

TEST_CASE("publisher: a slow tier holds nobody up, and is given no more than there is room for") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  FakeTier shared(disk);
  shared.delay = milliseconds(300);
  Publisher publisher(local, &shared, {.delay = milliseconds(1), .waiting_shared_bytes = 1});
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i)
    REQUIRE(publisher.add(with_file(disk, std::to_string(i), "x"), Publisher::Reach::shared).has_value());
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(250));
  publisher.flush();
  CHECK(shared.actions.empty());
  CHECK(local.result(action_of("4")).has_value());
  CHECK(publisher.take_warnings() ==
        std::vector<std::string>{
            "not every result is kept in the cache `https://ci.example`: it is slower than results are made"});
}

TEST_CASE("publisher: many nodes at once share syncs") {
  MemoryDisk disk;
  CacheDirectory local(disk, "/cache");
  Publisher publisher(local, nullptr, {.delay = milliseconds(50), .batch_bytes = 100});
  std::vector<std::thread> nodes;
  for (int node = 0; node < 8; ++node)
    nodes.emplace_back([&, node] {
      for (int i = 0; i < 20; ++i) {
        const std::string name = std::to_string(node) + "-" + std::to_string(i);
        CHECK(publisher.add(with_file(disk, name, name), Publisher::Reach::local).has_value());
      }
    });
  for (std::thread& node : nodes) node.join();
  publisher.flush();
  for (int node = 0; node < 8; ++node)
    for (int i = 0; i < 20; ++i)
      CHECK(local.result(action_of(std::to_string(node) + "-" + std::to_string(i))).has_value());
}

TEST_CASE("publisher: without threads those that add do the work") {
  CHECK(holds_without_threads([] {
    MemoryDisk disk;
    CacheDirectory local(disk, "/cache");
    FakeTier shared(disk);
    Publisher publisher(local, &shared, {.delay = milliseconds(10'000)});
    for (const std::string name : {"one", "two", "three"})
      if (!publisher.add(with_file(disk, name, name), Publisher::Reach::shared)) return false;
    publisher.flush();
    return local.result(action_of("three")).has_value() && shared.actions.size() == 3;
  }));
}

}  // namespace trilock::test
