// Sizes as people write them: "20G", "500MiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trilock {

// Bytes of "20G"; empty when it is no size. Units: K, M, G, T (powers of 1000) and Ki, Mi, Gi, Ti (powers of 1024),
// each with or without a `B`; `0` needs none. Whole numbers only.
[[nodiscard]] std::optional<std::uint64_t> parse_byte_size(std::string_view text);
inline constexpr std::string_view byte_size_help = "a size is written as `20G`, `500M` or `16GiB`";

}  // namespace trilock
