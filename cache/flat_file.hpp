// What the flat files of the state directory have in common: a header and parts of plain values, one behind the other,
// in the byte order of the machine, used where they lie. A file may be damaged, or made by somebody who means harm: no
// number in it is used before it was held against the size of its part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cache/hash.hpp"

namespace trilock {

template <class Part>
void append_parts(std::string& bytes, const std::vector<Part>& parts) {
  static_assert(std::is_trivially_copyable_v<Part>);
  bytes.append(reinterpret_cast<const char*>(parts.data()), parts.size() * sizeof(Part));
}

// The next `count` parts, or false when there are not so many bytes. `bytes` begins where a Part may begin.
template <class Part>
[[nodiscard]] bool take_parts(std::string_view& bytes, std::uint32_t count, std::span<const Part>& parts) {
  if (bytes.size() / sizeof(Part) < count) return false;
  parts = {reinterpret_cast<const Part*>(bytes.data()), count};
  bytes.remove_prefix(count * sizeof(Part));
  return true;
}

// Puts a string with a zero at its end behind those of `all`, which begins with an empty one; where it is. `too_large`
// is set when it cannot be there, having a zero in it or no number.
inline std::uint32_t add_text(std::string& all, std::string_view text, bool& too_large) {
  if (text.empty()) return 0;
  const std::size_t place = all.size();
  if (text.find('\0') != std::string_view::npos || place + text.size() + 1 > std::numeric_limits<std::uint32_t>::max())
    too_large = true;
  if (too_large) return 0;
  all.append(text).append(1, '\0');
  return static_cast<std::uint32_t>(place);
}

// The sum of a file, as its header has it, is over all behind the sum.
template <class Header>
[[nodiscard]] FastDigest flat_sum(std::string_view bytes) {
  return fast_digest(bytes.substr(offsetof(Header, sum) + sizeof(FastDigest)));
}

// Puts the header in front, where `bytes` have room for it, with the size and the sum of the whole.
template <class Header>
void seal_flat_file(std::span<char> bytes, Header header) {
  header.bytes = bytes.size();
  std::memcpy(bytes.data(), &header, sizeof header);
  const FastDigest sum = flat_sum<Header>(std::string_view(bytes.data(), bytes.size()));
  std::memcpy(bytes.data() + offsetof(Header, sum), sum.data.data(), sizeof sum);
}

// Writes a part over, when it is not the same: bytes that are mapped are copied for that, page by page.
template <class Part>
bool write_over(std::span<char> bytes, std::size_t place, const Part& part) {
  static_assert(std::is_trivially_copyable_v<Part>);
  if (place > bytes.size() || sizeof part > bytes.size() - place ||
      std::memcmp(bytes.data() + place, &part, sizeof part) == 0)
    return false;
  std::memcpy(bytes.data() + place, &part, sizeof part);
  return true;
}

// Empty when they are not all there.
template <class Part>
[[nodiscard]] std::span<const Part> stretch_of(std::span<const Part> parts, std::uint32_t first, std::uint32_t count) {
  if (first > parts.size() || count > parts.size() - first) return {};
  return parts.subspan(first, count);
}

}  // namespace trilock
