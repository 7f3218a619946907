// Any bytes give either a table or exactly one diagnostic at a place in the file, and rendering it works.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "schemas/config.hpp"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  trilock::SourceMap sources;
  trilock::Diagnostics diagnostics;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = sources.add("fuzz.toml", std::string(text));
  const trilock::ConfigTable table = trilock::read_toml(id, sources, diagnostics);

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
