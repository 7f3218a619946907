// Digests as values. They are computed in cache/hash.hpp; here they are only held, compared and printed.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace trilock {

template <std::size_t Size>
struct Bytes {
  std::array<std::uint8_t, Size> data{};
  friend auto operator<=>(const Bytes&, const Bytes&) = default;
  [[nodiscard]] std::string hex() const;  // lower case, 2 * Size characters
  [[nodiscard]] static std::optional<Bytes> from_hex(std::string_view text);
  [[nodiscard]] std::string_view view() const { return {reinterpret_cast<const char*>(data.data()), Size}; }
};

// XXH3-128 in its canonical (big-endian) form: "has this changed on my machine?". Never names what others read.
using FastDigest = Bytes<16>;
// SHA-256: names what leaves the machine.
using StrongDigest = Bytes<32>;

template <class D>
struct DigestHash {
  std::size_t operator()(const D& digest) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, digest.data.data(), sizeof value);
    return value;
  }
};

extern template struct Bytes<16>;
extern template struct Bytes<20>;
extern template struct Bytes<32>;

}  // namespace trilock
