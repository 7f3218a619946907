// What counts as a secret's form comes from the tools that make them: `base64`, `jq -R @uri`, `jq -R .`.
#include "engine/redact.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

using namespace trilock;

namespace {

Redactor redactor_of(const std::vector<std::string>& secrets) {
  std::vector<EnvVar> env;
  for (const std::string& secret : secrets) env.push_back({"S" + std::to_string(env.size()), secret, EnvClass::secret});
  return Redactor(env);
}

std::string redacted(const std::vector<std::string>& secrets, std::string text) {
  return redactor_of(secrets)(std::move(text));
}

}  // namespace

TEST_CASE("values of class secret are redacted, others and those under four bytes are not") {
  const Redactor redact({{"T", "hunter2", EnvClass::secret},
                         {"U", "hunter2-long", EnvClass::secret},
                         {"V", "abc", EnvClass::secret},
                         {"W", "plain", EnvClass::declared}});
  CHECK(redact("a hunter2-long b hunter2hunter2 abc plain") == "a *** b ****** abc plain");
  CHECK(Redactor().empty());
  CHECK(Redactor()("hunter2") == "hunter2");
}

TEST_CASE("overlapping secrets leave nothing of either") {
  CHECK(redacted({"abcdef", "defghi"}, "-abcdefghi-") == "-***-");
  CHECK(redacted({"aaaa"}, "aaaaaaa") == "***");
}

TEST_CASE("each line of a secret with several is a secret, however it is terminated") {
  const std::string key = "-----BEGIN KEY-----\nMIIEow\r\nab\n-----END KEY-----\n";
  CHECK(redacted({key}, "1: MIIEow\n2: ab\n") == "1: ***\n2: ab\n");
  CHECK(redacted({key}, key + "x") == "***x");
  CHECK(redacted({"hunter2\n"}, "is hunter2.") == "is ***.");
}

TEST_CASE("base64 of a secret is redacted, alone and inside of a longer text") {
  CHECK(redacted({"s3cr3t!"}, "czNjcjN0IQ==") == "***");                                     // s3cr3t!
  CHECK(redacted({"s3cr3t!"}, "czNjcjN0IQ") == "***");                                       // without padding
  CHECK(redacted({"s3cr3t!"}, "dTpzM2NyM3Qh") == "dTp***");                                  // u:s3cr3t!
  CHECK(redacted({"s3cr3t!"}, "dXNlcjpzM2NyM3Qh") == "dXNlcjp***");                          // user:s3cr3t!
  CHECK(redacted({"s3cr3t!"}, "eHl6dzpzM2NyM3QhOmFi").find("M2NyM3") == std::string::npos);  // xyzw:s3cr3t!:ab
  CHECK(redacted({"s3cr3t!"}, "YWI6czNjcjN0ITp4") == "YWI6***Tp4");  // ab:s3cr3t!:x: the T holds more of the colon
  CHECK(redacted({"?\?>>~~"}, "Pz8+Pn5+ Pz8-Pn5-") == "*** ***");    // both alphabets
}

TEST_CASE("percent-encoded, JSON-escaped and shell-quoted secrets are redacted") {
  CHECK(redacted({"p@ss w/rd"}, "p%40ss%20w%2Frd p%40ss%20w%2frd p%40ss+w%2Frd") == "*** *** ***");
  CHECK(redacted({"it's (ok)"}, "it's%20(ok)") == "***");  // encodeURIComponent
  CHECK(redacted({"a\"b\\c\nd"}, R"("a\"b\\c\nd")") == "\"***\"");
  CHECK(redacted({"it's me"}, R"(+ echo 'it'\''s me')") == "+ echo '***'");   // bash -x
  CHECK(redacted({"it's me"}, R"(+ echo 'it'"'"'s me')") == "+ echo '***'");  // dash -x
  CHECK(redacted({"a<b&c"}, R"(a\u003cb\u0026c)") == "***");                  // Go's encoding/json
}

TEST_CASE("with() adds secrets and leaves the first ones") {
  const Redactor first = redactor_of({"alpha"});
  const Redactor both = first.with({{"X", "gamma", EnvClass::secret}, {"Y", "delta", EnvClass::passed}});
  CHECK(both("alpha gamma delta") == "*** *** delta");
  CHECK(first("alpha gamma") == "*** gamma");
}

TEST_CASE("what is cut anywhere is redacted as the whole is") {
  const std::uint32_t seed = 20240611;
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (int round = 0; round < 3000; ++round) {
    // Few letters, so that secrets overlap, repeat and begin alike.
    const auto word = [&](std::size_t longest) {
      std::string text;
      for (std::size_t length = below(longest + 1); text.size() < length;) text += "ab\n%"[below(4)];
      return text;
    };
    std::vector<std::string> secrets;
    for (std::size_t count = 1 + below(3); secrets.size() < count;) secrets.push_back(word(8));
    std::string text;
    for (std::size_t parts = below(12); parts > 0; --parts)
      text += below(2) == 0 ? secrets[below(secrets.size())] : word(6);

    const Redactor redact = redactor_of(secrets);
    StreamRedactor stream(redact);
    std::string streamed;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t size = std::min(rest.size(), 1 + below(5));
      streamed += stream.feed(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    streamed += stream.finish();
    CAPTURE(seed);
    CAPTURE(round);
    CAPTURE(text);
    REQUIRE(streamed == redact(text));
    for (const std::string& secret : secrets)
      if (secret.size() >= 4) REQUIRE(streamed.find(secret) == std::string::npos);
  }
}

TEST_CASE("a stream keeps back less than the longest secret, and begins anew after its end") {
  const Redactor redact = redactor_of({"0123456789"});
  StreamRedactor stream(redact);
  CHECK(stream.feed("ab012345678") == "ab");
  CHECK(stream.feed("x") == "012345678x");
  CHECK(stream.feed("0123") == "");
  CHECK(stream.finish() == "0123");
  CHECK(stream.feed("456789") == "456789");
}
