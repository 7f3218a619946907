// The action key: one walk over everything that decides an action's result, into as many sinks as ask for it.
//
// Each field is written as its tag, the length of its name, the name, the length of its value, the value, so moving a
// byte between neighbours changes the key. The walk begins with key_format. What is in it: see docs/architecture.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/hash.hpp"
#include "schemas/action.hpp"
#include "schemas/digest.hpp"

namespace trilock {

inline constexpr std::uint32_t key_format = 1;

// An input as it counts: its path, its permission bits, and the digest of a file's bytes or the target of a symlink.
struct InputState {
  std::string path;
  EntryType type = EntryType::file;
  std::uint32_t mode = 0;
  FastDigest content;
  std::string symlink_target;
};

// Everything that a key is made of. `upstream` holds what other nodes gave, by name: "image.base.digest" for a value,
// "command.gen" for outputs and values of a node that is needed as a whole.
struct KeyMaterial {
  const Action& action;
  const std::vector<InputState>& inputs;
  const std::vector<Field>& upstream;
  std::string_view platform;  // "linux/amd64"
};

class KeySink {
 public:
  virtual ~KeySink() = default;
  virtual void field(char tag, std::string_view name, std::string_view value) = 0;
};

// Tags of the fields; the order of the walk is theirs.
void walk_key(const KeyMaterial& material, KeySink& sink);

[[nodiscard]] FastDigest fast_key(const KeyMaterial& material);
// The same fields as words, in the order of the walk: "input main.go", "env GOFLAGS", "tool go".
[[nodiscard]] std::vector<Field> explain_key(const KeyMaterial& material);

// A difference between two explanations. An absent field is an empty `was` or `now` with the flag set.
struct FieldChange {
  std::string field;
  std::string was;
  std::string now;
  bool added = false;
  bool removed = false;
};
[[nodiscard]] std::vector<FieldChange> compare_explanations(const std::vector<Field>& was,
                                                            const std::vector<Field>& now);

// "input main.go: content changed", "env GOFLAGS: \"\" -> \"-mod=vendor\"", "input x.go: added".
[[nodiscard]] std::string describe(const FieldChange& change);

}  // namespace trilock
