#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <tuple>
#include <utility>

#include "schemas/config.hpp"
#include "schemas/toml_parts.hpp"
#include "schemas/toml_plain.hpp"
#include "schemas/toml_syntax.hpp"
#include "schemas/utf8.hpp"

// The packaged library, compiled: the headers alone would bring its assertions, which invalid documents break (`[=]`),
// and `__builtin_unreachable()` where a document has a letter between U+00A1 and U+049F, into this program. It throws.
#define TOML_HEADER_ONLY 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace trilock {
namespace {

// Turns the tables of the library, which are sorted by key, into tables in the order of the file.
class Converter {
 public:
  // The library counts lines from where it began to read.
  Converter(SourceId source, const SourceMap& sources, std::uint32_t lines_before)
      : source_(source), sources_(sources), lines_before_(lines_before) {}

  ConfigTable table(const toml::table& from) const {
    ConfigTable to;
    to.entries.reserve(from.size());
    for (auto&& [key, node] : from) {
      to.entries.push_back({std::string(key.str()), place(key.source()), value(node)});
    }
    std::sort(to.entries.begin(), to.entries.end(), [](const ConfigEntry& a, const ConfigEntry& b) {
      return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
    });
    return to;
  }

 private:
  // Regions of the library end behind their last code point and may span lines; a place ends with its first line.
  Place place(const toml::source_region& region) const {
    Place place{source_, region.begin.line + lines_before_, region.begin.column, 1};
    std::size_t end = region.end.column;
    if (region.end.line != region.begin.line) {
      end = count_code_points(sources_.line(source_, place.line)) + 1;
    }
    if (end > place.column) place.length = static_cast<std::uint32_t>(end - place.column);
    return place;
  }

  Config value(const toml::node& node) const {
    Config config{{}, place(node.source())};
    switch (node.type()) {
      case toml::node_type::boolean:
        config.data = **node.as_boolean();
        break;
      case toml::node_type::integer:
        config.data = **node.as_integer();
        break;
      case toml::node_type::floating_point:
        config.data = **node.as_floating_point();
        break;
      case toml::node_type::string:
        config.data = Text{**node.as_string(), {}};
        break;
      case toml::node_type::date:
      case toml::node_type::time:
      case toml::node_type::date_time:
        config.data = Datetime{written(config.place)};
        break;
      case toml::node_type::array:
        config.data = array(*node.as_array());
        break;
      case toml::node_type::table:
        config.data = table(*node.as_table());
        break;
      case toml::node_type::none:
        break;
    }
    return config;
  }

  ConfigArray array(const toml::array& from) const {
    ConfigArray to;
    to.reserve(from.size());
    for (const toml::node& node : from) to.push_back(value(node));
    return to;
  }

  std::string written(const Place& place) const {
    const std::string_view line = sources_.line(source_, place.line);
    const std::string_view from = line.substr(code_point_offset(line, place.column - 1));
    return std::string(from.substr(0, code_point_offset(from, place.length)));
  }

  SourceId source_;
  const SourceMap& sources_;
  std::uint32_t lines_before_;
};

struct Parsed {
  std::optional<toml::table> table;  // absent after an error
  SyntaxError error;                 // as the library says it
};

Parsed parse(std::string_view text) {
  try {
    return {toml::parse(text), {}};
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return {std::nullopt, {std::string(error.description()), {}, at.line, at.column, 1}};
  }
}

void report(const SyntaxError& error, SourceId source, Diagnostics& diagnostics) {
  diagnostics.error({source, error.line, error.column, error.length}, "invalid TOML: " + error.message, error.help);
}

// A part is small enough for its tables of the library to stay in the processor's caches until they are gone.
std::optional<ConfigTable> read_part(const TomlStretch& part, SourceId source, const SourceMap& sources) {
  const std::string_view text = sources.text(source).substr(part.begin, part.end - part.begin);
  if (std::optional<ConfigTable> plain = read_plain_toml(text, source, part.lines_before)) return plain;
  const Parsed parsed = parse(text);
  if (!parsed.table) return std::nullopt;
  return Converter(source, sources, part.lines_before).table(*parsed.table);
}

std::vector<TomlStretch> stretches_of(const TomlScan& scan, std::size_t end) {
  std::vector<TomlStretch> stretches;
  for (const TomlPart& part : scan.parts) {
    if (!stretches.empty()) stretches.back().end = part.begin;
    stretches.push_back({part.begin, end, part.lines_before});
  }
  return stretches;
}

}  // namespace

std::optional<ConfigTable> read_toml_parts(std::span<const TomlStretch> parts, SourceId source,
                                           const SourceMap& sources, const Loop& loop) {
  std::vector<ConfigTable> tables(parts.size());
  std::atomic<bool> broken = false;
  loop(parts.size(), [&](std::size_t i) {
    if (broken.load(std::memory_order_relaxed)) return;
    if (std::optional<ConfigTable> table = read_part(parts[i], source, sources))
      tables[i] = *std::move(table);
    else
      broken.store(true, std::memory_order_relaxed);
  });
  if (broken.load()) return std::nullopt;
  return join_toml_parts(std::move(tables), sources);
}

std::vector<TomlPiece> toml_pieces(std::string_view text) {
  const TomlScan scan = scan_toml(text, 1);
  std::vector<TomlPiece> pieces;
  if (scan.not_text || scan.barrier || scan.unclosed) return pieces;
  for (const TomlPart& part : scan.parts) {
    if (!pieces.empty()) pieces.back().where.end = part.begin;
    pieces.push_back({{part.begin, text.size(), part.lines_before}, part.title});
  }
  return pieces;
}

ConfigTable read_toml(SourceId source, const SourceMap& sources, Diagnostics& diagnostics, const TomlReading& reading) {
  const TomlScan scan = scan_toml(sources.text(source), reading.part_bytes);
  if (scan.not_text) {
    report(*scan.not_text, source, diagnostics);
    return {};
  }
  if (!scan.barrier && scan.parts.size() > 1)
    if (auto joined = read_toml_parts(stretches_of(scan, sources.text(source).size()), source, sources, reading.loop))
      return *std::move(joined);

  const Parsed parsed = parse(sources.text(source).substr(0, scan.scanned));
  const SyntaxError* barrier = scan.barrier ? &*scan.barrier : nullptr;
  if (!parsed.table) {
    const SyntaxError& error = parsed.error;
    // Text that is cut off may end in an error there; an earlier one is an error of its own.
    if (barrier != nullptr && std::tie(error.line, error.column) >= std::tie(barrier->line, barrier->column)) {
      report(*barrier, source, diagnostics);
      return {};
    }
    report(rewrite_toml_error(error, scan, source, sources), source, diagnostics);
    return {};
  }
  if (barrier != nullptr) {
    report(*barrier, source, diagnostics);
    return {};
  }
  return Converter(source, sources, 0).table(*parsed.table);
}

}  // namespace trilock
