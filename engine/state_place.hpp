// Where the state of a workspace lies, and the two looks that find it: docs/design/0013-state.md. Linked into the front
// as well; engine/state_home.hpp makes what is found here.
//
//   BASE/by-path/HASH     a symlink that is never followed: its text is ID.KEY of the workspace whose path has that
//                         XXH3-128, with `/work` behind it when what can be done without lies apart
//   BASE/ID/              durable: what must not be lost
//   BASE/ID/workspace     whose id that is
//   BASE/ID/work/         disposable state, where the workspace has no place for it
//   WORKSPACE/.trilock/ID/    disposable state otherwise
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/snapshot.hpp"

namespace trilock {

struct StatePlace {
  std::string id;          // 32 hexadecimal digits, random
  std::string key;         // the same; in no path, so it is known to nobody who sees paths
  std::string durable;     // absolute, as all paths here
  std::string disposable;  // deleting it costs time
  friend bool operator==(const StatePlace&, const StatePlace&) = default;
};

[[nodiscard]] bool is_state_id(std::string_view text);

// $TRILOCK_STATE_DIR, else $XDG_STATE_HOME/trilock, else ~/.local/state/trilock. "" when a TRILOCK_STATE_DIR is no
// absolute path, or nothing says where.
[[nodiscard]] std::string state_base(const VariableLookup& variable);

// Whether whoever fills the workspace could fill `base` too, and its state would be nobody's word. A workspace that
// holds the user's whole home is the user's.
[[nodiscard]] bool is_shipped_base(std::string_view base, std::string_view root, std::string_view home);

struct StateLink {
  enum class Site : std::uint8_t { workspace, apart };
  std::string id;
  std::string key;
  Site site = Site::workspace;
  friend bool operator==(const StateLink&, const StateLink&) = default;
};
// The path of the link, its text, and what that says: none when there is no link of this user with such a text.
[[nodiscard]] std::string state_link_file(const std::string& base, std::string_view root);
[[nodiscard]] std::string to_text(const StateLink& link);
[[nodiscard]] std::optional<StateLink> read_state_link(const std::string& file);

[[nodiscard]] std::string dot_directory(const std::string& root);  // `.trilock`
[[nodiscard]] StatePlace state_place(const StateLink& link, const std::string& base, const std::string& root);

// What a snapshot holds in the place of `environment` (cache/snapshot.hpp), so that nobody can make one who only knows
// where it has to lie.
[[nodiscard]] FastDigest keyed(const FastDigest& environment, const StatePlace& place);

// For the front: where an earlier run kept its state, provided that its directory is there and this user's alone.
[[nodiscard]] std::optional<StatePlace> find_state(const std::string& root, const VariableLookup& variable);

}  // namespace trilock
