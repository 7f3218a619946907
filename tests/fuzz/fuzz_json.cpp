// Any bytes give a value or an error; what is written of a value reads back as the same value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "schemas/json.hpp"
#include "schemas/utf8.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto strict = trilock::parse_json(text);
  const auto lenient = trilock::parse_json(text, trilock::JsonDialect::with_comments);
  require(lenient.has_value() || !strict.has_value());
  if (!lenient) return 0;

  const std::string written = trilock::write_json(*lenient);
  require(!trilock::find_invalid_utf8(written));
  if (strict) require(trilock::write_json(*strict) == written);
  for (const unsigned indent : {0U, 2U}) {
    const auto again = trilock::parse_json(trilock::write_json(*lenient, indent));
    require(again.has_value());
    require(trilock::write_json(*again) == written);
  }
  return 0;
}
