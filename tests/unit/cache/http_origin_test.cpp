#include "cache/http_origin.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <doctest/doctest.h>

namespace trilock {
namespace {

// The environment of a runner, with a home directory of its own.
class Runner {
 public:
  Runner() {
    std::string pattern = std::filesystem::temp_directory_path() / "trilock-origin.XXXXXX";
    home_ = ::mkdtemp(pattern.data());
    variables["HOME"] = home_;
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() { std::filesystem::remove_all(home_); }

  void write_netrc(const std::string& text) const { std::ofstream(home_ + "/.netrc") << text; }
  [[nodiscard]] std::string netrc() const { return home_ + "/.netrc"; }
  [[nodiscard]] ReadVariable variable() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  }
  [[nodiscard]] bool token_goes_to(std::string_view url) const { return may_have_token(url, variable()).value(); }

  std::map<std::string, std::string> variables;

 private:
  std::string home_;
};

}  // namespace

TEST_CASE("origin: scheme, host and port of a URL") {
  CHECK(origin_of("https://ci.example/a/b") == HttpOrigin{"https", "ci.example", 443});
  CHECK(origin_of("http://CI.example") == HttpOrigin{"http", "ci.example", 80});
  CHECK(origin_of("HTTPS://[::1]:8443/") == HttpOrigin{"https", "[::1]", 8443});
  CHECK(to_string(*origin_of("https://ci.example:443/x")) == "https://ci.example");
  CHECK(to_string(*origin_of("http://ci.example:443")) == "http://ci.example:443");
  // A library may see another host in these.
  for (const char* const url :
       {"https://ci.example%2eevil.example/", "https://ci.example\\@evil.example/", "https://ci.example:80:90/",
        "https://ci.example:/", "https://ci.example:99999/", "https://ci.example:8o/", "https://user@ci.example/",
        "https://", "https:///a", "https://ci.example#/", "https://ci example/", "ftp://ci.example/", "ci.example",
        "https://[::1/", "https://[]/", "https://ci.example:+443/"}) {
    CAPTURE(url);
    CHECK_FALSE(origin_of(url));
  }
}

TEST_CASE("origin: a token goes to the origin that the runner named, and to no other") {
  Runner runner;
  CHECK_FALSE(runner.token_goes_to("https://ci.example/"));
  runner.variables["TRILOCK_CACHE_HOST"] = "https://ci.example:8443";
  CHECK(runner.token_goes_to("https://ci.example:8443/any/path"));
  CHECK(runner.token_goes_to("https://CI.EXAMPLE:08443"));
  for (const char* const url :
       {"https://ci.example/", "http://ci.example:8443/", "https://ci.example:8444/", "https://ci.example.evil:8443/",
        "https://evil.example:8443/ci.example:8443", "https://a.ci.example:8443/", "https://ci.example.:8443/"}) {
    CAPTURE(url);
    CHECK_FALSE(runner.token_goes_to(url));
    CHECK_FALSE(is_named_by_runner(url, runner.variable()));
  }
  runner.variables["TRILOCK_CACHE_HOST"] = "ci.example";
  CHECK(runner.token_goes_to("https://ci.example:443"));
  CHECK_FALSE(runner.token_goes_to("http://ci.example"));
  runner.variables["TRILOCK_CACHE_HOST"] = "http://127.0.0.1:80/";
  CHECK(runner.token_goes_to("http://127.0.0.1/cache"));
  for (const char* const text : {"https://ci.example/cache", "https://user:word@ci.example", "ci.example:x", "ftp://a",
                                 "https://", "a b", "https://*.example"}) {
    CAPTURE(text);
    runner.variables["TRILOCK_CACHE_HOST"] = text;
    const Result<bool> found = may_have_token("https://ci.example", runner.variable());
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::invalid);
    CHECK_FALSE(is_named_by_runner("https://ci.example", runner.variable()));
  }
  runner.variables["TRILOCK_CACHE_HOST"] = "";
  CHECK_FALSE(runner.token_goes_to("https://ci.example"));
}

TEST_CASE("origin: a host of .netrc was named by the runner") {
  Runner runner;
  runner.write_netrc("machine ci.example login l password p\nmachine 127.0.0.1 login l\n");
  CHECK(runner.token_goes_to("https://ci.example:8443/"));
  CHECK(runner.token_goes_to("http://127.0.0.1:8080/"));
  CHECK_FALSE(runner.token_goes_to("http://ci.example/"));  // in clear text over a network
  CHECK(is_named_by_runner("http://ci.example/", runner.variable()));
  CHECK_FALSE(runner.token_goes_to("https://other.example/"));
  runner.write_netrc("default login l password p\n");
  CHECK_FALSE(runner.token_goes_to("https://ci.example/"));
  std::filesystem::remove(runner.netrc());
  REQUIRE(::mkfifo(runner.netrc().c_str(), 0600) == 0);
  CHECK_FALSE(runner.token_goes_to("https://ci.example/"));
}

TEST_CASE("origin: the form of .netrc") {
  CHECK(netrc_names("machine a\n", "a"));
  CHECK(netrc_names("machine\n  A.Example\n\tlogin x", "a.example"));
  CHECK(netrc_names("machine b login l password \"p q\" machine a", "a"));
  CHECK(netrc_names("# machine x\nmachine a", "a"));
  CHECK_FALSE(netrc_names("# machine a\n", "a"));
  CHECK_FALSE(netrc_names("machine b login machine password a", "a"));
  CHECK_FALSE(netrc_names("machine b macdef init\nmachine a\n\n", "a"));
  CHECK(netrc_names("machine b macdef init\ncd /\n\nmachine a\n", "a"));
  CHECK_FALSE(netrc_names("machine", "a"));
  CHECK_FALSE(netrc_names("", "a"));
}

}  // namespace trilock
