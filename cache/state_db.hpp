// `.trilock/ID/state.db`: the index of one workspace. Deleting it costs time, never correctness. The only user of
// SQLite; the tables are documented in cache/schema.sql, which is compiled in.
//
// Thread rule: all functions may be called from any thread at once. `record_*` only queue; one background thread,
// started by the first of them, writes batches in one transaction each; where it is refused, `flush` writes. Reads see
// what was flushed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/boot.hpp"
#include "cache/source_tree.hpp"
#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

// The last successful result of a node. It is left encoded, so that loading every result costs one scan, and nodes
// decode their own on their own threads.
struct StoredResult {
  std::string label;
  FastDigest key;
  std::string bytes;  // decode() gives the result without out, err and explanation; see StateDb::result
};

// The answer of a tool to a question, with what it depends on. See rules/rule.hpp.
struct StoredAnswer {
  FastDigest question;
  std::string fingerprint;  // of what the answer depends on, opaque here
  std::string answer;
};

struct RunRow {
  std::int64_t id = 0;
  std::int64_t started_ms = 0;  // since the epoch
  std::int64_t duration_ms = 0;
  int exit_code = 0;  // -1: the run was cut short
};

struct RunNodeRow {
  std::int64_t run = 0;
  std::string label;
  Outcome outcome = Outcome::ran;
  FastDigest key;
  std::uint64_t duration_ms = 0;
  std::string reason;
};

// What the cache answered to nodes of a rule, for `trilock cache stats`.
enum class LookupAnswer : std::uint8_t { miss, local, shared };
inline constexpr std::size_t lookup_answer_count = 3;
struct LookupCount {
  std::string rule;
  LookupAnswer answer = LookupAnswer::miss;
  std::string reason;  // of a miss, without names and digests: few distinct ones
  std::uint64_t count = 0;
  friend bool operator==(const LookupCount&, const LookupCount&) = default;
};

class StateDb {
 public:
  // `path` may be ":memory:". A file that does not exist is only made by the first record. One that is no database, is
  // damaged or was made by a newer trilock is set aside as `<path>.broken`; damage that only shows while reading is
  // handled the same way then, and the read gives nothing. ErrorKind::invalid on a network file system.
  // Digests of files that changed in another boot than `boot`, the last one in which something was recorded, are gone.
  static Result<std::unique_ptr<StateDb>> open(const std::string& path, std::string& warning,
                                               Boot boot = current_boot());
  // Files that changed since, by ctime, may have lost bytes in a power cut: the machine has been started anew since
  // something was last recorded. The largest number otherwise.
  [[nodiscard]] std::int64_t doubted_since_ns() const;
  ~StateDb();  // flushes
  StateDb(const StateDb&) = delete;
  StateDb& operator=(const StateDb&) = delete;

  // What was set aside since the last call, and since `open`, as a text for the user; "" for nothing.
  [[nodiscard]] std::string take_warning();

  // All rows, or those of some paths or labels, as far as there are any, in their order.
  Result<std::vector<FileDigest>> file_digests();
  Result<std::vector<FileDigest>> file_digests(std::span<const std::string> paths);
  Result<std::vector<StoredResult>> results();
  Result<std::vector<StoredResult>> results(std::span<const std::string> labels);
  // With out, err and explanation. None when there is no result of that node, or it is damaged.
  Result<std::optional<ActionResult>> result(const std::string& label);
  // What nodes left with results that are not kept: record_made. Of one node, or of all.
  Result<std::vector<OutputEntry>> made(const std::string& label);
  Result<std::vector<OutputEntry>> made();
  Result<std::vector<StoredAnswer>> answers();
  // The mean duration of the last five times that each node ran, by label, in milliseconds.
  Result<std::vector<std::pair<std::string, std::uint64_t>>> durations();
  Result<std::vector<std::pair<std::string, std::uint64_t>>> durations(std::span<const std::string> labels);
  // The last hundred runs are kept, and their nodes.
  Result<std::vector<RunRow>> runs(std::size_t newest);         // newest first
  Result<std::vector<RunNodeRow>> run_nodes(std::int64_t run);  // in the order in which they were recorded
  // Of the newest runs, added up; by rule, answer and reason.
  Result<std::vector<LookupCount>> lookups(std::size_t newest);

  void record_digests(std::vector<FileDigest> rows);
  void record_result(std::string label, const ActionResult& result);
  void forget_result(std::string label);
  void record_made(std::string label, const std::vector<OutputEntry>& outputs);
  void record_answer(StoredAnswer answer);
  // Returns the id of the run. Writes at once.
  Result<std::int64_t> begin_run(std::int64_t started_ms);
  void record_run_node(RunNodeRow row);
  void record_lookups(std::int64_t run, std::vector<LookupCount> counts);  // once, when the run ends
  void end_run(RunRow row);
  // Blocks until all that was recorded is handed to the operating system; a crash of the machine may still take the
  // newest batches away, whole. The first error since the last flush; the rows of a batch that failed are gone.
  Status flush();

 private:
  struct Impl;
  explicit StateDb(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace trilock
