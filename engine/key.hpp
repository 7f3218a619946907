// The action key: one walk over everything that decides an action's result, into as many sinks as ask for it. One sink
// hashes, one explains, so what `trilock why` says cannot drift from what the key is.
//
// A field is a tag, a name and a list of values, and a sink gets them as they are: nothing is joined or formatted on
// the way, so a sink that delimits them tells any two materials apart, and one that needs the parts (the arguments of
// a process, the mode of an input) has them. What is in the walk: see docs/architecture.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/hash.hpp"
#include "schemas/action.hpp"
#include "schemas/digest.hpp"

namespace trilock {

// Part of every key; raised when the walk or the way it is hashed changes.
inline constexpr std::uint32_t key_format = 3;

// An input as it counts: its path, its permission bits, and the digest of a file's bytes or the target of a symlink. Of
// a symlink that leads to a file bits and bytes of that file count as well.
struct InputState {
  std::string path;
  EntryType type = EntryType::file;
  std::uint32_t mode = 0;
  FastDigest content;
  std::string symlink_target;

  [[nodiscard]] bool leads_to_file() const { return type == EntryType::symlink && content != FastDigest{}; }
};

// A file that the action read without declaring it, by its content alone. See engine/discovered.hpp.
struct DiscoveredInput {
  std::string path;    // relative to the workspace, or absolute
  FastDigest content;  // all zero: the file does not exist
};

// Everything that a key is made of. `upstream` holds what other nodes gave, by name: "image.base.digest" for a value,
// "command.gen" for outputs and values of a node that is needed as a whole.
struct KeyMaterial {
  const Action& action;
  std::span<const InputState> inputs;
  std::span<const DiscoveredInput> discovered;
  std::span<const Field> upstream;
  std::string_view platform;  // "linux/amd64"
};

// In the order of the walk; fields of a process follow its `command`. After the sign: the name, and the values.
enum class KeyTag : char {
  rule = 'v',        // rule: key format, rule version
  platform = 'p',    // "": platform
  command = 'a',     // name of the process: its arguments
  directory = 'd',   // name of the process: its working directory
  env = 'e',         // variable: value; of one process only: its name as well
  secret = 's',      // variable: none, or the name of the process
  tool = 't',        // tool: identity, version
  program = 'g',     // program: identity
  field = 'f',       // as the rule named it: value
  write = 'w',       // path: mode, content
  staged = 'c',      // destination: type, mode, source
  depfile = 'm',     // "": path
  input = 'i',       // path: type, mode, the bytes of a digest or the target of a symlink; of one to a file its digest
  upstream = 'u',    // label, or label and value: value, or digest
  output = 'o',      // path: name
  discovered = 'h',  // path: the bytes of a digest
};

class KeySink {
 public:
  virtual ~KeySink() = default;
  // What the views lead to is gone when the call returns.
  virtual void field(KeyTag tag, std::string_view name, std::span<const std::string_view> values) = 0;
};

void walk_key(const KeyMaterial& material, KeySink& sink);

// XXH3-128 over the fields. Each is its tag, the length of its name, the name, the number of its values, and each
// value after its length; numbers are eight bytes, little-endian.
[[nodiscard]] FastDigest fast_key(const KeyMaterial& material);
// The same fields as words, in the order of the walk: "input main.go", "env GOFLAGS", "tool go". A tool that tells a
// version has two: "tool go" with its version and "identity of go" with what the key holds.
[[nodiscard]] std::vector<Field> explain_key(const KeyMaterial& material);

// A difference between two explanations. An absent field is an empty `was` or `now` with the flag set.
struct FieldChange {
  std::string field;
  std::string was;
  std::string now;
  bool added = false;
  bool removed = false;
};
// The identity of a tool whose version changed goes unmentioned.
[[nodiscard]] std::vector<FieldChange> compare_explanations(const std::vector<Field>& was,
                                                            const std::vector<Field>& now);

// One line: "input main.go: content changed", "env GOFLAGS: \"\" -> \"-mod=vendor\"", "tool go: 1.21.0 -> 1.22.5",
// "input x.go: added". Of long values, the part that differs.
[[nodiscard]] std::string describe(const FieldChange& change);

}  // namespace trilock
