#include "schemas/amounts.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace trilock {
namespace {

// Takes a decimal number without sign or exponent from the front. nullopt when there is none.
std::optional<double> take_number(std::string_view& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

struct Unit {
  std::string_view name;
  double factor;
};

template <std::size_t Count>
std::optional<double> scaled(std::string_view text, const std::array<Unit, Count>& units) {
  const std::optional<double> number = take_number(text);
  if (!number) return std::nullopt;
  while (text.starts_with(' ')) text.remove_prefix(1);
  for (const Unit& unit : units) {
    if (unit.name != text) continue;
    const double value = *number * unit.factor;
    constexpr double largest = 9.2e18;  // of a signed number of 64 bits
    if (value < largest) return std::round(value);
  }
  return std::nullopt;
}

constexpr double kib = 1024;
constexpr double kb = 1000;
constexpr std::array size_units = std::to_array<Unit>({
    {"", 1},
    {"B", 1},
    {"K", kib},
    {"KiB", kib},
    {"KB", kb},
    {"M", kib* kib},
    {"MiB", kib* kib},
    {"MB", kb* kb},
    {"G", kib* kib* kib},
    {"GiB", kib* kib* kib},
    {"GB", kb* kb* kb},
    {"T", kib* kib* kib* kib},
    {"TiB", kib* kib* kib* kib},
    {"TB", kb* kb* kb* kb},
});

constexpr double second = 1e9;
constexpr std::array age_units = std::to_array<Unit>({
    {"s", second},
    {"m", 60 * second},
    {"h", 3600 * second},
    {"d", 24 * 3600 * second},
    {"w", 7 * 24 * 3600 * second},
});

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::optional<double> size = scaled(text, size_units);
  if (!size) return std::nullopt;
  return static_cast<std::uint64_t>(*size);
}

std::optional<std::int64_t> parse_age(std::string_view text) {
  if (text == "0") return 0;
  const std::optional<double> age = scaled(text, age_units);
  if (!age) return std::nullopt;
  return static_cast<std::int64_t>(*age);
}

}  // namespace trilock
