// The tables of cache/schema.sql as typed rows: every query of the state database. What happens when one fails, and on
// which thread they run, is decided in cache/state_db.cpp.
// Errors are those of cache/sqlite.hpp; a row of an impossible form is ErrorKind::corrupt.
// Thread rule: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cache/boot.hpp"
#include "cache/sqlite.hpp"
#include "cache/state_db.hpp"

namespace trilock {

inline constexpr std::int64_t schema_version = 3;

struct ResultRow {
  std::string label;
  FastDigest key;
  std::string essence;
  std::string detail;
};

struct ForgottenResult {
  std::string label;
};

struct MadeRow {
  std::string label;
  std::string bytes;
};

struct RunLookups {
  std::int64_t run = 0;
  std::vector<LookupCount> counts;
};

// Anything that is written behind the caller's back.
using StateRow =
    std::variant<FileDigest, ResultRow, ForgottenResult, MadeRow, StoredAnswer, RunNodeRow, RunLookups, RunRow>;

class StateTables {
 public:
  // Makes the file and the tables when there are none, and brings those of an older version up to this one.
  // ErrorKind::corrupt when the file is not ours or is of a newer version; ErrorKind::invalid when its file system
  // cannot hold it.
  static Result<std::unique_ptr<StateTables>> open(const std::string& path, Boot boot);

  // Since when, by ctime, an earlier boot leaves files in doubt; the largest number when none does. Before a write.
  [[nodiscard]] std::int64_t doubted_since_ns() const { return doubted_since_ns_; }

  // Without those that an earlier boot leaves in doubt; they go with the first write.
  Result<std::vector<FileDigest>> file_digests();
  Result<std::vector<FileDigest>> file_digests(std::span<const std::string> paths);
  Result<std::vector<StoredResult>> results();
  Result<std::vector<StoredResult>> results(std::span<const std::string> labels);
  Result<std::optional<ResultRow>> result(std::string_view label);
  Result<std::vector<MadeRow>> made();
  Result<std::vector<MadeRow>> made(std::span<const std::string> labels);
  Result<std::vector<StoredAnswer>> answers();
  Result<std::vector<std::pair<std::string, std::uint64_t>>> durations();
  Result<std::vector<std::pair<std::string, std::uint64_t>>> durations(std::span<const std::string> labels);
  Result<std::vector<RunRow>> runs(std::size_t newest);
  Result<std::vector<RunNodeRow>> run_nodes(std::int64_t run);
  Result<std::vector<LookupCount>> lookups(std::size_t newest);

  Result<std::int64_t> insert_run(std::int64_t started_ms);
  // All rows in order, or none.
  Status write(std::span<const StateRow> rows);

 private:
  enum Query : std::size_t;
  static constexpr std::size_t query_count = 31;

  StateTables(Database database, Boot boot);
  Status set_up();
  Status create();
  Status look_at_boot();
  Status write_boot();
  Result<std::int64_t> migrate(std::int64_t version);
  Result<Statement*> query(Query which);
  template <class Row>
  Result<std::vector<Row>> rows_of(Query which, std::string_view table, std::span<const std::string> texts,
                                   bool (*take_row)(const Statement&, Row&), const std::string& (*text_of)(const Row&));
  Status write_all(std::span<const StateRow> rows);
  Status write_row(const FileDigest& row);
  Status write_row(const ResultRow& row);
  Status write_row(const ForgottenResult& row);
  Status write_row(const MadeRow& row);
  Status write_row(const StoredAnswer& row);
  Status write_row(const RunNodeRow& row);
  Status write_row(const RunLookups& row);
  Status write_row(const RunRow& row);
  Result<std::int64_t> next_node_id(std::int64_t run);

  Database database_;
  const Boot boot_;
  std::int64_t doubted_since_ns_ = std::numeric_limits<std::int64_t>::max();  // by ctime
  bool boot_is_written_ = false;
  std::array<Statement, query_count> kept_;  // prepared when first used
  std::int64_t node_run_ = -1;               // the run that next_node_ belongs to
  std::int64_t next_node_ = 0;
};

}  // namespace trilock
