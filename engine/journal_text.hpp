// The form of the journal. Nothing in it is believed but what this program may have written, as this user, in this
// workspace; and of processes, since the machine started. Anything else is passed over.
//
//   {"run":TAG,"process":PID,"started":TICKS,"boot":ID,"user":UID,"workspace":DIGEST}
//                                                    the process tags of a run (engine/descendants.hpp); what follows,
//                                                    up to the next such line, is of this run
//   {"begin":N,"at":MS,"label":…,"leaves":{…}}        Action::leaves of a node that is about to run
//   {"aside":N,"label":…,"outputs":[[PATH,KEPT],…]}
//                                                    outputs that are about to be moved to the file KEPT of the scratch
//                                                    root; "" for one that is not there, and is about to be made
//   {"end":N}                                        that is over: taken away again, in place, brought back, or told
//
// Numbers of entries ascend. Thread rule: pure functions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/process_tag.hpp"
#include "schemas/action.hpp"

namespace trilock {

// What an action of a run may have left outside the workspace, if its processes have not ended by themselves.
struct JournalEntry {
  std::uint64_t number = 0;
  std::int64_t at_ms = 0;  // since the epoch
  std::string label;
  std::vector<Field> leaves;
};

struct AsideOutput {
  std::string output;  // seen from the workspace; clean
  std::string kept;    // the name of what it was moved to, in the scratch root; "" when there was nothing
  friend bool operator==(const AsideOutput&, const AsideOutput&) = default;
};

// The outputs of a node whose action has not ended.
struct JournalAside {
  std::uint64_t number = 0;
  std::string label;
  std::vector<AsideOutput> outputs;
};

// What earlier runs left.
struct JournalRemains {
  std::vector<DeadRun> runs;
  std::vector<JournalEntry> entries;  // by number
  std::vector<JournalAside> asides;   // likewise
  std::size_t unknown_lines = 0;      // that this program does not write
  [[nodiscard]] bool empty() const { return runs.empty() && entries.empty() && asides.empty(); }
};

// Who reads, where and when.
struct JournalOwner {
  std::string boot;
  uid_t user = 0;
  std::string workspace;  // absolute
};

struct JournalLimits {
  static constexpr std::size_t file_bytes = 64u << 20;
  static constexpr std::size_t line_bytes = 8u << 20;
  static constexpr std::size_t label_bytes = 1u << 16;
  static constexpr std::size_t path_bytes = 4096;
  static constexpr std::size_t open_entries = 1u << 20;
};

// `text` may be anything.
[[nodiscard]] JournalRemains read_journal(std::string_view text, const JournalOwner& owner);

// Without newlines.
[[nodiscard]] std::string journal_line(const DeadRun& run, const JournalOwner& owner);
[[nodiscard]] std::string journal_line(const JournalEntry& entry);
[[nodiscard]] std::string journal_line(const JournalAside& aside);
[[nodiscard]] std::string journal_end_line(std::uint64_t number);

// Whether it can be the path of an output: below the workspace, clean, not in git's directory.
[[nodiscard]] bool is_output_path(std::string_view path);
// Whether it can be a name that Scratch gives to what it keeps: "12-3.old-0".
[[nodiscard]] bool is_kept_name(std::string_view name);

}  // namespace trilock
