// Any bytes as a result of the cache, and as every blob that it refers to, give a result or an error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cache/remote_api/messages.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The input is a result; what follows the first 0xff byte is what every fetched blob holds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(bytes.find('\xff'), size);
  const std::string_view blob = bytes.substr(std::min(end + 1, size));
  const trilock::FetchBlob fetch = [&](const trilock::StrongDigest&, std::uint64_t) -> trilock::Result<std::string> {
    return std::string(blob);
  };
  const auto result = trilock::decode_result(bytes.substr(0, end), fetch);
  if (!result) require(result.error().kind == trilock::ErrorKind::corrupt);
  if (result)
    for (std::size_t i = 1; i < result->result.outputs.size(); ++i)
      require(result->result.outputs[i - 1].path < result->result.outputs[i].path);
  const auto seal = trilock::check_seal(bytes.substr(0, end), {});
  if (!seal) require(seal.error().kind == trilock::ErrorKind::corrupt);
  if (seal) require(trilock::check_seal(trilock::seal_result(bytes.substr(0, end), {}), {}).has_value());
  static_cast<void>(trilock::references_of(bytes.substr(0, end), fetch));
  const auto action = trilock::decode_action({}, fetch);
  if (!action) require(action.error().kind == trilock::ErrorKind::corrupt);
  return 0;
}
