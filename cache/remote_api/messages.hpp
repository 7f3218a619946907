// Actions and results in the form in which they leave the machine: messages of the Remote Execution API, version 2
// (remote_api.proto). Only this folder uses protobuf.
//
// The shared key of an action is the SHA-256 of its serialized `Action`. What the API has a field for stands there;
// everything else that decides a result (the rule's version, tools, fields, rendered files, what other nodes gave) is a
// property of the command's platform. Messages are written in their canonical form, so equal actions have equal bytes:
// fields in the order of their numbers, lists sorted as the API demands, modes in `node_properties` of every file and
// directory.
//
// Readers trust nothing: names, digests, depth, order and size are checked, and any fault is ErrorKind::corrupt.
// Whether paths may be written to is for restore_outputs to say. Thread rule: pure functions, but for what `FetchBlob`
// does.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/action.hpp"
#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

// An input as it counts for others: its path, permission bits, and SHA-256 and size of a file or the target of a
// symlink.
struct PortableInput {
  std::string path;  // relative to the workspace, without `.` and `..`
  EntryType type = EntryType::file;
  std::uint32_t mode = 0;
  StrongDigest content;
  std::uint64_t size = 0;
  std::string symlink_target;
  friend bool operator==(const PortableInput&, const PortableInput&) = default;
};

struct PortableAction {
  std::vector<std::string> arguments;
  std::vector<Field> environment;         // sorted by name
  std::vector<Field> properties;          // sorted by name, then value
  std::vector<std::string> output_paths;  // sorted, unique
  std::string working_directory;
  std::vector<PortableInput>
      inputs;        // sorted by path, unique; a directory that holds other inputs need not be among them
  std::string salt;  // the namespace, or empty
  friend bool operator==(const PortableAction&, const PortableAction&) = default;
};

// Bytes under their name, as they are stored in the content-addressed storage.
struct Message {
  StrongDigest digest;
  std::string bytes;
};

// `messages` has the `Action` first, then the `Command` and every `Directory`, each once.
struct ActionMessages {
  StrongDigest digest;  // of the Action
  std::vector<Message> messages;
};
[[nodiscard]] ActionMessages encode_action(const PortableAction& action);

// Gives the bytes of a blob, verified; an error of any kind makes the whole unreadable.
using FetchBlob = std::function<Result<std::string>(const StrongDigest& digest, std::uint64_t size)>;

// The action that such messages describe. Directories that hold nothing but other inputs do not come back as inputs.
Result<PortableAction> decode_action(const StrongDigest& digest, const FetchBlob& fetch);

// A result as an `ActionResult`, with the blobs that it refers to besides the files of the outputs: a `Tree` for every
// directory, and a log that is larger than `largest_inline_log` bytes. Key, explanation and the XXH3 of outputs stay
// behind: they mean nothing to others.
inline constexpr std::size_t largest_inline_log = 64 * 1024;
struct ResultMessages {
  std::string result;
  std::vector<Message> blobs;
};
[[nodiscard]] ResultMessages encode_result(const ActionResult& result, std::span<const OutputSpec> outputs);

// Who wrote a result. Another program's has no values, witness and duration, so it says less than a node needs.
enum class ResultWriter : std::uint8_t { trilock, other };

// Outputs come back sorted by path; their `content` is empty.
struct DecodedResult {
  ActionResult result;
  ResultWriter writer = ResultWriter::other;
};
Result<DecodedResult> decode_result(std::string_view bytes, const FetchBlob& fetch);

// A seal binds a result to its action and shows damage anywhere in it, however well what is left can be read. It is no
// signature: whoever writes results can make one. Sealing again takes the place of the seal before.
//
//   seal   an entry of `auxiliary_metadata` of the type `type.trilock/Seal`: the SHA-256 of the action's digest and of
//          the serialized result without its seal
[[nodiscard]] std::string seal_result(std::string_view bytes, const StrongDigest& action);

// ErrorKind::corrupt when the bytes are no result, or one of trilock that is damaged, without a seal, or of another
// action. Results of other programs have no seal.
Result<ResultWriter> check_seal(std::string_view bytes, const StrongDigest& action);

// Every blob that a result refers to, in order, once: files, trees and logs. Trees are fetched to look into them.
struct BlobReference {
  StrongDigest digest;
  std::uint64_t size = 0;
  friend bool operator==(const BlobReference&, const BlobReference&) = default;
};
Result<std::vector<BlobReference>> references_of(std::string_view bytes, const FetchBlob& fetch);

}  // namespace trilock
