// Any bytes come apart into a result and its signature in one way, or not at all.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cache/remote_api/result_signature.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trilock;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Result<SplitResult> split = split_signature(bytes);
  if (!split) {
    require(split.error().kind == ErrorKind::corrupt);
    return 0;
  }
  if (split->signature) {
    const std::string joined = join_signature(split->unsigned_result, *split->signature).value();
    require(joined == bytes || bytes.contains("type.trilock/Seal"));
  }

  const ResultSignature signature{"key", "signature"};
  const Result<std::string> joined = join_signature(bytes, signature);
  require(joined.has_value());
  const Result<SplitResult> again = split_signature(*joined);
  require(again.has_value() && again->signature == signature && again->unsigned_result == split->unsigned_result);
  return 0;
}
