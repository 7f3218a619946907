#include "cache/discovered_sets.hpp"

#include <doctest/doctest.h>

#include "cache/hash.hpp"

using namespace trilock;

namespace {
using Sets = std::vector<PathSet>;
}  // namespace

TEST_CASE("discovered sets: the newest first, each once, sixteen at most") {
  Sets sets;
  CHECK(put_first(sets, {"a.h", "b.h"}));
  CHECK(put_first(sets, {}));
  CHECK(sets == Sets{{}, {"a.h", "b.h"}});
  CHECK(put_first(sets, {"a.h", "b.h"}));
  CHECK(sets == Sets{{"a.h", "b.h"}, {}});
  CHECK(!put_first(sets, {"a.h", "b.h"}));
  for (int i = 0; i < 20; ++i) CHECK(put_first(sets, {std::to_string(i)}));
  REQUIRE(sets.size() == most_path_sets);
  CHECK(sets.front() == PathSet{"19"});
}

TEST_CASE("discovered sets: paths of any bytes come back") {
  const Sets sets = {{std::string("a\nb\0c", 5), "\xff\xfe"}, {}, {std::string(70000, 'x')}};
  const Result<Sets> read = decode_path_sets(encode_path_sets(sets));
  REQUIRE(read.has_value());
  CHECK(*read == sets);
}

TEST_CASE("discovered sets: damage of any byte is found") {
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
}
