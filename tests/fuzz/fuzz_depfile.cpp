// Any bytes as a depfile give paths or an error, and any bytes as stored sets of paths are refused or are what would be
// written for them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cache/discovered_sets.hpp"
#include "cache/hash.hpp"
#include "schemas/depfile.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_sets(std::string_view bytes) {
  const auto sets = trilock::decode_path_sets(bytes);
  if (!sets) return require(sets.error().kind == trilock::ErrorKind::corrupt);
  require(trilock::encode_path_sets(*sets) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto paths = trilock::parse_depfile(bytes);
  if (!paths) require(paths.error().kind == trilock::ErrorKind::invalid);
  if (paths)
    for (const std::string& path : *paths) require(!path.empty());

  check_sets(bytes);
  // The checksum would keep the fuzzer out of what lies behind it.
  std::string framed = "trilockD\x01";
  framed.append(bytes);
  framed.append(trilock::fast_digest(framed).view());
  check_sets(framed);
  return 0;
}
