// Any bytes give either a table or exactly one diagnostic at a place in the file, and rendering it works; and the same
// when they are read in parts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "schemas/config.hpp"
#include "schemas/toml_plain.hpp"
#include "schemas/toml_syntax.hpp"
#include "schemas/utf8.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_places(const trilock::ConfigTable& table, const trilock::SourceMap& sources) {
  for (const trilock::ConfigEntry& entry : table.entries) {
    for (const trilock::Place& place : {entry.place, entry.value.place}) {
      const std::size_t width = trilock::count_code_points(sources.line(place.source, place.line));
      require(place.line > 0 && place.column > 0 && place.length > 0);
      require(place.column + place.length <= width + 2);
    }
    if (const trilock::ConfigTable* inner = entry.value.table()) check_places(*inner, sources);
  }
}

bool same(const trilock::ConfigTable& a, const trilock::ConfigTable& b);

bool same(const trilock::Config& a, const trilock::Config& b) {
  if (a.place != b.place || a.data.index() != b.data.index()) return false;
  if (const trilock::Text* text = a.text()) return *text == *b.text();
  if (const trilock::ConfigTable* table = a.table()) return same(*table, *b.table());
  if (const trilock::ConfigArray* array = a.array())
    return std::ranges::equal(*array, *b.array(), [](const auto& x, const auto& y) { return same(x, y); });
  if (const bool* flag = std::get_if<bool>(&a.data)) return *flag == std::get<bool>(b.data);
  if (const std::int64_t* number = std::get_if<std::int64_t>(&a.data)) return *number == std::get<std::int64_t>(b.data);
  return true;  // a float may be no number, and a date is what stands at its place
}

bool same(const trilock::ConfigTable& a, const trilock::ConfigTable& b) {
  return std::ranges::equal(a.entries, b.entries, [](const auto& x, const auto& y) {
    return x.key == y.key && x.place == y.place && same(x.value, y.value);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  trilock::SourceMap sources;
  trilock::Diagnostics diagnostics;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = sources.add("fuzz.toml", std::string(text));
  const trilock::TomlReading whole{.part_bytes = static_cast<std::size_t>(-1)};
  const trilock::ConfigTable table = trilock::read_toml(id, sources, diagnostics, whole);
  trilock::Diagnostics diagnostics_of_parts;
  const trilock::ConfigTable parts = trilock::read_toml(id, sources, diagnostics_of_parts, {.part_bytes = 1});
  require(same(parts, table) && diagnostics_of_parts.all().size() == diagnostics.all().size());
  const trilock::TomlScan scan = trilock::scan_toml(text);
  if (!scan.not_text && !scan.barrier) {
    const auto plain = trilock::read_plain_toml(text, id, 0);
    require(!plain || (!diagnostics.has_errors() && same(*plain, table)));
  }

  require(diagnostics.all().size() <= 1);
  if (diagnostics.has_errors()) {
    require(table.entries.empty());
    const trilock::Diagnostic& diagnostic = diagnostics.all().front();
    require(diagnostic.place.line > 0 && diagnostic.place.column > 0);
    require(!trilock::find_invalid_utf8(trilock::render(diagnostic, sources)));
  }
  check_places(table, sources);
  return 0;
}
