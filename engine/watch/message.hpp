// What `trilock run` and a watcher say to each other over `.trilock/ID/watch.sock`: one packet each way
// (SOCK_SEQPACKET), in the byte order of the machine that both are on. The watcher is asked about looks alone: that the
// run is the same run, with the same words and variables, the front sees itself in the snapshot that it has before it.
//   question  its number and that of the form, SnapshotIdentity, WatchView
//   answer    likewise, identity.sum, the verdict, how many looks follow; u32 each, ascending
// Bytes may come from anybody: what is not exactly one of these is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mapped_file.hpp"
#include "schemas/digest.hpp"

namespace trilock {

struct SnapshotIdentity {
  FastDigest sum;  // as the file says; nobody has to have made it anew
  FileIdentity file;
  friend bool operator==(const SnapshotIdentity&, const SnapshotIdentity&) = default;
};
// Of a file that may be a snapshot.
[[nodiscard]] SnapshotIdentity identity_of(const MappedFile& snapshot);

// By what a process sees the files that it sees. In another mount namespace or below another root the same path is
// another file, and with other groups other files can be looked at.
struct WatchView {
  std::uint64_t namespace_device = 0;
  std::uint64_t namespace_inode = 0;
  std::uint64_t root_device = 0;
  std::uint64_t root_inode = 0;
  FastDigest groups;
  friend bool operator==(const WatchView&, const WatchView&) = default;
};

// Of this process; none when it cannot be told.
[[nodiscard]] std::optional<WatchView> own_view();

struct WatchQuestion {
  SnapshotIdentity snapshot;
  WatchView view;
  friend bool operator==(const WatchQuestion&, const WatchQuestion&) = default;
};

enum class WatchVerdict : std::uint32_t {
  unknown,    // look yourself
  unchanged,  // all is as the snapshot has it
  changed,    // it is not
};

struct WatchAnswer {
  FastDigest snapshot;  // its sum
  WatchVerdict verdict = WatchVerdict::unknown;
  // After `changed` the looks that differ, by their place in the snapshot; none when they are more than fit.
  std::vector<std::uint32_t> looks;
  friend bool operator==(const WatchAnswer&, const WatchAnswer&) = default;
};

inline constexpr std::size_t most_looks_in_answer = 4096;
inline constexpr std::size_t largest_watch_message = 32 + 4 * most_looks_in_answer;

[[nodiscard]] std::string to_bytes(const WatchQuestion& question);
[[nodiscard]] std::string to_bytes(const WatchAnswer& answer);
[[nodiscard]] std::optional<WatchQuestion> read_question(std::string_view bytes);
[[nodiscard]] std::optional<WatchAnswer> read_answer(std::string_view bytes);

}  // namespace trilock
