#include "cache/publication.hpp"

#include <utility>

namespace trilock {
namespace {

BlobSource source_of(Message message) {
  const std::uint64_t size = message.bytes.size();
  return {.digest = message.digest, .size = size, .path = {}, .bytes = std::move(message.bytes)};
}

}  // namespace

Publication make_publication(const SourceTree& tree, const ActionMessages& action, const ActionResult& result,
                             std::span<const OutputSpec> outputs) {
  ResultMessages messages = encode_result(result, outputs);
  Publication publication{.action = action.digest, .result = std::move(messages.result), .blobs = {}};
  publication.blobs.reserve(result.outputs.size() + messages.blobs.size() + action.messages.size());
  for (const OutputEntry& entry : result.outputs) {
    if (entry.type != EntryType::file) continue;
    publication.blobs.push_back(
        {.digest = entry.blob, .size = entry.size, .path = tree.absolute(entry.path), .bytes = {}});
  }
  for (Message& message : messages.blobs) publication.blobs.push_back(source_of(std::move(message)));
  for (const Message& message : action.messages) {
    publication.blobs.push_back(source_of(message));
    publication.blobs.back().describes = true;
  }
  return publication;
}

}  // namespace trilock
