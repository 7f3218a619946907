// Trees of files as `Directory` messages: shared by inputs of actions and by directories that are outputs.
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/remote_api/messages.hpp"
#include "remote_api.pb.h"

namespace trilock::remote_api {

namespace pb = ::build::bazel::remote::execution::v2;

// The types of the metadata that trilock adds to a result.
inline constexpr std::string_view node_result_type = "type.trilock/NodeResult";
inline constexpr std::string_view seal_type = "type.trilock/Seal";
inline constexpr std::string_view signature_type = "type.trilock/Signature";

// Takes all metadata of a type out of a result, so that it is as if there had never been any: what held nothing else
// is gone too. Returns the last of them; "" when there was none.
std::string take_metadata(pb::ActionResult& result, std::string_view type);
void add_metadata(pb::ActionResult& result, std::string_view type, std::string value);

// Serialized bytes and their digest. The messages have no maps, so the bytes depend on nothing but the content.
[[nodiscard]] Message make_message(const google::protobuf::MessageLite& message);

void set_digest(pb::Digest& to, const StrongDigest& digest, std::uint64_t size);
// Checked: 64 lower-case hexadecimal characters, a size that is not negative.
Result<BlobReference> read_digest(const pb::Digest& digest);
[[nodiscard]] std::unexpected<Error> malformed(std::string_view what);

// Parses a message, which must have this digest and no trailing bytes.
template <class Parsed>
Result<Parsed> parse(std::string_view bytes, std::string_view what) {
  Parsed message;
  constexpr std::size_t largest = 256 * 1024 * 1024;
  if (bytes.size() > largest || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return malformed(what);
  return message;
}

// Builds the messages of a directory from the leaves below it, sorted by path and relative to it. `emit` receives each
// directory once it is whole, children before parents, and gives its digest and size.
using EmitDirectory = std::function<BlobReference(pb::Directory&&)>;
void build_directories(std::span<const PortableInput> leaves, const EmitDirectory& emit);

// The leaves below a directory, sorted by path; directories themselves among them. `find` gives the message of a
// digest. A directory without a mode is one that our inputs only pass through, or that another program wrote: mode
// 0755.
using FindDirectory = std::function<Result<pb::Directory>(const BlobReference& reference)>;
enum class BareDirectories : std::uint8_t { keep, drop };
Result<std::vector<PortableInput>> flatten(const pb::Directory& root, const FindDirectory& find, BareDirectories bare);

}  // namespace trilock::remote_api
