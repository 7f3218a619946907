// A lane is a `curl_multi` with the connections that it keeps open and some easy handles; a call takes one, newest
// first, so that few connections stay warm rather than many cold. One caller drives a lane at a time, which is all the
// thread safety that libcurl asks for.
#include "cache/http_client.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <mutex>
#include <random>
#include <ranges>
#include <vector>

#include "cache/curl_library.hpp"

namespace trilock {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view user_agent = "trilock";
constexpr long most_redirects = 5;
constexpr long stall_bytes_per_second = 1000;
constexpr std::size_t most_of_an_error_page = 64 * 1024;

// A write of OpenSSL to a connection that was closed raises SIGPIPE, which would end the process.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    constexpr timespec at_once{};
    while (sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

// A child that inherited a connection would keep it open, and could write to it.
curl_socket_t open_socket(void* /*client*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

HttpOutcome outcome_of_answer(HttpMethod method, long status) {
  switch (status) {
    case 200:
      return HttpOutcome::done;
    case 201:
    case 202:
      return method == HttpMethod::put ? HttpOutcome::done : HttpOutcome::refused;
    case 204:
      return method == HttpMethod::put ? HttpOutcome::done : HttpOutcome::absent;
    case 401:
    case 403:
      return HttpOutcome::denied;
    case 404:
    case 410:
      return method == HttpMethod::put ? HttpOutcome::refused : HttpOutcome::absent;
    case 413:
    case 507:
      return HttpOutcome::full;
    case 408:
    case 425:
    case 429:
      return HttpOutcome::unavailable;
    default:
      return status >= 500 && status != 501 ? HttpOutcome::unavailable : HttpOutcome::refused;
  }
}

bool is_certificate_fault(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

// What cannot be reached now may be reached a moment later; a server that let its time pass gets no second one.
bool may_pass(CURLcode code) {
  constexpr std::array passing = {
      CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SEND_ERROR,   CURLE_RECV_ERROR,       CURLE_GOT_NOTHING,
      CURLE_PARTIAL_FILE,         CURLE_HTTP2,           CURLE_HTTP2_STREAM, CURLE_SSL_CONNECT_ERROR};
  return std::ranges::find(passing, code) != passing.end();
}

HttpOutcome outcome_of_fault(CURLcode code, bool stopped) {
  if (stopped) return HttpOutcome::stopped;
  if (code == CURLE_BAD_CONTENT_ENCODING) return HttpOutcome::garbled;
  if (code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
    return HttpOutcome::refused;
  return HttpOutcome::unavailable;
}

}  // namespace

class HttpClient::Lane {
 public:
  Lane(const CurlLibrary& curl, unsigned transfers) : curl_(curl), multi_(curl.multi_init()) {
    curl_.multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(transfers));
    // By itself it would close idle ones when the last transfers of a call are under way.
    curl_.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(transfers));
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() {
    for (CURL* easy : idle_) curl_.easy_cleanup(easy);
    curl_.multi_cleanup(multi_);
  }

  [[nodiscard]] const CurlLibrary& curl() const { return curl_; }
  [[nodiscard]] CURLM* multi() const { return multi_; }

  CURL* take() {
    if (idle_.empty()) return curl_.easy_init();
    CURL* easy = idle_.back();
    idle_.pop_back();
    return easy;
  }
  void give_back(CURL* easy) {
    curl_.easy_reset(easy);
    idle_.push_back(easy);
  }

 private:
  const CurlLibrary& curl_;
  CURLM* multi_;
  std::vector<CURL*> idle_;
};

// Loads the library once and hands lanes out.
class HttpClient::Lanes {
 public:
  // Waits until one is free. An error is that of loading the library, each time the same.
  Result<std::unique_ptr<Lane>> take(const HttpSettings& settings) {
    std::unique_lock lock(mutex_);
    if (!library_) library_ = CurlLibrary::load();
    if (!*library_) return std::unexpected(library_->error());
    freed_.wait(lock, [&] { return taken_ < settings.callers; });
    ++taken_;
    if (idle_.empty()) return std::make_unique<Lane>(***library_, settings.transfers);
    std::unique_ptr<Lane> lane = std::move(idle_.back());
    idle_.pop_back();
    return lane;
  }

  void give_back(std::unique_ptr<Lane> lane) {
    {
      const std::lock_guard lock(mutex_);
      --taken_;
      idle_.push_back(std::move(lane));
    }
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::optional<Result<std::unique_ptr<CurlLibrary>>> library_;
  std::vector<std::unique_ptr<Lane>> idle_;  // after the library: gone before it
  unsigned taken_ = 0;
};

// The transfers of one call, from the first to the last.
class HttpClient::Batch {
 public:
  Batch(const HttpSettings& settings, Breaker& breaker, Lane& lane)
      : settings_(settings), breaker_(breaker), lane_(lane), curl_(lane.curl()), random_(std::random_device{}()) {}

  void run(std::span<HttpTransfer> transfers) {
    running_.reserve(settings_.transfers);
    waiting_.reserve(transfers.size());
    // Taken from the back.
    for (HttpTransfer& transfer : std::views::reverse(transfers))
      waiting_.push_back({&transfer, 0, Clock::time_point{}});
    while (!waiting_.empty() || !running_.empty()) {
      start_ready();
      int still_running = 0;
      curl_.multi_perform(lane_.multi(), &still_running);
      collect();
      if (const int wait_ms = time_to_wait_ms(); wait_ms > 0)
        curl_.multi_poll(lane_.multi(), nullptr, 0, wait_ms, nullptr);
    }
  }

 private:
  struct Attempt {
    HttpTransfer* transfer = nullptr;
    unsigned number = 0;  // of attempts made
    Clock::time_point not_before;
  };
  struct Running {
    Attempt attempt;
    const CurlLibrary* curl = nullptr;
    CURL* easy = nullptr;
    bool stopped = false;       // by the sink or the source
    std::size_t discarded = 0;  // of a body that is no blob
    std::array<char, CURL_ERROR_SIZE> message{};
  };

  void start_ready() {
    const Clock::time_point now = Clock::now();
    for (std::size_t i = waiting_.size(); i-- > 0 && running_.size() < settings_.transfers;) {
      if (waiting_[i].not_before > now && !breaker_.open()) continue;
      const Attempt attempt = waiting_[i];
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      start(attempt);
    }
  }

  void start(const Attempt& attempt) {
    HttpTransfer& transfer = *attempt.transfer;
    if (breaker_.open()) {
      transfer.outcome = HttpOutcome::unavailable;
      if (transfer.detail.empty()) transfer.detail = "it is not asked any more";
      return;
    }
    const bool ready = transfer.method == HttpMethod::get   ? transfer.sink->restart()
                       : transfer.method == HttpMethod::put ? transfer.source->restart()
                                                            : true;
    if (!ready) {
      transfer.outcome = HttpOutcome::stopped;
      return;
    }
    auto running = std::make_unique<Running>();
    running->attempt = {attempt.transfer, attempt.number + 1, {}};
    running->curl = &curl_;
    running->easy = lane_.take();
    prepare(*running);
    curl_.multi_add_handle(lane_.multi(), running->easy);
    running_.push_back(std::move(running));
  }

  void prepare(Running& running) {
    const HttpTransfer& transfer = *running.attempt.transfer;
    const auto set = [&](CURLoption option, auto value) { curl_.easy_setopt(running.easy, option, value); };
    const std::string url = settings_.url + transfer.path;
    const std::string scheme = url.substr(0, url.find(':'));
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, scheme.c_str());
    set(CURLOPT_REDIR_PROTOCOLS_STR, scheme.c_str());
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, most_redirects);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, user_agent.data());
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(CURLOPT_ERRORBUFFER, running.message.data());
    set(CURLOPT_PRIVATE, &running);
    set(CURLOPT_WRITEFUNCTION, &Batch::take_body);
    set(CURLOPT_WRITEDATA, &running);
    limit_time(running);
    identify(running);
    if (transfer.method == HttpMethod::head) set(CURLOPT_NOBODY, 1L);
    if (transfer.method == HttpMethod::get && curl_.has_zstd) set(CURLOPT_ACCEPT_ENCODING, "zstd");
    if (transfer.method == HttpMethod::put) {
      set(CURLOPT_UPLOAD, 1L);
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(transfer.size));
      set(CURLOPT_READFUNCTION, &Batch::give_body);
      set(CURLOPT_READDATA, &running);
      set(CURLOPT_SEEKFUNCTION, &Batch::rewind_body);
      set(CURLOPT_SEEKDATA, &running);
      // Waiting for `100 Continue` costs a second with servers that do not know it.
      set(CURLOPT_EXPECT_100_TIMEOUT_MS, 200L);
    }
  }

  void limit_time(const Running& running) {
    const auto set = [&](CURLoption option, auto value) { curl_.easy_setopt(running.easy, option, value); };
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_timeout.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, stall_bytes_per_second);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(settings_.stall_timeout.count()));
    const std::uint64_t by_size = running.attempt.transfer->size / settings_.least_bytes_per_second * 1000;
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(settings_.least_total.count() + static_cast<long>(by_size)));
  }

  void identify(const Running& running) {
    const auto set = [&](CURLoption option, auto value) { curl_.easy_setopt(running.easy, option, value); };
    if (!settings_.ca_file.empty()) set(CURLOPT_CAINFO, settings_.ca_file.c_str());
    if (!settings_.ca_directory.empty()) set(CURLOPT_CAPATH, settings_.ca_directory.c_str());
    // libcurl keeps these from other hosts when it follows a redirect.
    if (!settings_.token.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
      set(CURLOPT_XOAUTH2_BEARER, settings_.token.c_str());
    } else if (!settings_.user.empty()) {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(CURLOPT_USERNAME, settings_.user.c_str());
      set(CURLOPT_PASSWORD, settings_.password.c_str());
    } else {
      set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
    }
  }

  static std::size_t take_body(char* bytes, std::size_t /*one*/, std::size_t count, void* data) {
    Running& running = *static_cast<Running*>(data);
    long status = 0;
    running.curl->easy_getinfo(running.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || running.attempt.transfer->method != HttpMethod::get) {
      running.discarded += count;
      return running.discarded <= most_of_an_error_page ? count : 0;
    }
    if (running.attempt.transfer->sink->take({bytes, count})) return count;
    running.stopped = true;
    return 0;
  }

  static std::size_t give_body(char* buffer, std::size_t size, std::size_t count, void* data) {
    Running& running = *static_cast<Running*>(data);
    const std::optional<std::size_t> given = running.attempt.transfer->source->give({buffer, size * count});
    if (given) return *given;
    running.stopped = true;
    return CURL_READFUNC_ABORT;
  }

  static int rewind_body(void* data, curl_off_t offset, int origin) {
    Running& running = *static_cast<Running*>(data);
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    return running.attempt.transfer->source->restart() ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_.multi_info_read(lane_.multi(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      CURL* easy = message->easy_handle;
      Running* done = nullptr;
      curl_.easy_getinfo(easy, CURLINFO_PRIVATE, &done);
      curl_.multi_remove_handle(lane_.multi(), easy);
      finish(*done, code);
      lane_.give_back(easy);
      std::erase_if(running_, [&](const auto& running) { return running.get() == done; });
    }
  }

  void finish(Running& running, CURLcode code) {
    HttpTransfer& transfer = *running.attempt.transfer;
    if (transfer.method == HttpMethod::put) transfer.source->release();
    long status = 0;
    curl_.easy_getinfo(running.easy, CURLINFO_RESPONSE_CODE, &status);
    // An answer counts although the connection broke behind it: a server that refuses a `put` may close it at once.
    const bool answered = code == CURLE_OK || (status >= 400 && !running.stopped);
    if (answered) {
      transfer.outcome = outcome_of_answer(transfer.method, status);
      transfer.detail = fmt::format("the server answered {}", status);
    } else {
      transfer.outcome = outcome_of_fault(code, running.stopped);
      // libcurl's text names hosts and errors, and has none of the credentials.
      transfer.detail = running.message[0] != '\0' ? running.message.data() : curl_.easy_strerror(code);
    }
    if (transfer.method == HttpMethod::head && transfer.outcome == HttpOutcome::done) transfer.length = length(running);
    judge(running, code, answered);
  }

  std::optional<std::uint64_t> length(const Running& running) {
    curl_off_t length = -1;
    curl_.easy_getinfo(running.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length < 0) return std::nullopt;
    return static_cast<std::uint64_t>(length);
  }

  // Whether it is tried again, and what the breaker learns of it. That a server takes nothing says nothing of whether
  // it can be read.
  void judge(const Running& running, CURLcode code, bool answered) {
    const HttpTransfer& transfer = *running.attempt.transfer;
    const bool reading = transfer.method != HttpMethod::put;
    switch (transfer.outcome) {
      case HttpOutcome::done:
      case HttpOutcome::absent:
        return breaker_.succeed();
      case HttpOutcome::unavailable:
        break;
      case HttpOutcome::denied:
      case HttpOutcome::refused:
        if (reading) breaker_.fail(1, transfer.detail);
        return;
      default:
        return;
    }
    if (!answered && is_certificate_fault(code)) return breaker_.fail(settings_.failures, transfer.detail);
    if ((answered || may_pass(code)) && running.attempt.number < settings_.attempts) {
      if (const auto delay = delay_before_next(running)) {
        waiting_.push_back({running.attempt.transfer, running.attempt.number, Clock::now() + *delay});
        return;
      }
    }
    breaker_.fail(code == CURLE_OPERATION_TIMEDOUT ? 2 : 1, transfer.detail);
  }

  // Half of the backoff to one and a half of it, so that runners that failed together do not return together.
  std::optional<std::chrono::milliseconds> delay_before_next(const Running& running) {
    curl_off_t asked_seconds = 0;
    curl_.easy_getinfo(running.easy, CURLINFO_RETRY_AFTER, &asked_seconds);
    const std::chrono::milliseconds asked{asked_seconds * 1000};
    if (asked > settings_.longest_retry_after) return std::nullopt;
    const double backoff_ms = static_cast<double>(settings_.backoff.count() << (running.attempt.number - 1));
    const auto jittered = std::uniform_real_distribution<>(0.5 * backoff_ms, 1.5 * backoff_ms)(random_);
    return std::max(asked, std::chrono::milliseconds(static_cast<std::int64_t>(jittered)));
  }

  // Until a transfer that waits may start; while others run they end the waiting.
  [[nodiscard]] int time_to_wait_ms() const {
    constexpr int longest_ms = 1000;
    if (waiting_.empty()) return running_.empty() ? 0 : longest_ms;
    if (running_.size() >= settings_.transfers) return longest_ms;
    const auto first = std::ranges::min(waiting_, {}, &Attempt::not_before).not_before - Clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(first).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, longest_ms));
  }

  const HttpSettings& settings_;
  Breaker& breaker_;
  Lane& lane_;
  const CurlLibrary& curl_;
  std::minstd_rand random_;
  std::vector<Attempt> waiting_;
  std::vector<std::unique_ptr<Running>> running_;
};

HttpClient::HttpClient(HttpSettings settings)
    : settings_(std::move(settings)), breaker_(settings_.failures), lanes_(std::make_unique<Lanes>()) {}

HttpClient::~HttpClient() = default;

void HttpClient::perform(std::span<HttpTransfer> transfers) {
  const WithoutSigpipe guard;
  Result<std::unique_ptr<Lane>> lane = lanes_->take(settings_);
  if (!lane) {
    const std::string reason = fmt::format("{}: {}", lane.error().message, lane.error().help);
    for (HttpTransfer& transfer : transfers) transfer.detail = reason;
    breaker_.fail(settings_.failures, reason);
    return;
  }
  Batch(settings_, breaker_, **lane).run(transfers);
  lanes_->give_back(std::move(*lane));
}

}  // namespace trilock
