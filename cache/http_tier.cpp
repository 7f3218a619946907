#include "cache/http_tier.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "cache/hash.hpp"
#include "cache/http_origin.hpp"
#include "cache/real_disk.hpp"
#include "cache/remote_api/messages.hpp"

namespace trilock {
namespace {

// Larger blobs are asked for before they are sent; smaller ones are sent as fast as asked for.
constexpr std::uint64_t worth_asking_for = 256 * 1024;
constexpr std::size_t most_open_files = 32;
// Publications in a row that did not get through, until nothing more is written.
constexpr unsigned most_failed_writes = 3;

std::string cas_path(const StrongDigest& digest) {
  return "/cas/" + digest.hex();
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const std::string_view digits = text.substr(std::min(i + 1, text.size()), 2);
    const bool escaped = text[i] == '%' && digits.size() == 2 &&
                         std::from_chars(digits.data(), digits.data() + 2, byte, 16).ptr == digits.data() + 2;
    decoded += escaped ? static_cast<char>(byte) : text[i];
    if (escaped) i += 2;
  }
  return decoded;
}

class MemorySink final : public BodySink {
 public:
  explicit MemorySink(std::uint64_t limit) : limit_(limit) {}
  bool restart() override {
    bytes_.clear();
    return true;
  }
  bool take(std::string_view bytes) override {
    if (bytes.size() > limit_ - bytes_.size()) return false;
    bytes_.append(bytes);
    return true;
  }
  std::string take_bytes() { return std::move(bytes_); }

 private:
  std::uint64_t limit_;
  std::string bytes_;
};

class BytesSource final : public BodySource {
 public:
  explicit BytesSource(std::string_view bytes) : bytes_(bytes), rest_(bytes) {}
  bool restart() override {
    rest_ = bytes_;
    return true;
  }
  std::optional<std::size_t> give(std::span<char> buffer) override {
    const std::size_t count = rest_.copy(buffer.data(), buffer.size());
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
  std::string_view rest_;
};

// Open only while it is sent, so that a thousand files to send are not a thousand descriptors.
class FileSource final : public BodySource {
 public:
  FileSource(const std::string& path, std::uint64_t size) : path_(path), size_(size) {}
  bool restart() override {
    file_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    struct ::stat stat {};
    return file_ && ::fstat(file_.get(), &stat) == 0 && static_cast<std::uint64_t>(stat.st_size) == size_;
  }
  std::optional<std::size_t> give(std::span<char> buffer) override {
    const ssize_t count = retry_interrupted([&] { return ::read(file_.get(), buffer.data(), buffer.size()); });
    if (count < 0) return std::nullopt;
    return static_cast<std::size_t>(count);
  }
  void release() override { file_ = Descriptor(); }

 private:
  const std::string& path_;
  std::uint64_t size_;
  Descriptor file_;
};

std::unique_ptr<BodySource> source_of(const BlobSource& blob) {
  if (blob.path.empty()) return std::make_unique<BytesSource>(blob.bytes);
  return std::make_unique<FileSource>(blob.path, blob.size);
}

}  // namespace

// A file in the making, hashed while it is written. No more than `size` bytes reach the disk, whatever is sent.
class HttpTier::FileSink final : public BodySink {
 public:
  FileSink(const Beneath& beneath, std::string path, std::uint64_t size)
      : beneath_(beneath), path_(std::move(path)), size_(size) {}

  bool restart() override {
    file_.reset();
    hasher_ = StrongHasher();
    count_ = 0;
    Result<PendingFile> file = PendingFile::create(beneath_, path_);
    if (!file) {
      error_ = file.error();
      return false;
    }
    file_.emplace(std::move(*file));
    return true;
  }

  bool take(std::string_view bytes) override {
    if (bytes.size() > size_ - count_) return false;
    count_ += bytes.size();
    hasher_.update(bytes);
    const int failure = write_all(file_->descriptor(), bytes);
    if (failure != 0) error_ = file_->error(failure).error();
    return failure == 0;
  }

  // What kept the file from being written, unless it was what came.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  // "" when what came is the blob; once.
  std::string_view fault(const StrongDigest& digest) {
    if (count_ != size_) return "it is too short";
    return hasher_.finish() == digest ? "" : "it has another digest";
  }
  Status publish(std::uint32_t mode) { return file_->publish(mode); }

 private:
  const Beneath& beneath_;
  std::string path_;
  std::uint64_t size_;
  std::uint64_t count_ = 0;
  StrongHasher hasher_;
  std::optional<PendingFile> file_;
  std::optional<Error> error_;
};

Result<HttpSettings> read_http_settings(std::string_view url, const ReadVariable& variable) {
  if (std::optional<UrlFault> fault = fault_of_shared(url))
    return fail(ErrorKind::invalid, std::move(fault->message), std::move(fault->help));
  const std::size_t authority = url.find("://") + 3;
  const std::string_view host_and_user = url.substr(authority, url.find('/', authority) - authority);
  const std::size_t user_end = host_and_user.rfind('@');
  const std::size_t host = user_end == host_and_user.npos ? authority : authority + user_end + 1;

  HttpSettings settings;
  settings.url = std::string(url.substr(0, authority)).append(url.substr(host));
  settings.url.resize(settings.url.find_last_not_of('/') + 1);
  if (user_end != host_and_user.npos) {
    const std::string_view user = host_and_user.substr(0, user_end);
    const std::size_t colon = std::min(user.find(':'), user.size());
    settings.user = percent_decoded(user.substr(0, colon));
    settings.password = percent_decoded(user.substr(std::min(colon + 1, user.size())));
  }
  const auto value = [&](const std::string& name) { return variable(name).value_or(""); };
  settings.token = value("TRILOCK_CACHE_TOKEN");
  const Result<bool> may_have = may_have_token(settings.url, variable);
  if (!may_have) return std::unexpected(may_have.error());
  if (!*may_have) settings.withholds_token = !std::exchange(settings.token, {}).empty();
  settings.ca_file = value("CURL_CA_BUNDLE");
  if (settings.ca_file.empty()) settings.ca_file = value("SSL_CERT_FILE");
  settings.ca_directory = value("SSL_CERT_DIR");
  return settings;
}

std::optional<Error> withheld_token(const HttpSettings& settings) {
  if (!settings.withholds_token) return std::nullopt;
  const std::optional<HttpOrigin> origin = origin_of(settings.url);
  return Error{ErrorKind::invalid, fmt::format("`TRILOCK_CACHE_TOKEN` is not sent to the cache `{}`", settings.url),
               origin ? fmt::format("if it is meant for that server, set `TRILOCK_CACHE_HOST={}`", to_string(*origin))
                      : "name the server in `TRILOCK_CACHE_HOST`"};
}

HttpTier::HttpTier(HttpSettings settings, CacheMode mode, Confinement confinement)
    : name_(fmt::format("the cache `{}`", settings.url)),
      beneath_(std::move(confinement)),
      client_(std::move(settings)),
      writable_(mode == CacheMode::read_write) {}

std::unexpected<Error> HttpTier::missed(const HttpTransfer& transfer, std::string_view what) {
  if (transfer.outcome == HttpOutcome::absent)
    return fail(ErrorKind::not_found, fmt::format("{} has no {}", name_, what));
  const bool unusable = transfer.outcome == HttpOutcome::garbled || transfer.outcome == HttpOutcome::stopped;
  if (unusable) return fail(ErrorKind::corrupt, fmt::format("{} gave a {} that cannot be read", name_, what));
  return fail(ErrorKind::io, fmt::format("{} cannot be asked: {}", name_, transfer.detail));
}

std::unexpected<Error> HttpTier::damaged(const StrongDigest& digest, std::string_view how) {
  std::string message =
      fmt::format("{} gave other bytes than those of blob `{}`: {}", name_, digest.hex().substr(0, 16), how);
  const std::lock_guard lock(mutex_);
  // One is said; a server with a bad disk has thousands.
  if (damaged_.empty()) warnings_.push_back(message + "; such bytes are not used");
  damaged_.insert(digest);
  return fail(ErrorKind::corrupt, std::move(message));
}

Result<std::string> HttpTier::get(const std::string& path, std::uint64_t limit, std::string_view what) {
  MemorySink sink(limit);
  HttpTransfer transfer{.method = HttpMethod::get, .path = path, .sink = &sink};
  client_.perform({&transfer, 1});
  if (transfer.outcome != HttpOutcome::done) return missed(transfer, what);
  return sink.take_bytes();
}

Result<std::string> HttpTier::result(const StrongDigest& action) {
  Result<std::string> bytes = get("/ac/" + action.hex(), largest_message, "result");
  if (!bytes) return bytes;
  const Result<ResultWriter> writer = check_seal(*bytes, action);
  if (!writer) {
    const std::string what =
        fmt::format("{} gave a result that is damaged or of another action: `{}`", name_, action.hex().substr(0, 16));
    const std::lock_guard lock(mutex_);
    if (!std::exchange(said_damaged_result_, true)) warnings_.push_back(what + "; such results are not used");
    return fail(ErrorKind::corrupt, what);
  }
  if (*writer == ResultWriter::other)
    return fail(ErrorKind::not_found, fmt::format("{} has a result of another program", name_));
  return bytes;
}

Result<std::string> HttpTier::blob(const StrongDigest& digest, std::uint64_t size) {
  if (digest == strong_digest("")) return {};
  if (size > largest_message) return fail(ErrorKind::corrupt, fmt::format("a message of {} bytes is too large", size));
  Result<std::string> bytes = get(cas_path(digest), size == 0 ? largest_message : size, "blob");
  if (!bytes && bytes.error().kind == ErrorKind::corrupt) return damaged(digest, "it is too long");
  if (!bytes) return bytes;
  if (size != 0 && bytes->size() != size) return damaged(digest, "it is too short");
  if (strong_digest(*bytes) != digest) return damaged(digest, "it has another digest");
  return bytes;
}

Status HttpTier::fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path, std::uint32_t mode) {
  const BlobRequest request{digest, size, path, mode};
  return fetch_all({&request, 1});
}

// In batches: a file is open from its first byte until it is known to be right.
Status HttpTier::fetch_all(std::span<const BlobRequest> requests) {
  while (!requests.empty()) {
    const std::span<const BlobRequest> batch = requests.first(std::min(requests.size(), most_open_files));
    if (Status status = fetch_batch(batch); !status) return status;
    requests = requests.subspan(batch.size());
  }
  return {};
}

Status HttpTier::fetch_batch(std::span<const BlobRequest> requests) {
  std::vector<FileSink> sinks;
  sinks.reserve(requests.size());
  std::vector<HttpTransfer> transfers;
  for (const BlobRequest& request : requests) {
    FileSink& sink = sinks.emplace_back(beneath_, request.path, request.size);
    if (request.size != 0)
      transfers.push_back(
          {.method = HttpMethod::get, .path = cas_path(request.digest), .sink = &sink, .size = request.size});
    else if (!sink.restart())
      return std::unexpected(*sink.error());
  }
  client_.perform(transfers);
  auto transfer = transfers.begin();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Status status = finish(requests[i], sinks[i], requests[i].size != 0 ? &*transfer++ : nullptr);
    if (!status) return status;
  }
  return {};
}

// Puts a file in its place, or says why what came is not the blob. Without a transfer it is the empty one.
Status HttpTier::finish(const BlobRequest& request, FileSink& sink, const HttpTransfer* transfer) {
  if (sink.error()) return std::unexpected(*sink.error());
  if (transfer != nullptr && transfer->outcome != HttpOutcome::done) {
    if (transfer->outcome == HttpOutcome::stopped) return damaged(request.digest, "it is too long");
    if (transfer->outcome == HttpOutcome::garbled) return damaged(request.digest, "its encoding is broken");
    return missed(*transfer, "blob");
  }
  if (const std::string_view fault = sink.fault(request.digest); !fault.empty()) return damaged(request.digest, fault);
  return sink.publish(request.mode);
}

Status HttpTier::publish(std::span<const Publication> publications) {
  {
    const std::lock_guard lock(mutex_);
    if (!writable_) return {};
  }
  Digests failed;
  const Status blobs = send_blobs(publications, failed);
  const Status results = send_results(publications, failed);
  const std::lock_guard lock(mutex_);
  if (blobs && results) failed_writes_ = 0;
  return blobs ? results : blobs;
}

// The blobs to be sent, each once. A large one that is there with the same size is left, unless this run has seen that
// its bytes are not what they should be.
std::vector<const BlobSource*> HttpTier::missing_blobs(std::span<const Publication> publications) {
  std::vector<const BlobSource*> missing;
  std::vector<const BlobSource*> asked;
  {
    Digests seen;
    const std::lock_guard lock(mutex_);
    for (const Publication& publication : publications)
      for (const BlobSource& blob : publication.blobs)
        if (blob.size != 0 && !there_.contains(blob.digest) && seen.insert(blob.digest).second) {
          const bool ask = blob.size >= worth_asking_for && !damaged_.contains(blob.digest);
          (ask ? asked : missing).push_back(&blob);
        }
  }
  std::vector<HttpTransfer> questions;
  for (const BlobSource* blob : asked)
    questions.push_back({.method = HttpMethod::head, .path = cas_path(blob->digest)});
  if (!questions.empty()) client_.perform(questions);
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (questions[i].outcome != HttpOutcome::done || questions[i].length != asked[i]->size) missing.push_back(asked[i]);
  return missing;
}

Status HttpTier::send_blobs(std::span<const Publication> publications, Digests& failed) {
  const std::vector<const BlobSource*> blobs = missing_blobs(publications);
  if (blobs.empty()) return {};
  std::vector<std::unique_ptr<BodySource>> sources;
  std::vector<HttpTransfer> transfers;
  for (const BlobSource* blob : blobs) {
    sources.push_back(source_of(*blob));
    transfers.push_back({.method = HttpMethod::put,
                         .path = cas_path(blob->digest),
                         .source = sources.back().get(),
                         .size = blob->path.empty() ? blob->bytes.size() : blob->size});
  }
  client_.perform(transfers);
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < blobs.size(); ++i)
      (transfers[i].outcome == HttpOutcome::done ? there_ : failed).insert(blobs[i]->digest);
  }
  return not_kept(transfers);
}

Status HttpTier::send_results(std::span<const Publication> publications, const Digests& failed) {
  std::vector<BytesSource> sources;
  std::vector<HttpTransfer> transfers;
  sources.reserve(publications.size());
  for (const Publication& publication : publications) {
    if (std::ranges::any_of(publication.blobs, [&](const BlobSource& blob) { return failed.contains(blob.digest); }))
      continue;
    sources.emplace_back(publication.result);
    transfers.push_back({.method = HttpMethod::put,
                         .path = "/ac/" + publication.action.hex(),
                         .source = &sources.back(),
                         .size = publication.result.size()});
  }
  if (!transfers.empty()) client_.perform(transfers);
  return not_kept(transfers);
}

// What is worth saying of what did not get through: nothing once the server is left alone, or is known to take nothing.
Status HttpTier::not_kept(std::span<const HttpTransfer> transfers) {
  const auto first = std::ranges::find_if(
      transfers, [](const HttpTransfer& transfer) { return transfer.outcome != HttpOutcome::done; });
  if (first == transfers.end()) return {};
  const std::lock_guard lock(mutex_);
  if (!writable_ || client_.breaker().open()) return {};
  std::string message = fmt::format("cannot write to {}: {}", name_, first->detail);
  if (first->outcome == HttpOutcome::stopped) message = fmt::format("cannot read what is written to {}", name_);
  const bool denied = first->outcome == HttpOutcome::denied;
  if (denied || ++failed_writes_ >= most_failed_writes) {
    writable_ = false;
    message += "; nothing more is written to it in this run";
  }
  return fail(first->outcome == HttpOutcome::full ? ErrorKind::no_space : ErrorKind::io, std::move(message),
              denied ? "credentials come from `TRILOCK_CACHE_TOKEN`, the URL or `~/.netrc`" : "");
}

std::vector<std::string> HttpTier::take_warnings() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> warnings = std::exchange(warnings_, {});
  if (const std::optional<std::string> reason = client_.breaker().take_reason())
    warnings.push_back(fmt::format("{} is not used any more in this run: {}", name_, *reason));
  return warnings;
}

}  // namespace trilock
