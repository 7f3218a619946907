// HTTP for the cache: several transfers at once, over connections that stay open from one call to the next. Done by
// libcurl (cache/curl_library.hpp).
//
// A call drives its own transfers and returns when each has its outcome; there is no thread of the client's own. What
// may pass is tried again: a connection that fails, 5xx, 429. Everything is bounded: the time to connect, the time
// without progress, the whole time, redirects (to the same scheme only), the number of attempts. TLS certificates are
// always verified. Credentials go into requests and into no message.
// Thread rule: `perform` may be called from any thread at once; connections are handed from caller to caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cache/breaker.hpp"
#include "schemas/result.hpp"

namespace trilock {

// Takes the body of an answer. Used by the calling thread alone.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // Before each attempt: forgets what came so far. False: there is nowhere to put it.
  virtual bool restart() = 0;
  // False: no more of it, which ends the transfer.
  virtual bool take(std::string_view bytes) = 0;
};

// Gives the body of a request. Used by the calling thread alone.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual bool restart() = 0;
  // How many bytes were put into `buffer`, 0 at the end; nothing when they cannot be read.
  virtual std::optional<std::size_t> give(std::span<char> buffer) = 0;
  // The attempt is over; what was opened for it may be closed.
  virtual void release() {}
};

enum class HttpMethod : std::uint8_t { get, head, put };

enum class HttpOutcome : std::uint8_t {
  done,
  absent,       // 404, 410; 204 to a question
  denied,       // 401, 403
  full,         // 413, 507: no room for it
  refused,      // any other answer that trying again does not change
  unavailable,  // no connection, no answer in time, 5xx, 429; or the breaker is open
  garbled,      // the body's encoding is broken
  stopped,      // by the sink or the source
};

struct HttpTransfer {
  HttpMethod method = HttpMethod::get;
  std::string path;              // appended to the client's URL: "/cas/…"
  BodySink* sink = nullptr;      // of a `get`
  BodySource* source = nullptr;  // of a `put`
  std::uint64_t size = 0;        // bytes of a `put`; for a `get` how many to expect at most, which decides its time

  // Set by `perform`.
  HttpOutcome outcome = HttpOutcome::unavailable;
  std::string detail;                   // why it is not `done`: "the server answered 500"
  std::optional<std::uint64_t> length;  // `Content-Length` of a `head`
};

struct HttpSettings {
  std::string url;  // scheme, host, port and path; without user, query and a `/` at the end
  std::string user;
  std::string password;
  std::string token;             // a bearer token; wins over user and password. With neither, ~/.netrc is asked
  bool withholds_token = false;  // there is one, which the runner has not meant for this server
  std::string ca_file;
  std::string ca_directory;
  std::chrono::milliseconds connect_timeout{3'000};
  std::chrono::seconds stall_timeout{10};                // for this long fewer than 1000 bytes a second
  std::chrono::milliseconds least_total{30'000};         // the whole of a transfer, and …
  std::uint64_t least_bytes_per_second = 64 * 1024;      // … what its size adds to that
  unsigned attempts = 3;                                 // of each transfer
  std::chrono::milliseconds backoff{100};                // before the second attempt; doubles, with jitter
  std::chrono::milliseconds longest_retry_after{5'000};  // a server that asks for more is not asked again
  unsigned transfers = 8;                                // at once in one call
  unsigned callers = 8;                                  // at once; more of them wait
  unsigned failures = 3;                                 // in a row until the breaker opens; one by time counts twice
};

class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void perform(std::span<HttpTransfer> transfers);
  [[nodiscard]] Breaker& breaker() { return breaker_; }

 private:
  class Lane;
  class Lanes;
  class Batch;

  const HttpSettings settings_;
  Breaker breaker_;
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace trilock
