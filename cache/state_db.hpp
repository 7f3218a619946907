// `.trilock/state.db`: the index of one workspace. Deleting it costs time, never correctness. The only user of SQLite;
// the tables are documented in cache/schema.sql, which is compiled in.
//
// Thread rule: `record_*` may be called from any thread and only queue; one background thread writes batches in one
// transaction each. Reads happen before the run, on one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/source_tree.hpp"
#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

// The last successful result of a node.
struct StoredResult {
  std::string label;
  ActionResult result;
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
  int exit_code = 0;
};

struct RunNodeRow {
  std::int64_t run = 0;
  std::string label;
  Outcome outcome = Outcome::ran;
  FastDigest key;
  std::uint64_t duration_ms = 0;
  std::string reason;
};

class StateDb {
 public:
  // `path` may be ":memory:". A file that is no database, is corrupt or has an older schema is set aside as
  // `<path>.broken` and a new one is made; `warning` then says so.
  static Result<std::unique_ptr<StateDb>> open(const std::string& path, std::string& warning);
  ~StateDb();

  Result<std::vector<FileDigest>> file_digests();
  Result<std::vector<StoredResult>> results();
  Result<std::optional<StoredResult>> result(const std::string& label);
  Result<std::vector<StoredAnswer>> answers();
  // The mean duration of the last runs of each node that ran, by label, in milliseconds.
  Result<std::vector<std::pair<std::string, std::uint64_t>>> durations();
  Result<std::vector<RunRow>> runs(std::size_t newest);
  Result<std::vector<RunNodeRow>> run_nodes(std::int64_t run);

  void record_digests(std::vector<FileDigest> rows);
  void record_result(StoredResult result);
  void forget_result(std::string label);
  void record_answer(StoredAnswer answer);
  // Returns the id of the run.
  Result<std::int64_t> begin_run(std::int64_t started_ms);
  void record_run_node(RunNodeRow row);
  void end_run(RunRow row);
  // Blocks until all that was recorded is on disk.
  Status flush();

 private:
  StateDb();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trilock
