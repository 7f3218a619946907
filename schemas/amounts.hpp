// Sizes and ages as people write them: in the pipeline and on the command line. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trilock {

inline constexpr std::string_view size_form = "a number with B, K, M, G or T (`500M`, `1.5GiB`, `10GB`)";
inline constexpr std::string_view age_form = "a number with s, m, h, d or w (`12h`, `30d`)";

// In bytes. K and KiB are 1024, KB is 1000, and so on; a number alone is one of bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// In nanoseconds. A unit is needed, but for 0.
[[nodiscard]] std::optional<std::int64_t> parse_age(std::string_view text);

}  // namespace trilock
