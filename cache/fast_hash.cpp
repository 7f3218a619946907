// XXH3 by itself, without OpenSSL: the program of the short path (engine/cli/front.cpp) holds this and no more.
// Inlined: keys are made of many short fields, and the state can be held by value.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "cache/hash.hpp"

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

}  // namespace

FastDigest fast_digest(std::string_view bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
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

}  // namespace trilock
