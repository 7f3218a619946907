// A server as a tier of the cache, by the HTTP protocol that Bazel speaks: `GET` and `PUT` of `{url}/ac/<64 hex>` and
// `{url}/cas/<64 hex>`, where nginx with WebDAV is server enough. Servers neither check digests nor keep the order of
// what is written, so both are done here: bytes are hashed as they come, and a result is sent once all its blobs are
// there.
//
// It never fails a build. After failures in a row the server is left alone for the rest of the run, and one that
// refuses to be written to is only read; each is said once. Thread rule: that of the interface.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "cache/beneath.hpp"
#include "cache/cache_tier.hpp"
#include "cache/http_client.hpp"
#include "schemas/cache_settings.hpp"

namespace trilock {

// From the URL of [cache], and `TRILOCK_CACHE_TOKEN`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE` and `SSL_CERT_DIR`. The token
// is left out where the runner has not named the server (cache/http_origin.hpp). invalid: what fault_of_shared names,
// and a `TRILOCK_CACHE_HOST` that is none.
Result<HttpSettings> read_http_settings(std::string_view url, const ReadVariable& variable);

// What to tell the user, with advice, when there is a token that the server does not get.
[[nodiscard]] std::optional<Error> withheld_token(const HttpSettings& settings);

class HttpTier final : public CacheTier {
 public:
  // With CacheMode::read `publish` does nothing. Blobs are written where `confinement` allows, as a Disk does it.
  HttpTier(HttpSettings settings, CacheMode mode, Confinement confinement = {});

  [[nodiscard]] std::string_view name() const override { return name_; }
  // Results of up to `largest_message` bytes. The blobs are not looked for.
  Result<std::string> result(const StrongDigest& action) override;
  Result<std::string> blob(const StrongDigest& digest, std::uint64_t size) override;
  Status fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path, std::uint32_t mode) override;
  Status fetch_all(std::span<const BlobRequest> requests) override;
  Status publish(std::span<const Publication> publications) override;
  std::vector<std::string> take_warnings() override;

  static constexpr std::uint64_t largest_message = 64 * 1024 * 1024;

 private:
  using Digests = std::unordered_set<StrongDigest, DigestHash<StrongDigest>>;
  class FileSink;
  Status fetch_batch(std::span<const BlobRequest> requests);
  Status finish(const BlobRequest& request, FileSink& sink, const HttpTransfer* transfer);
  Result<std::string> get(const std::string& path, std::uint64_t limit, std::string_view what);
  std::unexpected<Error> missed(const HttpTransfer& transfer, std::string_view what);
  std::unexpected<Error> damaged(const StrongDigest& digest, std::string_view how);
  [[nodiscard]] std::vector<const BlobSource*> missing_blobs(std::span<const Publication> publications);
  Status send_blobs(std::span<const Publication> publications, Digests& failed);
  Status send_results(std::span<const Publication> publications, const Digests& failed);
  Status not_kept(std::span<const HttpTransfer> transfers);

  const std::string name_;
  const Beneath beneath_;
  HttpClient client_;
  std::mutex mutex_;
  bool writable_;
  unsigned failed_writes_ = 0;  // publications in a row
  Digests there_;               // blobs that the server has been given or has given
  Digests damaged_;             // blobs that came from the server with other bytes
  bool said_damaged_result_ = false;
  std::vector<std::string> warnings_;
};

}  // namespace trilock
