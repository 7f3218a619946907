#include "cache/hash.hpp"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

namespace trilock {

namespace {

// OpenSSL refuses SHA-256 only when its installation is broken or there is no memory; there is no digest to go on with
// then, and no caller could do anything about it. As where `new` finds no memory (engine/cli/own_process.hpp).
void require(bool ok) {
  if (ok) return;
  constexpr int exit_environment = 5;
  std::fputs("error: OpenSSL cannot compute SHA-256 on this machine\n", stderr);
  std::_Exit(exit_environment);
}

// Fetched once for the whole process and never freed: it is a constant of the library, fetching it takes as long as
// hashing some kilobytes, and EVP_sha256() would be looked up again by every EVP_DigestInit_ex.
const EVP_MD* sha256() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

}  // namespace

struct StrongHasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

StrongHasher::StrongHasher() : state_(std::make_unique<State>()) {
  require(sha256() != nullptr && state_->context != nullptr);
  require(EVP_DigestInit_ex2(state_->context, sha256(), nullptr) == 1);
}
StrongHasher::~StrongHasher() = default;
StrongHasher::StrongHasher(StrongHasher&&) noexcept = default;
StrongHasher& StrongHasher::operator=(StrongHasher&&) noexcept = default;

void StrongHasher::update(std::string_view bytes) {
  require(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

StrongDigest StrongHasher::finish() {
  StrongDigest digest;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(state_->context, digest.data.data(), &size) == 1 && size == digest.data.size());
  return digest;
}

StrongDigest strong_digest(std::string_view bytes) {
  StrongHasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::string git_blob_id(std::string_view bytes, std::size_t id_size) {
  const std::string header = "blob " + std::to_string(bytes.size()) + '\0';
  if (id_size == 2 * sizeof(StrongDigest)) {
    StrongHasher hasher;
    hasher.update(header);
    hasher.update(bytes);
    return hasher.finish().hex();
  }
  Bytes<20> id;
  if (id_size != 2 * id.data.size()) return {};
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> sha1(EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!sha1 || !context || EVP_DigestInit_ex2(context.get(), sha1.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), header.data(), header.size()) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), id.data.data(), nullptr) != 1)
    return {};
  return id.hex();
}

}  // namespace trilock
