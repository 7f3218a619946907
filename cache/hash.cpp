#include "cache/hash.hpp"

#include <openssl/evp.h>
// Inlined: keys are made of many short fields, and the state can be held by value.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace trilock {

namespace {

FastDigest canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  FastDigest digest;
  static_assert(sizeof bytes.digest == sizeof digest.data);
  std::memcpy(digest.data.data(), bytes.digest, sizeof bytes.digest);
  return digest;
}

// OpenSSL refuses SHA-256 only when its installation is broken; there is no digest to go on with then, and no caller
// could do anything about it.
void require(bool ok) {
  if (ok) return;
  std::fputs("trilock: OpenSSL on this machine cannot compute SHA-256\n", stderr);
  std::abort();
}

}  // namespace

FastDigest fast_digest(std::string_view bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

StrongDigest strong_digest(std::string_view bytes) {
  StrongHasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

// Over-aligned (64 bytes), which `new` of the type sees to.
struct FastHasher::State {
  XXH3_state_t xxh;
};

FastHasher::FastHasher() : state_(std::make_unique<State>()) {
  XXH3_INITSTATE(&state_->xxh);
  XXH3_128bits_reset(&state_->xxh);
}
FastHasher::~FastHasher() = default;
FastHasher::FastHasher(FastHasher&&) noexcept = default;
FastHasher& FastHasher::operator=(FastHasher&&) noexcept = default;

void FastHasher::update(std::string_view bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
}

FastDigest FastHasher::digest() const {
  return canonical(XXH3_128bits_digest(&state_->xxh));
}

// The algorithm is fetched explicitly, once for each hasher: EVP_sha256() would be looked up again by every
// EVP_DigestInit_ex, and a process-wide handle would be a global.
struct StrongHasher::State {
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(algorithm);
  }
};

StrongHasher::StrongHasher() : state_(std::make_unique<State>()) {
  require(state_->algorithm != nullptr && state_->context != nullptr);
  require(EVP_DigestInit_ex2(state_->context, state_->algorithm, nullptr) == 1);
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

}  // namespace trilock
