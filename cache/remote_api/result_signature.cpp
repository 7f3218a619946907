// A signature stands in the message that it signs, so both sides must agree on the bytes without it: those that
// serializing the parsed message without the signature gives. For a reader to be sure that these bytes are all that
// the message says, a signed message must be exactly what joining both gives again. A seal, which every tier may put on
// anew, stands outside of what is signed.
#include "cache/remote_api/result_signature.hpp"

#include "cache/remote_api/directories.hpp"

namespace trilock {

using namespace remote_api;

namespace {

std::string join(pb::ActionResult result, const ResultSignature& signature) {
  pb::Signature message;
  message.set_key_id(signature.key_id);
  message.set_signature(signature.signature);
  add_metadata(result, signature_type, message.SerializeAsString());
  return result.SerializeAsString();
}

}  // namespace

Result<SplitResult> split_signature(std::string_view bytes) {
  Result<pb::ActionResult> result = parse<pb::ActionResult>(bytes, "no result");
  if (!result) return std::unexpected(result.error());
  SplitResult split;
  for (const pb::Any& any : result->execution_metadata().auxiliary_metadata()) {
    if (any.type_url() != signature_type) continue;
    if (split.signature) return malformed("two signatures");
    const Result<pb::Signature> signature = parse<pb::Signature>(any.value(), "no signature");
    if (!signature) return std::unexpected(signature.error());
    split.signature = {signature->key_id(), signature->signature()};
  }
  const bool in_form = result->SerializeAsString() == bytes;
  (void)take_metadata(*result, seal_type);
  const std::string unsealed = result->SerializeAsString();
  (void)take_metadata(*result, signature_type);
  split.unsigned_result = result->SerializeAsString();
  if (split.signature && (!in_form || join(std::move(*result), *split.signature) != unsealed))
    return malformed("a signature in a result that is not in its canonical form");
  return split;
}

Result<std::string> join_signature(std::string_view bytes, const ResultSignature& signature) {
  Result<pb::ActionResult> result = parse<pb::ActionResult>(bytes, "no result");
  if (!result) return std::unexpected(result.error());
  (void)take_metadata(*result, signature_type);
  return join(std::move(*result), signature);
}

}  // namespace trilock
