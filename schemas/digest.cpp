#include "schemas/digest.hpp"

namespace trilock {
namespace {

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

template <std::size_t Size>
std::string Bytes<Size>::hex() const {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text(2 * Size, '0');
  for (std::size_t i = 0; i < Size; ++i) {
    text[2 * i] = digits[data[i] >> 4];
    text[2 * i + 1] = digits[data[i] & 0x0f];
  }
  return text;
}

template <std::size_t Size>
std::optional<Bytes<Size>> Bytes<Size>::from_hex(std::string_view text) {
  if (text.size() != 2 * Size) return std::nullopt;
  Bytes bytes;
  for (std::size_t i = 0; i < Size; ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.data[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return bytes;
}

template struct Bytes<16>;
template struct Bytes<20>;
template struct Bytes<32>;

}  // namespace trilock
