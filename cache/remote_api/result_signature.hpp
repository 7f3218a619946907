// The signature that a serialized `ActionResult` carries: put in, taken out. What a signature says and whether it holds
// is for cache/signature.hpp to know. Thread rule: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "schemas/result.hpp"

namespace trilock {

struct ResultSignature {
  std::string key_id;
  std::string signature;
  friend bool operator==(const ResultSignature&, const ResultSignature&) = default;
};

// `unsigned_result` is in its canonical form and has no seal. For a result with a signature the way back is exact, but
// for the seal: `join_signature(unsigned_result, signature)` gives the bytes that were split.
struct SplitResult {
  std::string unsigned_result;
  std::optional<ResultSignature> signature;
};

// corrupt: no `ActionResult`, more than one signature, or a signed result that is not in the canonical form.
Result<SplitResult> split_signature(std::string_view result);

// A result with this signature and no other. corrupt: no `ActionResult`.
Result<std::string> join_signature(std::string_view result, const ResultSignature& signature);

}  // namespace trilock
