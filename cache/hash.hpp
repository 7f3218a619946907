// The only user of xxHash (fast_hash.cpp) and of SHA-256 (hash.cpp). Thread rule: an object belongs to one thread;
// functions are free.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

#include "schemas/digest.hpp"

namespace trilock {

[[nodiscard]] FastDigest fast_digest(std::string_view bytes);
[[nodiscard]] StrongDigest strong_digest(std::string_view bytes);

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
