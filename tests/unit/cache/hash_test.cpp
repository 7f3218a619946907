#include "cache/hash.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace trilock;

namespace {

// The buffer of xxHash's self-test (cli/xsum_sanity_check.c, XSUM_fillTestBuffer).
std::string xxhash_test_buffer(std::size_t size) {
  std::string buffer;
  std::uint64_t generator = 2654435761U;
  for (std::size_t i = 0; i < size; ++i) {
    buffer += static_cast<char>(generator >> 56);
    generator *= 11400714785074694797ULL;
  }
  return buffer;
}

std::string pattern_buffer(std::size_t size) {
  std::string buffer;
  for (std::size_t i = 0; i < size; ++i) buffer += static_cast<char>((i * 131 + 7) % 251);
  return buffer;
}

struct Sums {
  std::size_t size;
  const char* fast;
  const char* strong;
};

// Of pattern_buffer(size): `xxhsum -H2` 0.8.1 and coreutils' `sha256sum`.
const std::vector<Sums>& tool_sums() {
  static const std::vector<Sums> sums = {
      {0, "99aa06d3014798d86001c324468d497f", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {1, "495b62073ef70ca44c5cca45d0f4811f", "ca358758f6d27e6cf45272937977a748fd88391db679ceda7dc7bf1f005ee879"},
      {3, "de0de73b78221781d079cb72d5dc8fe3", "3d632ab1d880525e5c30b3d9dd2e17ea429f4ec28431bb5c402a07ebe0065f8c"},
      {16, "2ea9b26e0de3c1293ad9b09b55ff159d", "cd32ad5c62b3e07b59bd6e4c02974583c3508872e1062d17f07960d503121563"},
      {17, "e98962a9feec88ce2aded60943cd42fc", "eafdaa6a361493281d35d964c3285db081324326095b6c7631e02485ff1b88d9"},
      {128, "c2dbaea325ed4288a4623912aab4c938", "d7e35d44a21df6aedb1dde3425d95884df446995820ccec65182c2d821d21727"},
      {129, "eac1039c6fbf7b8cf316461ff6b978d7", "348401f3769d1b8d811658094df5707030d3c7f0305ac490c98dafacba11487b"},
      {240, "4536dcb050ba614460a06c4f31468cc3", "36d0f49772b4bd1f7c192c43cf270e33f061b596d919bc65209e9344278809b2"},
      {241, "b4125661642a66f9246c5fe4ed1436a3", "2554b57c7285de23086c04244d9b8bab748a7707f40a515716ea43dadb2953be"},
      {1024, "4b8b4d51d1b23ed30b662daec235d4ca", "fcfe451f6eeb3935754dbf7d8f86373eaf2b530c51f2a2b15472b7fca83793dc"},
      {1025, "1c489c9ad8646bff13d178f3e2b48e9e", "565ab9bdfb7bb76c30c5a7ac2db6d2e65f011f550e779e659be11e9b1e979ba0"},
      {262144, "34df9db3f0b8fdd2b8d3c9a82f186506", "35bb47a9efbf3a58f7ed91b6c00eeb76de02930acb26c236145cc746f775b9a7"},
      {300000, "d4ca6ed1d57e19c5bfbafd6f5e43fede", "28d7101af685c2cead6215a2ad05421bef3afa37364a21ba48e31a11ba118d08"},
  };
  return sums;
}

}  // namespace

TEST_CASE("fast digests are those of xxHash's own self-test, high half first") {
  struct Vector {
    std::size_t size;
    const char* hex;
  };
  // XSUM_XXH128_testdata with seed 0.
  for (const Vector& vector : {Vector{0, "99aa06d3014798d86001c324468d497f"},
                               {1, "a6cd5e9392000f6ac44bdff4074eecdb"},
                               {6, "082afe0b8162d12a3e7039bdda43cfc6"},
                               {12, "6e3efd8fc7802b18061a192713f69ad9"},
                               {24, "0ce966e4678d37611e7044d28b1b901d"},
                               {48, "a002ac4e5478227ef942219aed80f67b"},
                               {81, "4952f58181ab00425e8bafb9f95fb803"},
                               {222, "337e09641b948717f1aebd597cec6b3a"},
                               {403, "1b6de21e332dd73dcdeb804d65c6dea4"},
                               {512, "18d2d110dcc9bca1617e49599013cb6b"},
                               {2048, "f736557fd47073a5dd59e2c3a5f038e0"},
                               {2240, "ccb134fbfa7ce49d6e73a90539cf2948"},
                               {2367, "e89c0f6ff369b427cb37aeb9e5d361ed"}}) {
    CAPTURE(vector.size);
    CHECK(fast_digest(xxhash_test_buffer(vector.size)).hex() == vector.hex);
  }
}

TEST_CASE("strong digests are those of FIPS 180-4's examples") {
  CHECK(strong_digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(strong_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex() ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(strong_digest("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(strong_digest(std::string(1'000'000, 'a')).hex() ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("both digests are those of xxhsum and sha256sum at the sizes where the algorithms change") {
  for (const Sums& sums : tool_sums()) {
    CAPTURE(sums.size);
    const std::string bytes = pattern_buffer(sums.size);
    CHECK(fast_digest(bytes).hex() == sums.fast);
    CHECK(strong_digest(bytes).hex() == sums.strong);
  }
}

TEST_CASE("a hasher gives the digest of all pieces, however they are cut") {
  for (const Sums& sums : tool_sums()) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{4099}}) {
      CAPTURE(sums.size);
      CAPTURE(piece);
      const std::string bytes = pattern_buffer(sums.size);
      FastHasher fast;
      StrongHasher strong;
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        fast.update(std::string_view(bytes).substr(at, piece));
        strong.update(std::string_view(bytes).substr(at, piece));
      }
      CHECK(fast.digest().hex() == sums.fast);
      CHECK(strong.finish().hex() == sums.strong);
    }
  }
}

TEST_CASE("a fast digest can be taken in between, and hashers can be moved") {
  FastHasher first;
  first.update("ab");
  CHECK(first.digest() == fast_digest("ab"));
  FastHasher second = std::move(first);
  second.update("c");
  CHECK(second.digest() == fast_digest("abc"));
  StrongHasher strong;
  strong.update("ab");
  StrongHasher moved = std::move(strong);
  moved.update("c");
  CHECK(moved.finish() == strong_digest("abc"));
}
