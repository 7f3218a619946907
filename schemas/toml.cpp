#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "schemas/config.hpp"
#include "schemas/toml_syntax.hpp"
#include "schemas/utf8.hpp"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/impl/preprocessor.h>
// Version 3.3.0 asserts (and promises the optimiser, in a release build) what some invalid documents break: `[=]`. It
// goes on to report them properly when nothing is assumed.
#undef TOML_ASSERT
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT(condition) static_assert(true)
#define TOML_ASSERT_ASSUME(condition) static_assert(true)
#include <toml++/toml.h>

namespace trilock {
namespace {

// Turns the tables of the library, which are sorted by key, into tables in the order of the file.
class Converter {
 public:
  Converter(SourceId source, const SourceMap& sources) : source_(source), sources_(sources) {}

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
    Place place{source_, region.begin.line, region.begin.column, 1};
    std::size_t end = region.end.column;
    if (region.end.line != region.begin.line) {
      end = count_code_points(sources_.line(source_, region.begin.line)) + 1;
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
};

void report(const SyntaxError& error, SourceId source, Diagnostics& diagnostics) {
  diagnostics.error({source, error.line, error.column, error.length}, "invalid TOML: " + error.message, error.help);
}

}  // namespace

ConfigTable read_toml(SourceId source, const SourceMap& sources, Diagnostics& diagnostics) {
  const TomlScan scan = scan_toml(sources.text(source));
  if (scan.not_text) {
    report(*scan.not_text, source, diagnostics);
    return {};
  }
  const toml::parse_result result = toml::parse(sources.text(source).substr(0, scan.scanned));
  const SyntaxError* barrier = scan.barrier ? &*scan.barrier : nullptr;
  if (!result) {
    const toml::parse_error& error = result.error();
    const toml::source_position at = error.source().begin;
    // Text that is cut off may end in an error there; an earlier one is an error of its own.
    if (barrier != nullptr && std::tie(at.line, at.column) >= std::tie(barrier->line, barrier->column)) {
      report(*barrier, source, diagnostics);
      return {};
    }
    const SyntaxError reported{std::string(error.description()), {}, at.line, at.column, 1};
    report(rewrite_toml_error(reported, scan, source, sources), source, diagnostics);
    return {};
  }
  if (barrier != nullptr) {
    report(*barrier, source, diagnostics);
    return {};
  }
  return Converter(source, sources).table(result.table());
}

}  // namespace trilock
