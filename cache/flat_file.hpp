// What the flat files of the state directory have in common: a header and parts of plain values, one behind the other,
// in the byte order of the machine, used where they lie. A file may be damaged, or made by somebody who means harm: no
// number in it is used before it was held against the size of its part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

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

// Empty when they are not all there.
template <class Part>
[[nodiscard]] std::span<const Part> stretch_of(std::span<const Part> parts, std::uint32_t first, std::uint32_t count) {
  if (first > parts.size() || count > parts.size() - first) return {};
  return parts.subspan(first, count);
}

}  // namespace trilock
