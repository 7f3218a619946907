// The journal: what would be left if trilock were killed now. It is begun by a run before its first process is started
// or the first output is replaced, and removed by its end; so a run that does nothing never makes it, and one that
// finds it follows a run that was killed. Lines of JSON, each appended by one write and not synced: it outlives
// trilock, and what a machine that crashes leaves behind is found by other means. engine/journal_text.hpp has the form.
//
// Thread rule: any thread. Only the process that holds the workspace's lock may arm it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/journal_text.hpp"

namespace trilock {

class Journal {
 public:
  using Entry = JournalEntry;
  using Aside = JournalAside;
  using Remains = JournalRemains;

  // Nothing is read or written yet. `workspace` is its absolute path.
  Journal(std::string path, Brands brands, std::string workspace)
      : path_(std::move(path)), brands_(brands), workspace_(std::move(workspace)) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // From here on `begin`, `enter` and `set_aside` write. Gives what earlier runs left. An error when there is
  // something else than a file of this user in its place; then they fail, too.
  Result<Remains> arm();
  // Before the first process, or anything else that a kill would leave half done; later calls cost nothing. Does
  // nothing before `arm`.
  Status begin();
  // Before the processes of an action. 0 for an action that leaves nothing.
  Result<std::uint64_t> enter(const std::string& label, const std::vector<Field>& leaves);
  // Before the first output is moved away, or made. 0 when there are none.
  Result<std::uint64_t> set_aside(const std::string& label, std::vector<AsideOutput> outputs);
  // What the entry tells of is no more. 0 does nothing.
  void end(std::uint64_t number);
  // The same with the next write, or never: for an entry that does no harm.
  void end_soon(std::uint64_t number);
  // The file stays when this run ends, as if it had been killed: the database does not know what it has made.
  void keep();
  // Removes the file, unless an entry is still open or it is to be kept.
  void close();

 private:
  // All of these need mutex_.
  Status open_file();
  Status append(const std::string& line);
  Status write_new_file();
  Result<std::uint64_t> add(std::string line);  // of the entry numbered `last_`
  [[nodiscard]] std::string run_line() const;

  std::string path_;
  Brands brands_;
  std::string workspace_;
  std::atomic<bool> begun_ = false;
  std::mutex mutex_;
  bool armed_ = false;  // guarded by mutex_, as all below
  bool exists_ = false;
  bool is_kept_ = false;
  int file_ = -1;
  std::uint64_t bytes_ = 0;                    // of the file
  std::uint64_t last_ = 0;                     // the number of the newest entry
  std::map<std::uint64_t, std::string> open_;  // by number: the lines of what is not ended
  std::string pending_;                        // ends that go with the next write
};

}  // namespace trilock
