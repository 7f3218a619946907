#include "cache/result_codec.hpp"

#include <cstdint>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "cache/hash.hpp"

namespace trilock {
namespace {

template <std::size_t Size>
Bytes<Size> counting_from(std::uint8_t first) {
  Bytes<Size> digest;
  for (std::uint8_t& byte : digest.data) byte = first++;
  return digest;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[static_cast<std::uint8_t>(byte) >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

ActionResult sample() {
  ActionResult result;
  result.key = counting_from<16>(0x10);
  result.outputs = {
      {.path = "bin/app",
       .type = EntryType::file,
       .mode = 0755,
       .size = 300,
       .blob = counting_from<32>(0),
       .content = counting_from<16>(0xf0)},
      {.path = "bin/tool", .type = EntryType::symlink, .symlink_target = "app"},
      {.path = "out", .type = EntryType::directory, .mode = 0700},
  };
  result.values = {{"digest", "sha256:ab"}};
  result.witness = {{"id", "7"}};
  result.out = "built\n";
  result.err = "warning\n";
  result.duration_ms = 1500;
  result.explanation = {{"rule", "command"}, {"empty", ""}};
  result.discovered = {"/inc/a.h", "b.h"};
  return result;
}

bool same(const ActionResult& a, const ActionResult& b) {
  return a.key == b.key && a.outputs == b.outputs && a.values == b.values && a.witness == b.witness && a.out == b.out &&
         a.err == b.err && a.duration_ms == b.duration_ms && a.explanation == b.explanation &&
         a.discovered == b.discovered;
}

// Bytes with the checksum that they should have: what a forger would write.
std::string sealed(std::string body) {
  body.append(fast_digest(body).view());
  return body;
}

const std::string head = std::string("trilockR\x01", 9) + "\x01\x10" + std::string(16, 'k');

class RandomResult {
 public:
  explicit RandomResult(std::uint64_t seed) : random_(seed) {}

  ActionResult make() {
    ActionResult result;
    fill(result.key);
    for (std::uint64_t i = below(6); i > 0; --i) {
      OutputEntry& entry = result.outputs.emplace_back();
      entry.path = text();
      entry.type = EntryType{static_cast<std::uint8_t>(below(3))};
      entry.mode = static_cast<std::uint32_t>(below(01000));
      entry.size = below(2) != 0 ? random_() : below(200);
      if (below(2) != 0) fill(entry.blob);
      if (below(2) != 0) fill(entry.content);
      entry.symlink_target = text();
    }
    for (auto* fields : {&result.values, &result.witness, &result.explanation}) {
      for (std::uint64_t i = below(5); i > 0; --i) fields->push_back({text(), text()});
    }
    result.out = text();
    result.err = text();
    result.duration_ms = below(3) == 0 ? 0 : random_() >> below(64);
    return result;
  }

  std::uint64_t below(std::uint64_t end) { return random_() % end; }

 private:
  template <std::size_t Size>
  void fill(Bytes<Size>& digest) {
    for (std::uint8_t& byte : digest.data) byte = static_cast<std::uint8_t>(random_());
  }
  std::string text() {
    std::string text(below(4) == 0 ? below(300) : below(12), '\0');
    for (char& byte : text) byte = static_cast<char>(random_());
    return text;
  }
  std::mt19937_64 random_;
};

}  // namespace

// Written from the grammar in the header by a program of its own; the checksum is what `xxhsum -H128` gives.
TEST_CASE("result codec: the bytes are those of the grammar") {
  constexpr std::string_view golden =
      "7472696c6f636b5201"
      "0110101112131415161718191a1b1c1d1e1f"
      "0245010762696e2f6170700302ed030402ac020520000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
      "0610f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
      "0212010862696e2f746f6f6c0201020703617070"
      "020c01036f75740201010302c003"
      "0313010664696765737402097368613235363a6162"
      "04070102696402"
      "0137"
      "05066275696c740a"
      "06087761726e696e670a"
      "0702dc0b"
      "080f010472756c650207636f6d6d616e64"
      "08070105656d707479"
      "09082f696e632f612e68"
      "0903622e68"
      "3ffa25e0043a2ee627ff2748ab1e85a1";
  CHECK(hex(encode(sample())) == golden);
}

TEST_CASE("result codec: what was written is read") {
  const Result<ActionResult> read = decode(encode(sample()));
  REQUIRE(read.has_value());
  CHECK(same(*read, sample()));

  const ActionResult empty;
  const Result<ActionResult> nothing = decode(encode(empty));
  REQUIRE(nothing.has_value());
  CHECK(same(*nothing, empty));
}

TEST_CASE("result codec: the two halves hold all and share the key") {
  const ActionResult whole = sample();
  const Result<ActionResult> essence = decode(encode(whole, ResultPart::essence));
  const Result<ActionResult> detail = decode(encode(whole, ResultPart::detail));
  REQUIRE(essence.has_value());
  REQUIRE(detail.has_value());
  CHECK(essence->out.empty());
  CHECK(essence->explanation.empty());
  CHECK(detail->outputs.empty());
  CHECK(detail->key == whole.key);
  ActionResult joined = *essence;
  joined.out = detail->out;
  joined.err = detail->err;
  joined.explanation = detail->explanation;
  CHECK(same(joined, whole));
}

TEST_CASE("result codec: random results come back equal") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    const ActionResult result = RandomResult(seed).make();
    const std::string bytes = encode(result);
    const Result<ActionResult> read = decode(bytes);
    REQUIRE(read.has_value());
    REQUIRE(same(*read, result));
    REQUIRE(encode(*read) == bytes);
  }
}

TEST_CASE("result codec: every truncation and every changed byte is found") {
  const std::string bytes = encode(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    const Result<ActionResult> read = decode(std::string_view(bytes).substr(0, length));
    REQUIRE(!read.has_value());
    REQUIRE(read.error().kind == ErrorKind::corrupt);
  }
  CHECK(!decode(bytes + '\0').has_value());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int change = 1; change < 256; ++change) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      if (decode(damaged).has_value()) FAIL("byte ", i, " changed by ", change, " was not noticed");
    }
  }
}

// The checksum only finds accidents. These have a right one and a wrong form.
TEST_CASE("result codec: a wrong form under a right checksum is refused") {
  const auto refused = [](const std::string& body) {
    const Result<ActionResult> read = decode(sealed(body));
    return !read.has_value() && read.error().kind == ErrorKind::corrupt;
  };
  REQUIRE(decode(sealed(head)).has_value());
  CHECK(refused("trilockR\x01"));                                                  // no key
  CHECK(refused("trilockR\x02" + head.substr(9)));                                 // another version
  CHECK(refused(std::string("trilockR\x01\x01\x0f", 11) + std::string(15, 'k')));  // a short key
  CHECK(refused(head + head.substr(9)));                                           // two keys
  CHECK(refused(head + "\x0a\x01x"));                                              // an unknown tag
  CHECK(refused(head + "\x06\x01x\x05\x01x"));                                     // tags that descend
  CHECK(refused(head + "\x05\x01x\x05\x01x"));                                     // a singular field twice
  CHECK(refused(head + std::string("\x05\x00", 2)));                          // an empty field that should not be there
  CHECK(refused(head + "\x05\x02x"));                                         // longer than what is left
  CHECK(refused(head + "\x05\x81"));                                          // a number that does not end
  CHECK(refused(head + std::string("\x05\x81\x00x", 4)));                     // a number that could be shorter
  CHECK(refused(head + std::string("\x07\x01\x00", 3)));                      // a zero that should not be there
  CHECK(refused(head + "\x07\x02\x01\x01"));                                  // excess after a number
  CHECK(refused(head + "\x07\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));  // more than 64 bits
  CHECK(refused(head + "\x02\x03\x02\x01\x03"));                              // an unknown type of entry
  CHECK(refused(head + "\x02\x06\x01\x01x\x01\x01y"));                        // two paths
  CHECK(refused(head + "\x02\x08\x03\x06\xff\xff\xff\xff\x7f\x7f"));          // a mode beyond 32 bits
  CHECK(refused(head + "\x02\x03\x05\x01x"));                                 // a short digest
  CHECK(refused(head + "\x03\x03\x03\x01x"));                                 // an unknown tag of a value
  CHECK(refused(head + "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"));     // a length of 2^64 - 1
  const Result<ActionResult> largest = decode(sealed(head + "\x07\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  REQUIRE(largest.has_value());
  CHECK(largest->duration_ms == ~std::uint64_t{0});
}

TEST_CASE("result codec: messages say what is wrong") {
  const auto message = [](const std::string& bytes) { return decode(bytes).error().message; };
  CHECK(message("") == "stored result is damaged: it is too short");
  CHECK(message(std::string(40, 'x')) == "stored result is damaged: it does not start with `trilockR`");
  CHECK(message(sealed("trilockR\x07" + head.substr(9))) == "stored result is damaged: it has the unknown version 7");
  CHECK(message(head + std::string(16, 'x')) == "stored result is damaged: its checksum does not match");
  CHECK(message(sealed("trilockR\x01")) ==
        "stored result is damaged: its fields do not have the form that they should have");
}

}  // namespace trilock
