// XXH3 by itself, without OpenSSL: the program of the short path (engine/cli/front.cpp) holds this and no more.
// Inlined: keys are made of many short fields, and the state can be held by value.
//
// Compiled twice for x86: with TRILOCK_AVX2, and instructions that not every processor has, it is one function, which
// the rest gives long pieces where it can. That half may use nothing inline from other headers: the linker could take
// its copy for all.
#define XXH_INLINE_ALL
#include <xxhash.h>

#ifdef TRILOCK_AVX2

namespace trilock {
void update_with_avx2(void* state, const void* bytes, std::size_t size);
void update_with_avx2(void* state, const void* bytes, std::size_t size) {
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state), bytes, size);
}
}  // namespace trilock

#else

#include <cstring>
#include <new>
#include <type_traits>

#include "cache/hash.hpp"

namespace trilock {

#ifdef __x86_64__
void update_with_avx2(void* state, const void* bytes, std::size_t size);
#endif

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

struct FastHasher::State {
  XXH3_state_t xxh;
};

FastHasher::State& FastHasher::state() {
  return *std::launder(reinterpret_cast<State*>(bytes_.data()));
}

const FastHasher::State& FastHasher::state() const {
  return *std::launder(reinterpret_cast<const State*>(bytes_.data()));
}

FastHasher::FastHasher() {
  static_assert(sizeof(State) <= sizeof bytes_ && alignof(State) <= alignof(FastHasher));
  static_assert(std::is_trivially_copyable_v<State>);
  State* const made = new (bytes_.data()) State;
  XXH3_INITSTATE(&made->xxh);
  XXH3_128bits_reset(&made->xxh);
}

void FastHasher::update(std::string_view bytes) {
#ifdef __x86_64__
  constexpr std::size_t long_piece = 4096;
  if (bytes.size() >= long_piece && __builtin_cpu_supports("avx2"))
    return update_with_avx2(&state().xxh, bytes.data(), bytes.size());
#endif
  XXH3_128bits_update(&state().xxh, bytes.data(), bytes.size());
}

FastDigest FastHasher::digest() const {
  return canonical(XXH3_128bits_digest(&state().xxh));
}

}  // namespace trilock

#endif
