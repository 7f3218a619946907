// The only user of xxHash (fast_hash.cpp) and of SHA-256, and of SHA-1 where git speaks of it (hash.cpp). Thread rule:
// an object belongs to one thread; functions are free.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "schemas/digest.hpp"

namespace trilock {

[[nodiscard]] FastDigest fast_digest(std::string_view bytes);
[[nodiscard]] StrongDigest strong_digest(std::string_view bytes);
// The id that git gives to a file with these bytes, in a repository whose ids have that many hex characters: 40 (SHA-1)
// or 64 (SHA-256). "" for another length, and where OpenSSL is set up without SHA-1.
[[nodiscard]] std::string git_blob_id(std::string_view bytes, std::size_t id_size);

class FastHasher {
 public:
  FastHasher();
  void update(std::string_view bytes);
  [[nodiscard]] FastDigest digest() const;  // of what was given so far

 private:
  // Held by value, without xxhash.h here: several are made for each node, and over-aligned memory is dear to allocate.
  struct State;
  [[nodiscard]] State& state();
  [[nodiscard]] const State& state() const;
  alignas(64) std::array<std::byte, 576> bytes_;
};

class StrongHasher {
 public:
  StrongHasher();
  ~StrongHasher();
  StrongHasher(StrongHasher&&) noexcept;
  StrongHasher& operator=(StrongHasher&&) noexcept;
  void update(std::string_view bytes);
  [[nodiscard]] StrongDigest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trilock
