#include "cache/discovered_sets.hpp"

#include <doctest/doctest.h>

#include "cache/hash.hpp"
#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;

namespace {
using Sets = std::vector<PathSet>;
}  // namespace

TEST_CASE("discovered sets: the newest first, each once, sixteen at most") {
  MemoryDisk disk;
  DiscoveredSets store(disk, "/cache");
  const FastDigest key = fast_digest("key");
  CHECK(store.find(key).empty());
  REQUIRE(store.add(key, {"a.h", "b.h"}).has_value());
  REQUIRE(store.add(key, {}).has_value());
  CHECK(store.find(key) == Sets{{}, {"a.h", "b.h"}});
  REQUIRE(store.add(key, {"a.h", "b.h"}).has_value());
  CHECK(store.find(key) == Sets{{"a.h", "b.h"}, {}});
  const std::size_t writes = disk.writes();
  REQUIRE(store.add(key, {"a.h", "b.h"}).has_value());
  CHECK(disk.writes() == writes);
  for (int i = 0; i < 20; ++i) REQUIRE(store.add(key, {std::to_string(i)}).has_value());
  REQUIRE(store.find(key).size() == 16);
  CHECK(store.find(key).front() == PathSet{"19"});
  CHECK(store.find(fast_digest("other")).empty());
}

TEST_CASE("discovered sets: paths of any bytes come back") {
  const Sets sets = {{std::string("a\nb\0c", 5), "\xff\xfe"}, {}, {std::string(70000, 'x')}};
  const Result<Sets> read = decode_path_sets(encode_path_sets(sets));
  REQUIRE(read.has_value());
  CHECK(*read == sets);
}

TEST_CASE("discovered sets: damage of any byte is found, and the file removed") {
  const std::string bytes = encode_path_sets({{"a.h", "b.h"}, {"c.h"}});
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK(!decode_path_sets(damaged).has_value());
    CHECK(!decode_path_sets(std::string_view(bytes).substr(0, i)).has_value());
  }
  const auto sealed = [](std::string body) { return body.append(fast_digest(body).view()); };
  const std::string head("trilockD\x01");
  CHECK(decode_path_sets(sealed(head)).has_value());
  CHECK(!decode_path_sets(sealed(head + "\xff\xff\xff\xff")).has_value());                  // more than there is
  CHECK(!decode_path_sets(sealed(head + std::string("\1\0\0\0\0\0\0\0", 8))).has_value());  // an empty path
  CHECK(!decode_path_sets(sealed(head + std::string("\2\0\0\0\1\0\0\0b\1\0\0\0a", 14))).has_value());  // out of order
  MemoryDisk disk;
  DiscoveredSets store(disk, "/cache");
  const FastDigest key = fast_digest("key");
  REQUIRE(store.add(key, {"a.h"}).has_value());
  std::string path;
  for (const std::string& there : disk.paths())
    if (there.ends_with(key.hex())) path = there;
  disk.put(path, "rubbish");
  CHECK(store.find(key).empty());
  CHECK(!disk.has(path));
}
