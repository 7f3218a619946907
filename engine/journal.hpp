// `.trilock/journal`: what would be left if trilock were killed now. It is begun by a run before its first process is
// started, and removed by its end; so a run that does nothing never makes it, and one that finds it follows a run that
// was killed. Lines of JSON, each appended by one write and not synced: it outlives trilock, and what a machine that
// crashes leaves behind is found by other means.
//
//   {"run":BRAND,"process":PID}                      brands of its processes (engine/descendants.hpp)
//   {"begin":N,"at":MS,"label":…,"leaves":{…}}        Action::leaves of a node that is about to run
//   {"end":N}                                        it took all of that away again, or the user was told
//
// Thread rule: any thread. Only the process that holds the workspace's lock may arm it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/descendants.hpp"
#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

class Journal {
 public:
  // An action that a run has begun, and whose processes have not ended by themselves.
  struct Entry {
    std::uint64_t number = 0;
    std::int64_t at_ms = 0;  // since the epoch
    std::string label;
    std::vector<Field> leaves;
  };
  // What earlier runs left.
  struct Remains {
    std::vector<Brands> runs;
    std::vector<Entry> entries;
    [[nodiscard]] bool empty() const { return runs.empty() && entries.empty(); }
  };

  // Nothing is read or written yet.
  Journal(std::string path, Brands brands) : path_(std::move(path)), brands_(brands) {}
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // From here on `begin` and `enter` write. Lines that a kill or a full disk cut short are left out.
  Result<Remains> arm();
  // Before the first process, or anything else that a kill would leave half done; later calls cost nothing. Does
  // nothing before `arm`.
  Status begin();
  // Before the processes of an action. 0 for an action that leaves nothing.
  Result<std::uint64_t> enter(const std::string& label, const std::vector<Field>& leaves);
  void end(std::uint64_t number);
  // Removes the file, unless an entry is still open.
  void close();

 private:
  Status append(std::string line);  // needs mutex_

  std::string path_;
  Brands brands_;
  std::atomic<bool> begun_ = false;
  std::mutex mutex_;
  bool armed_ = false;  // guarded by mutex_, as all below
  bool exists_ = false;
  int file_ = -1;
  std::uint64_t last_ = 0;  // the number of the newest entry
  std::size_t open_entries_ = 0;
};

// What the journal's text says.
[[nodiscard]] Journal::Remains read_journal(std::string_view text);

}  // namespace trilock
