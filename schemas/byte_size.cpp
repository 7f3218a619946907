#include "schemas/byte_size.hpp"

#include <charconv>
#include <limits>

namespace trilock {

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  if (text == "0") return 0;
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{}) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));

  constexpr std::string_view prefixes = "KMGT";
  const std::size_t power = unit.empty() ? prefixes.npos : prefixes.find(unit.front());
  if (power == prefixes.npos) return std::nullopt;
  unit.remove_prefix(1);
  std::uint64_t base = 1000;
  if (unit.starts_with('i')) {
    base = 1024;
    unit.remove_prefix(1);
  }
  if (!unit.empty() && unit != "B") return std::nullopt;

  for (std::size_t i = 0; i <= power; ++i) {
    if (number > std::numeric_limits<std::uint64_t>::max() / base) return std::nullopt;
    number *= base;
  }
  return number;
}

}  // namespace trilock
