// Any bytes give a result or an error; a result that was read is written as the same bytes. The checksum would keep
// the fuzzer out of all that lies behind it, so every input is tried a second time in a frame that is right.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cache/hash.hpp"
#include "cache/result_codec.hpp"

namespace {

void check(std::string_view bytes) {
  const auto result = trilock::decode(bytes);
  if (!result) {
    if (result.error().kind != trilock::ErrorKind::corrupt) std::abort();
    return;
  }
  if (trilock::encode(*result) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  std::string framed = "trilockR\x01";
  framed.append(bytes);
  framed.append(trilock::fast_digest(framed).view());
  check(framed);
  return 0;
}
