#include "engine/cli/json_events.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "schemas/utf8.hpp"

using namespace trilock;
using trilock::cli::Utf8Stream;

TEST_CASE("a character that is cut in two waits for its rest") {
  Utf8Stream stream;
  CHECK(stream.feed("gr\xc3") == "gr");
  CHECK(stream.feed("\xbc\xc3\x9f\xf0\x9f") == "üß");
  CHECK(stream.feed("\x9a\x80!") == "🚀!");
  CHECK(stream.feed("\xe2\x82") == "");
  CHECK(stream.finish() == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("what is no character is replaced at once") {
  Utf8Stream stream;
  CHECK(stream.feed("a\xff\xfe") == "a\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(stream.feed("\xc3(") == "\xef\xbf\xbd(");
  CHECK(stream.feed("\xed\xa0\x80x") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");  // a surrogate
}

TEST_CASE("any bytes, cut anywhere, give valid UTF-8, and the same as in one piece") {
  const std::uint32_t seed = 99;
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::vector<std::string> parts{"a",        "ü",        "€",    "🚀",    "\xc3",
                                       "\xe2\x82", "\xf0\x9f", "\x80", "\xff", "\xed\xa0\x80"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::size_t count = below(12); count > 0; --count) text += parts[below(parts.size())];
    Utf8Stream whole_stream;
    std::string whole = whole_stream.feed(text);
    whole += whole_stream.finish();
    Utf8Stream stream;
    std::string pieces;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t size = std::min(rest.size(), 1 + below(3));
      const std::string piece = stream.feed(rest.substr(0, size));
      REQUIRE(!find_invalid_utf8(piece));
      pieces += piece;
      rest.remove_prefix(size);
    }
    pieces += stream.finish();
    CAPTURE(seed);
    CAPTURE(round);
    REQUIRE(pieces == whole);
  }
}
