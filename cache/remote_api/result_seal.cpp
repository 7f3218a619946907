// The seal is taken over the message in its canonical form, so that one can be taken out, and another put in, without
// knowing where in the bytes it stands.
#include "cache/hash.hpp"
#include "cache/remote_api/directories.hpp"

namespace trilock {

using namespace remote_api;

namespace {

StrongDigest seal_of(const pb::ActionResult& without_seal, const StrongDigest& action) {
  StrongHasher hasher;
  hasher.update(action.view());
  hasher.update(without_seal.SerializeAsString());
  return hasher.finish();
}

// Also when damage hides the metadata from the parser: the name of its type is still among the bytes.
bool is_of_node(std::string_view bytes) {
  return bytes.find(node_result_type) != bytes.npos;
}

}  // namespace

std::string seal_result(std::string_view bytes, const StrongDigest& action) {
  Result<pb::ActionResult> message = parse<pb::ActionResult>(bytes, "no result");
  if (!message) return std::string(bytes);  // is as unusable with a seal as without
  (void)take_metadata(*message, seal_type);
  const StrongDigest seal = seal_of(*message, action);
  add_metadata(*message, seal_type, std::string(seal.view()));
  return message->SerializeAsString();
}

Result<ResultWriter> check_seal(std::string_view bytes, const StrongDigest& action) {
  Result<pb::ActionResult> message = parse<pb::ActionResult>(bytes, "no result");
  if (!message) return std::unexpected(message.error());
  // Of many ways to write the same message only one is ours: a truth may be any number but zero.
  const bool canonical = message->SerializeAsString() == bytes;
  const std::string seal = take_metadata(*message, seal_type);
  if (seal.empty() && !is_of_node(bytes)) return ResultWriter::other;
  if (!canonical) return malformed("bytes that are not in order");
  if (seal != seal_of(*message, action).view()) return malformed("a seal that does not fit");
  return ResultWriter::trilock;
}

}  // namespace trilock
