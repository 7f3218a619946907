// A server as a tier of the cache, with everything that a server can do wrong.
#include <sys/stat.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "cache/hash.hpp"
#include "cache/http_tier.hpp"
#include "cache/remote_api/messages.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/temporary_directory.hpp"

namespace trilock {
namespace {

using namespace std::chrono_literals;
using test::HttpReply;
using test::HttpRequest;
using test::ScriptedServer;
using test::TemporaryDirectory;
using Lines = std::vector<std::string>;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return (std::ostringstream() << file.rdbuf()).str();
}

// What a server keeps that does as it is told.
struct Shelf {
  std::map<std::string, std::string> files;
  void put(std::string_view bytes) { files["/cas/" + strong_digest(bytes).hex()] = bytes; }
  HttpReply operator()(const HttpRequest& request) {
    if (request.method == "PUT") {
      files[request.path] = request.body;
      return {.status = 201};
    }
    const auto found = files.find(request.path);
    if (found == files.end()) return {.status = 404, .body = "<html>no such thing</html>"};
    return {.body = found->second};
  }
};

HttpSettings quick(std::string url) {
  HttpSettings settings;
  settings.url = std::move(url);
  settings.connect_timeout = 2'000ms;
  settings.stall_timeout = 1s;
  settings.backoff = 10ms;
  return settings;
}

HttpTier reader(const ScriptedServer& server) {
  return {quick(server.url()), CacheMode::read};
}

HttpTier writer(const ScriptedServer& server) {
  return {quick(server.url()), CacheMode::read_write};
}

BlobSource blob_of(std::string bytes) {
  return {strong_digest(bytes), bytes.size(), {}, bytes};
}

std::string result_of(const StrongDigest& action) {
  return seal_result(encode_result(ActionResult{.values = {{"of", action.hex()}}}, {}).result, action);
}

Publication publication(std::string_view action, std::vector<BlobSource> blobs) {
  return {strong_digest(action), result_of(strong_digest(action)), std::move(blobs)};
}

Lines lines_of(const ScriptedServer& server) {
  Lines lines;
  for (const HttpRequest& request : server.requests()) lines.push_back(request.method + " " + request.path);
  return lines;
}

std::size_t files_in(const std::string& path) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
}

const std::string bytes = "the bytes of a blob";
const StrongDigest digest = strong_digest(bytes);
const StrongDigest action = strong_digest("an action");
const std::string a_result = result_of(action);

// The kind of the error of fetching `bytes` from a server with this answer; nothing but a whole file may come of it.
ErrorKind fetch_fails(ScriptedServer::Script script, Lines* warnings = nullptr) {
  const TemporaryDirectory dir;
  const ScriptedServer server(std::move(script));
  HttpTier tier = reader(server);
  const Status status = tier.fetch(digest, bytes.size(), dir / "out", 0644);
  CHECK(files_in(dir.path()) == 0);
  if (warnings != nullptr) *warnings = tier.take_warnings();
  REQUIRE_FALSE(status);
  return status.error().kind;
}

}  // namespace

TEST_CASE("http: results and blobs are read from where Bazel puts them") {
  const TemporaryDirectory dir;
  Shelf shelf;
  shelf.put(bytes);
  shelf.files["/ac/" + action.hex()] = a_result;
  const ScriptedServer server(shelf);
  HttpTier tier = reader(server);
  CHECK(tier.name() == "the cache `" + server.url() + "`");
  CHECK(tier.result(action).value() == a_result);
  CHECK(tier.result(digest).error().kind == ErrorKind::not_found);
  CHECK(tier.blob(digest, bytes.size()).value() == bytes);
  CHECK(tier.blob(digest, 0).value() == bytes);
  CHECK(tier.blob(action, 0).error().kind == ErrorKind::not_found);
  CHECK(tier.fetch(digest, bytes.size(), dir / "a/out", 0755));
  CHECK(contents(dir / "a/out") == bytes);
  struct ::stat stat {};
  REQUIRE(::stat((dir / "a/out").c_str(), &stat) == 0);
  CHECK((stat.st_mode & 07777) == 0755);
  CHECK(files_in(dir / "a") == 1);
  CHECK(lines_of(server).front() == "GET /ac/" + action.hex());
  CHECK(server.connections() == 1);
  CHECK(tier.publish(std::vector<Publication>{publication("a", {})}));
  CHECK(server.requests().size() == 6);
  CHECK(tier.take_warnings() == Lines{});
}

TEST_CASE("http: the empty blob is neither asked for nor sent") {
  const TemporaryDirectory dir;
  const ScriptedServer server(Shelf{});
  HttpTier tier = writer(server);
  CHECK(tier.blob(strong_digest(""), 0).value().empty());
  CHECK(tier.fetch(strong_digest(""), 0, dir / "empty", 0600));
  CHECK(std::filesystem::file_size(dir / "empty") == 0);
  CHECK(tier.publish(std::vector<Publication>{publication("a", {blob_of("")})}));
  CHECK(lines_of(server) == Lines{"PUT /ac/" + strong_digest("a").hex()});
}

TEST_CASE("http: blobs are written first, each once, and several at once") {
  const TemporaryDirectory dir;
  Shelf shelf;
  const ScriptedServer server([&](const HttpRequest& request) {
    HttpReply reply = shelf(request);
    reply.delay = 20ms;
    return reply;
  });
  HttpTier tier = writer(server);
  std::vector<Publication> publications;
  for (int i = 0; i < 6; ++i)
    publications.push_back(
        publication(fmt::format("action {}", i), {blob_of("shared"), blob_of(fmt::format("{}", i))}));
  std::ofstream(dir / "file") << bytes;
  publications[0].blobs.push_back({digest, bytes.size(), dir / "file", {}});
  REQUIRE(tier.publish(publications));

  const std::vector<HttpRequest> requests = server.requests();
  REQUIRE(requests.size() == 1 + 6 + 1 + 6);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(requests[i].path.starts_with(i < 8 ? "/cas/" : "/ac/"));
    CHECK(requests[i].headers.at("content-length") == std::to_string(requests[i].body.size()));
    CHECK_FALSE(requests[i].headers.contains("content-encoding"));
  }
  CHECK(server.most_at_once() > 1);
  CHECK(server.most_at_once() <= 8);
  CHECK(server.connections() <= 8);
  CHECK(shelf.files.at("/cas/" + digest.hex()) == bytes);
  CHECK(shelf.files.at("/ac/" + strong_digest("action 3").hex()) == result_of(strong_digest("action 3")));
  for (const auto& [path, content] : shelf.files)
    if (path.starts_with("/cas/")) CHECK(path == "/cas/" + strong_digest(content).hex());

  REQUIRE(tier.publish(publications));
  CHECK(server.requests().size() == requests.size() + 6);  // the results alone
}

TEST_CASE("http: a large blob that is there is not sent again, unless its bytes were wrong") {
  const std::string large(300'000, 'x');
  const std::string other(300'000, 'y');
  Shelf shelf;
  shelf.put(large);
  shelf.files["/cas/" + strong_digest(other).hex()] = large;
  const ScriptedServer server(std::ref(shelf));
  HttpTier tier = writer(server);
  CHECK(tier.blob(strong_digest(other), other.size()).error().kind == ErrorKind::corrupt);
  REQUIRE(tier.publish(std::vector<Publication>{publication("a", {blob_of(large), blob_of(other)})}));
  const Lines requests = lines_of(server);
  CHECK(std::ranges::count(requests, "HEAD /cas/" + strong_digest(large).hex()) == 1);
  CHECK(std::ranges::count(requests, "PUT /cas/" + strong_digest(large).hex()) == 0);
  CHECK(std::ranges::count(requests, "PUT /cas/" + strong_digest(other).hex()) == 1);
  CHECK(shelf.files["/cas/" + strong_digest(other).hex()] == other);

  shelf.files["/cas/" + strong_digest(large).hex()] = large.substr(1);
  HttpTier next = writer(server);
  REQUIRE(next.publish(std::vector<Publication>{publication("a", {blob_of(large)})}));
  CHECK(shelf.files["/cas/" + strong_digest(large).hex()] == large);
}

TEST_CASE("http: many blobs are fetched at once, and one that is wrong is not among the files") {
  const TemporaryDirectory dir;
  Shelf shelf;
  std::vector<BlobRequest> requests;
  for (int i = 0; i < 100; ++i) {
    const std::string content = fmt::format("content {}", i);
    shelf.put(content);
    requests.push_back({strong_digest(content), content.size(), dir / fmt::format("a/{}", i), 0644});
  }
  requests.push_back({strong_digest(""), 0, dir / "a/empty", 0600});
  const ScriptedServer server([&](const HttpRequest& request) {
    HttpReply reply = shelf(request);
    reply.delay = 2ms;
    return reply;
  });
  HttpTier tier = reader(server);
  REQUIRE(tier.fetch_all(requests));
  CHECK(server.most_at_once() > 1);
  CHECK(server.connections() <= 8);
  for (int i = 0; i < 100; ++i) CHECK(contents(dir / fmt::format("a/{}", i)) == fmt::format("content {}", i));
  CHECK(files_in(dir / "a") == 101);

  for (BlobRequest& request : requests) request.path.replace(dir.path().size(), 2, "/b");
  shelf.files["/cas/" + requests[50].digest.hex()] = "xxxxxxx 50";
  CHECK(tier.fetch_all(requests).error().kind == ErrorKind::corrupt);
  CHECK_FALSE(std::filesystem::exists(requests[50].path));
  for (int i = 0; i < 50; ++i) CHECK(contents(dir / fmt::format("b/{}", i)) == fmt::format("content {}", i));
}

TEST_CASE("http: other bytes than asked for are a miss, said once") {
  Lines warnings;
  const std::string same_length(bytes.size(), '?');
  CHECK(fetch_fails([&](const HttpRequest&) { return HttpReply{.body = same_length}; }, &warnings) ==
        ErrorKind::corrupt);
  REQUIRE(warnings.size() == 1);
  CHECK(
      warnings[0].ends_with(fmt::format("gave other bytes than those of blob `{}`: it has another digest; such bytes "
                                        "are not used",
                                        digest.hex().substr(0, 16))));
  CHECK(fetch_fails([&](const HttpRequest&) { return HttpReply{.body = bytes.substr(1)}; }) == ErrorKind::corrupt);
  CHECK(fetch_fails([&](const HttpRequest&) { return HttpReply{.body = bytes + "x"}; }, &warnings) ==
        ErrorKind::corrupt);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].ends_with(": it is too long; such bytes are not used"));
  CHECK(fetch_fails([&](const HttpRequest&) { return HttpReply{.body = std::string(50'000'000, 'x')}; }) ==
        ErrorKind::corrupt);
  CHECK(fetch_fails([&](const HttpRequest&) { return HttpReply{.status = 204}; }) == ErrorKind::not_found);
  CHECK(fetch_fails([&](const HttpRequest&) { return HttpReply{.status = 206, .body = bytes}; }) == ErrorKind::io);
  CHECK(fetch_fails([&](const HttpRequest&) {
          return HttpReply{.body = bytes, .headers = {"Content-Encoding: zstd"}};
        }) == ErrorKind::corrupt);

  const ScriptedServer server([&](const HttpRequest&) { return HttpReply{.body = same_length}; });
  HttpTier tier = reader(server);
  for (int i = 0; i < 5; ++i) CHECK(tier.blob(digest, bytes.size()).error().kind == ErrorKind::corrupt);
  CHECK(tier.take_warnings().size() == 1);
  CHECK(server.requests().size() == 5);
}

TEST_CASE("http: what is cut off is asked for again, and given up after three attempts") {
  const TemporaryDirectory dir;
  Shelf shelf;
  shelf.put(bytes);
  std::atomic<int> calls = 0;
  int cut = 2;
  const ScriptedServer server([&](const HttpRequest& request) {
    HttpReply reply = shelf(request);
    if (++calls <= cut) {
      reply.claimed_length = reply.body.size();
      reply.body.resize(reply.body.size() / 2);
      reply.close = true;
    }
    return reply;
  });
  HttpTier tier = reader(server);
  CHECK(tier.fetch(digest, bytes.size(), dir / "out", 0644));
  CHECK(contents(dir / "out") == bytes);
  CHECK(calls == 3);
  cut = 100;
  CHECK(tier.fetch(digest, bytes.size(), dir / "again", 0644).error().kind == ErrorKind::io);
  CHECK(calls == 6);
  CHECK(files_in(dir.path()) == 1);
}

TEST_CASE("http: an error of the server that passes is waited out") {
  Shelf shelf;
  shelf.files["/ac/" + action.hex()] = a_result;
  for (const int status : {429, 500, 502, 503, 504}) {
    std::atomic<int> calls = 0;
    const ScriptedServer server([&](const HttpRequest& request) {
      if (++calls < 3) return HttpReply{.status = status, .body = "busy"};
      return shelf(request);
    });
    HttpTier tier = writer(server);
    CHECK(tier.result(action).value() == a_result);
    calls = 0;
    CHECK(tier.publish(std::vector<Publication>{publication("a", {blob_of("b")})}));
    CHECK(tier.take_warnings() == Lines{});
  }
}

TEST_CASE("http: Retry-After is obeyed, within reason") {
  Shelf shelf;
  shelf.files["/ac/" + action.hex()] = a_result;
  std::string after = "1";
  std::atomic<int> calls = 0;
  const ScriptedServer server([&](const HttpRequest& request) {
    if (++calls == 1) return HttpReply{.status = 503, .headers = {"Retry-After: " + after}};
    return shelf(request);
  });
  HttpTier tier = reader(server);
  const auto start = std::chrono::steady_clock::now();
  CHECK(tier.result(action));
  CHECK(std::chrono::steady_clock::now() - start >= 1s);
  calls = 0;
  after = "86400";
  CHECK(tier.result(action).error().kind == ErrorKind::io);
  CHECK(calls == 1);
}

TEST_CASE("http: a server that is down is asked a few times and then left alone") {
  std::atomic<int> calls = 0;
  const ScriptedServer server([&](const HttpRequest&) {
    ++calls;
    return HttpReply{.status = 500};
  });
  HttpTier tier = writer(server);
  for (int i = 0; i < 3; ++i) {
    CHECK(tier.take_warnings() == Lines{});
    CHECK(tier.result(action).error().kind == ErrorKind::io);
  }
  CHECK(calls == 9);
  CHECK(tier.take_warnings() ==
        Lines{fmt::format("the cache `{}` is not used any more in this run: the server answered 500", server.url())});
  for (int i = 0; i < 100; ++i) {
    CHECK(tier.result(action).error().kind == ErrorKind::io);
    CHECK(tier.blob(digest, 0).error().kind == ErrorKind::io);
    CHECK(tier.publish(std::vector<Publication>{publication("a", {blob_of("b")})}));
  }
  CHECK(calls == 9);
  CHECK(tier.take_warnings() == Lines{});
}

TEST_CASE("http: nobody listens") {
  std::string url;
  {
    const ScriptedServer gone(Shelf{});
    url = gone.url();
  }
  HttpTier tier(quick(url), CacheMode::read_write);
  std::vector<BlobSource> blobs;
  for (int i = 0; i < 1000; ++i) blobs.push_back(blob_of(std::to_string(i)));
  const auto start = std::chrono::steady_clock::now();
  (void)tier.publish(std::vector<Publication>{publication("a", blobs)});
  CHECK(std::chrono::steady_clock::now() - start < 5s);
  const Lines warnings = tier.take_warnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].contains("is not used any more in this run: Failed to connect to 127.0.0.1"));
}

TEST_CASE("http: a server that never answers costs two waits") {
  const ScriptedServer server([](const HttpRequest&) { return HttpReply{.hang = true}; });
  HttpTier tier = reader(server);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) CHECK(tier.result(action).error().kind == ErrorKind::io);
  CHECK(std::chrono::steady_clock::now() - start < 8s);
  CHECK(server.requests().size() == 2);
  CHECK(tier.take_warnings().size() == 1);
}

TEST_CASE("http: bytes that drip do not count as progress") {
  const ScriptedServer server([](const HttpRequest&) { return HttpReply{.body = bytes, .piece = 1, .pause = 400ms}; });
  HttpTier tier = reader(server);
  const auto start = std::chrono::steady_clock::now();
  CHECK(tier.blob(digest, bytes.size()).error().kind == ErrorKind::io);
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

TEST_CASE("http: redirects are followed a few times, to the same scheme only") {
  Shelf shelf;
  shelf.files["/ac/" + action.hex()] = a_result;
  std::string target = "/elsewhere/ac/" + action.hex();
  const ScriptedServer server([&](const HttpRequest& request) {
    if (request.path.starts_with("/elsewhere")) return shelf({.method = "GET", .path = request.path.substr(10)});
    return HttpReply{.status = 302, .body = "moved", .headers = {"Location: " + target}};
  });
  HttpTier tier = reader(server);
  CHECK(tier.result(action).value() == a_result);
  for (const std::string& wrong : {std::string("/ac/loop"), std::string("file:///etc/passwd")}) {
    target = wrong;
    HttpTier next = reader(server);
    const Result<std::string> result = next.result(action);
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == ErrorKind::io);
    // What follows in the second message depends on the version of libcurl.
    const std::string_view said = wrong.starts_with('/') ? "Maximum (5) redirects followed" : "Protocol \"file\" ";
    CHECK(result.error().message.contains(said));
  }
  CHECK(server.requests().size() <= 2 + 6 + 1);
}

TEST_CASE("http: a server that refuses to be written to is read, and it is said once") {
  for (const int status : {401, 403}) {
    Shelf shelf;
    shelf.put(bytes);
    const ScriptedServer server([&](const HttpRequest& request) {
      if (request.method == "PUT") return HttpReply{.status = status, .close = true};
      return shelf(request);
    });
    HttpTier tier = writer(server);
    const std::vector<Publication> publications = {publication("a", {blob_of("b")})};
    const Status refused = tier.publish(publications);
    REQUIRE_FALSE(refused);
    CHECK(
        refused.error().message ==
        fmt::format("cannot write to the cache `{}`: the server answered {}; nothing more is written to it in this run",
                    server.url(), status));
    CHECK(refused.error().help == "credentials come from `TRILOCK_CACHE_TOKEN`, the URL or `~/.netrc`");
    for (int i = 0; i < 5; ++i) CHECK(tier.publish(publications));
    CHECK(lines_of(server) == Lines{"PUT /cas/" + strong_digest("b").hex()});
    CHECK(tier.blob(digest, bytes.size()));
    CHECK(tier.take_warnings() == Lines{});
  }
}

TEST_CASE("http: a server without room is said three times at most, and no result stands without its blobs") {
  Shelf shelf;
  const ScriptedServer server([&](const HttpRequest& request) {
    if (request.path == "/cas/" + digest.hex()) return HttpReply{.status = 507};
    return shelf(request);
  });
  HttpTier tier = writer(server);
  const std::vector<Publication> publications = {publication("whole", {blob_of("a")}),
                                                 publication("half", {blob_of("b"), blob_of(bytes)})};
  const Status full = tier.publish(publications);
  REQUIRE_FALSE(full);
  CHECK(full.error().kind == ErrorKind::no_space);
  CHECK(full.error().message == fmt::format("cannot write to the cache `{}`: the server answered 507", server.url()));
  CHECK(shelf.files.contains("/ac/" + strong_digest("whole").hex()));
  CHECK_FALSE(shelf.files.contains("/ac/" + strong_digest("half").hex()));
  CHECK_FALSE(tier.publish(publications));
  CHECK(tier.publish(publications).error().message.ends_with("; nothing more is written to it in this run"));
  const std::size_t requests = server.requests().size();
  CHECK(tier.publish(publications));
  CHECK(server.requests().size() == requests);
  CHECK(tier.result(strong_digest("whole")));
}

TEST_CASE("http: a file that is not what it was is not sent whole") {
  const TemporaryDirectory dir;
  Shelf shelf;
  const ScriptedServer server(std::ref(shelf));
  HttpTier tier = writer(server);
  std::ofstream(dir / "file") << "short";
  const Status changed =
      tier.publish(std::vector<Publication>{publication("a", {{digest, bytes.size(), dir / "file", {}}})});
  CHECK(changed.error().message == fmt::format("cannot read what is written to the cache `{}`", server.url()));
  CHECK_FALSE(tier.publish(std::vector<Publication>{publication("a", {{digest, bytes.size(), dir / "gone", {}}})}));
  CHECK(shelf.files.empty());
}

TEST_CASE("http: credentials reach the server and no message") {
  const auto authorization = [](HttpSettings settings) {
    const ScriptedServer server([](const HttpRequest&) { return HttpReply{.status = 401}; });
    settings.url = server.url();
    HttpTier tier(std::move(settings), CacheMode::read_write);
    const std::string said = tier.publish(std::vector<Publication>{publication("a", {})}).error().message +
                             tier.result(action).error().message + std::string(tier.name());
    CHECK_FALSE(said.contains("word"));
    const auto headers = server.requests().front().headers;
    return headers.contains("authorization") ? headers.at("authorization") : "";
  };
  HttpSettings settings;
  CHECK(authorization(settings) == "");
  settings.user = "user";
  settings.password = "pass:word";
  CHECK(authorization(settings) == "Basic dXNlcjpwYXNzOndvcmQ=");
  settings.token = "token-word";
  CHECK(authorization(settings) == "Bearer token-word");

  const TemporaryDirectory home;
  std::ofstream(home / ".netrc") << "machine 127.0.0.1 login user password word\n";
  const std::string before = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  ::setenv("HOME", home.path().c_str(), 1);
  CHECK(authorization({}) == "Basic dXNlcjp3b3Jk");
  ::setenv("HOME", before.c_str(), 1);
}

TEST_CASE("http: a redirect to another host takes no credentials along") {
  const ScriptedServer other(Shelf{});
  const ScriptedServer server([&](const HttpRequest& request) {
    return HttpReply{.status = 302, .headers = {"Location: " + other.url() + request.path}};
  });
  for (const bool token : {true, false}) {
    HttpSettings settings = quick(server.url());
    (token ? settings.token : settings.user) = "secret";
    HttpTier tier(std::move(settings), CacheMode::read);
    CHECK_FALSE(tier.result(action));
    CHECK(server.requests().back().headers.contains("authorization"));
    CHECK_FALSE(other.requests().back().headers.contains("authorization"));
  }
}

TEST_CASE("http: many threads share a few connections") {
  Shelf shelf;
  shelf.put(bytes);
  const ScriptedServer server(std::ref(shelf));
  HttpSettings settings = quick(server.url());
  settings.callers = 2;
  HttpTier tier(std::move(settings), CacheMode::read);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) right += tier.blob(digest, bytes.size()).has_value() ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 400);
  CHECK(server.connections() <= 2);
  CHECK(server.requests().size() == 400);
}

TEST_CASE("http: what the URL and the environment say") {
  std::map<std::string, std::string> env;
  const ReadVariable variable = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = env.find(name);
    if (found == env.end()) return std::nullopt;
    return found->second;
  };
  const HttpSettings plain = read_http_settings("http://ci.example:8080/a/b//", variable).value();
  CHECK(plain.url == "http://ci.example:8080/a/b");
  CHECK(plain.user.empty());
  CHECK(plain.ca_file.empty());
  CHECK_FALSE(withheld_token(plain));
  env = {{"TRILOCK_CACHE_TOKEN", "t"},
         {"TRILOCK_CACHE_HOST", "ci.example"},
         {"SSL_CERT_FILE", "/ssl.pem"},
         {"SSL_CERT_DIR", "/certs"}};
  const HttpSettings with = read_http_settings("https://us%65r:p%40ss%3aword%@ci.example", variable).value();
  CHECK(with.url == "https://ci.example");
  CHECK(with.user == "user");
  CHECK(with.password == "p@ss:word%");
  CHECK(with.token == "t");
  CHECK(with.ca_file == "/ssl.pem");
  CHECK(with.ca_directory == "/certs");
  env["CURL_CA_BUNDLE"] = "/curl.pem";
  CHECK(read_http_settings("https://user@ci.example/x@y", variable).value().ca_file == "/curl.pem");
  CHECK(read_http_settings("https://user@ci.example/x@y", variable).value().url == "https://ci.example/x@y");
  CHECK(read_http_settings("grpc://ci.example", variable).error().kind == ErrorKind::invalid);

  const HttpSettings elsewhere = read_http_settings("https://user:word@ci.example:444/a", variable).value();
  CHECK(elsewhere.token.empty());
  const Error withheld = withheld_token(elsewhere).value();
  CHECK(withheld.message == "`TRILOCK_CACHE_TOKEN` is not sent to the cache `https://ci.example:444/a`");
  CHECK(withheld.help == "if it is meant for that server, set `TRILOCK_CACHE_HOST=https://ci.example:444`");
  env["TRILOCK_CACHE_HOST"] = "https://ci.example/cache";
  CHECK(read_http_settings("https://ci.example", variable).error().message ==
        "`TRILOCK_CACHE_HOST` is no origin of a server");
}

}  // namespace trilock
