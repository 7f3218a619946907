#include "cache/state_tables.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "cache/hash.hpp"

namespace trilock {
namespace {

constexpr int busy_ms = 5000;
constexpr std::int64_t kept_runs = 100;
constexpr int node_bits = 24;    // of run_node.id
constexpr int lookup_bits = 16;  // of lookup.id

// The integer key of a text or of a digest: see schema.sql.
std::int64_t key_of(const FastDigest& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | digest.data[i];
  return static_cast<std::int64_t>(value);
}
std::int64_t key_of(std::string_view text) {
  return key_of(fast_digest(text));
}

template <std::size_t Size>
bool take(Bytes<Size>& digest, std::string_view blob) {
  if (blob.size() != Size) return false;
  std::memcpy(digest.data.data(), blob.data(), Size);
  return true;
}

std::unexpected<Error> impossible_row(std::string_view table) {
  return fail(ErrorKind::corrupt, "impossible row in table " + std::string(table));
}

// Reads every row that a statement gives. `take_row` fills one and is false when it is impossible.
template <class Row, class TakeRow>
Result<std::vector<Row>> all_rows(Statement& statement, std::string_view table, TakeRow take_row,
                                  std::size_t expected = 0) {
  std::vector<Row> rows;
  rows.reserve(expected);
  for (;;) {
    const Result<bool> more = statement.step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return rows;
    if (!take_row(rows.emplace_back())) return impossible_row(table);
  }
}

bool take_file_digest(const Statement& statement, FileDigest& row) {
  const std::int64_t kind = statement.number_at(1);
  if (kind < 0 || kind >> 16 > std::to_underlying(FileType::other)) return false;
  row.path = statement.text_at(0);
  row.stat.type = FileType{static_cast<std::uint8_t>(kind >> 16)};
  row.stat.mode = static_cast<std::uint32_t>(kind & 0xffff);
  row.stat.size = static_cast<std::uint64_t>(statement.number_at(2));
  row.stat.mtime_ns = statement.number_at(3);
  row.stat.ctime_ns = statement.number_at(4);
  row.stat.inode = static_cast<std::uint64_t>(statement.number_at(5));
  row.stat.device = static_cast<std::uint64_t>(statement.number_at(6));
  row.has_strong = !statement.is_null(8);
  return take(row.fast, statement.blob_at(7)) && (!row.has_strong || take(row.strong, statement.blob_at(8)));
}

void drop_doubted(Result<std::vector<FileDigest>>& rows, std::int64_t since_ns) {
  if (rows && since_ns != std::numeric_limits<std::int64_t>::max())
    std::erase_if(*rows, [&](const FileDigest& row) { return row.stat.ctime_ns >= since_ns; });
}

bool take_essence(const Statement& statement, StoredResult& row) {
  row.label = statement.text_at(0);
  row.bytes = statement.blob_at(2);
  return take(row.key, statement.blob_at(1));
}

bool take_made(const Statement& statement, MadeRow& row) {
  row.label = statement.text_at(0);
  row.bytes = statement.blob_at(1);
  return true;
}

using Duration = std::pair<std::string, std::uint64_t>;

bool take_duration(const Statement& statement, Duration& row) {
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (int column = 1; column <= 5 && !statement.is_null(column); ++column, ++count) {
    sum += static_cast<std::uint64_t>(statement.number_at(column));
  }
  row.first = statement.text_at(0);
  row.second = count == 0 ? 0 : sum / count;
  return count > 0;
}

bool take_run_node(const Statement& statement, std::int64_t run, RunNodeRow& row) {
  const std::int64_t outcome = statement.number_at(1);
  if (outcome < 0 || static_cast<std::size_t>(outcome) >= outcome_count) return false;
  row.run = run;
  row.label = statement.text_at(0);
  row.outcome = Outcome{static_cast<std::uint8_t>(outcome)};
  row.duration_ms = static_cast<std::uint64_t>(statement.number_at(3));
  row.reason = statement.text_at(4);
  return take(row.key, statement.blob_at(2));
}

}  // namespace

enum StateTables::Query : std::size_t {
  select_digests,
  select_digest,
  select_results,
  select_essence,
  select_result,
  select_answers,
  select_durations,
  select_duration,
  select_runs,
  select_run_nodes,
  select_last_node,
  put_digest,
  put_result,
  put_result_detail,
  delete_result,
  delete_result_detail,
  put_answer,
  insert_new_run,
  put_run,
  delete_old_runs,
  delete_old_nodes,
  put_node,
  put_duration,
  select_lookups,
  put_lookup,
  delete_old_lookups,
  delete_doubted,
  put_boot,
  select_all_made,
  select_made,
  put_made,
};

namespace {

constexpr std::string_view queries[] = {
    "SELECT path, kind, size, mtime_ns, ctime_ns, inode, device, fast, strong FROM file_digest",
    "SELECT path, kind, size, mtime_ns, ctime_ns, inode, device, fast, strong FROM file_digest WHERE id = ?",
    "SELECT label, key, essence FROM result",
    "SELECT label, key, essence FROM result WHERE id = ?",
    "SELECT label, key, essence, detail FROM result LEFT JOIN result_detail USING (id) WHERE id = ?",
    "SELECT question, fingerprint, answer FROM answer",
    "SELECT label, ms1, ms2, ms3, ms4, ms5 FROM duration",
    "SELECT label, ms1, ms2, ms3, ms4, ms5 FROM duration WHERE id = ?",
    "SELECT id, started_ms, duration_ms, exit_code FROM run ORDER BY id DESC LIMIT ?",
    "SELECT label, outcome, key, duration_ms, reason FROM run_node WHERE id >= ? AND id < ? ORDER BY id",
    "SELECT max(id) FROM run_node WHERE id >= ? AND id < ?",
    "INSERT OR REPLACE INTO file_digest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)",
    "INSERT OR REPLACE INTO result_detail VALUES (?, ?)",
    "DELETE FROM result WHERE id = ?",
    "DELETE FROM result_detail WHERE id = ?",
    "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)",
    "INSERT INTO run (started_ms) VALUES (?)",
    "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)",
    "DELETE FROM run WHERE id <= ?",
    "DELETE FROM run_node WHERE id < ?",
    "INSERT INTO run_node VALUES (?, ?, ?, ?, ?, ?)",
    "INSERT INTO duration (id, label, ms1) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " ms5 = ms4, ms4 = ms3, ms3 = ms2, ms2 = ms1, ms1 = excluded.ms1",
    "SELECT rule, answer, reason, sum(count) FROM lookup"
    " WHERE id >= (SELECT min(id) FROM (SELECT id FROM run ORDER BY id DESC LIMIT ?)) << 16"
    " GROUP BY rule, answer, reason ORDER BY rule, answer, reason",
    "INSERT OR REPLACE INTO lookup VALUES (?, ?, ?, ?, ?)",
    "DELETE FROM lookup WHERE id < ?",
    "DELETE FROM file_digest WHERE ctime_ns >= ?",
    "INSERT OR REPLACE INTO boot VALUES (0, ?, ?)",
    "SELECT label, outputs FROM made",
    "SELECT label, outputs FROM made WHERE id = ?",
    "INSERT OR REPLACE INTO made VALUES (?, ?, ?)",
};

}  // namespace

StateTables::StateTables(Database database, Boot boot) : database_(std::move(database)), boot_(std::move(boot)) {
  static_assert(std::size(queries) == query_count && put_made + 1 == query_count);
}

Result<std::unique_ptr<StateTables>> StateTables::open(const std::string& path, Boot boot) {
  Result<Database> database = Database::open(path, busy_ms);
  if (!database) return std::unexpected(database.error());
  std::unique_ptr<StateTables> tables(new StateTables(std::move(*database), std::move(boot)));
  const Status status = tables->set_up();
  if (!status) return std::unexpected(status.error());
  return tables;
}

Result<Statement*> StateTables::query(Query which) {
  Statement& statement = kept_[which];
  if (!statement.prepared()) {
    Result<Statement> fresh = database_.prepare(queries[which]);
    if (!fresh) return std::unexpected(fresh.error());
    statement = std::move(*fresh);
  }
  return &statement.start();
}

Result<std::vector<FileDigest>> StateTables::file_digests() {
  // Counting the rows would read the table twice, and growing the list costs a third of the scan. So it gets room for
  // as many as the file can hold: pages that are never written to take no memory.
  const Result<std::int64_t> pages = database_.number("PRAGMA page_count");
  if (!pages) return std::unexpected(pages.error());
  const Result<Statement*> select = query(select_digests);
  if (!select) return std::unexpected(select.error());
  constexpr std::int64_t rows_in_page = 40;  // of 100 bytes or more
  const auto expected = static_cast<std::size_t>(std::clamp<std::int64_t>(*pages * rows_in_page, 0, 1'000'000));
  auto rows = all_rows<FileDigest>(
      **select, "file_digest", [&](FileDigest& row) { return take_file_digest(**select, row); }, expected);
  drop_doubted(rows, doubted_since_ns_);
  return rows;
}

Result<std::vector<StoredResult>> StateTables::results() {
  const Result<Statement*> select = query(select_results);
  if (!select) return std::unexpected(select.error());
  return all_rows<StoredResult>(**select, "result", [&](StoredResult& row) { return take_essence(**select, row); });
}

Result<std::optional<ResultRow>> StateTables::result(std::string_view label) {
  const Result<Statement*> select = query(select_result);
  if (!select) return std::unexpected(select.error());
  (*select)->number(key_of(label));
  Result<std::vector<ResultRow>> rows = all_rows<ResultRow>(**select, "result", [&](ResultRow& row) {
    row.label = (*select)->text_at(0);
    row.essence = (*select)->blob_at(2);
    row.detail = (*select)->blob_at(3);
    return take(row.key, (*select)->blob_at(1));
  });
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty() || rows->front().label != label) return std::nullopt;
  return std::move(rows->front());
}

Result<std::vector<StoredAnswer>> StateTables::answers() {
  const Result<Statement*> select = query(select_answers);
  if (!select) return std::unexpected(select.error());
  return all_rows<StoredAnswer>(**select, "answer", [&](StoredAnswer& row) {
    row.fingerprint = (*select)->blob_at(1);
    row.answer = (*select)->blob_at(2);
    return take(row.question, (*select)->blob_at(0));
  });
}

Result<std::vector<Duration>> StateTables::durations() {
  const Result<Statement*> select = query(select_durations);
  if (!select) return std::unexpected(select.error());
  return all_rows<Duration>(**select, "duration", [&](Duration& row) { return take_duration(**select, row); });
}

// One look-up each: so many of a large table are read in less time than all of it.
template <class Row>
Result<std::vector<Row>> StateTables::rows_of(Query which, std::string_view table, std::span<const std::string> texts,
                                              bool (*take_row)(const Statement&, Row&),
                                              const std::string& (*text_of)(const Row&)) {
  std::vector<Row> rows;
  for (const std::string& text : texts) {
    const Result<Statement*> select = query(which);
    if (!select) return std::unexpected(select.error());
    (*select)->number(key_of(text));
    const Result<bool> found = (*select)->step();
    if (!found) return std::unexpected(found.error());
    if (!*found) continue;
    const bool possible = take_row(**select, rows.emplace_back());
    (*select)->start();  // ends the read transaction
    if (!possible) return impossible_row(table);
    if (text_of(rows.back()) != text) rows.pop_back();
  }
  return rows;
}

Result<std::vector<FileDigest>> StateTables::file_digests(std::span<const std::string> paths) {
  auto rows = rows_of<FileDigest>(select_digest, "file_digest", paths, take_file_digest,
                                  [](const FileDigest& row) -> const std::string& { return row.path; });
  drop_doubted(rows, doubted_since_ns_);
  return rows;
}

Result<std::vector<StoredResult>> StateTables::results(std::span<const std::string> labels) {
  return rows_of<StoredResult>(select_essence, "result", labels, take_essence,
                               [](const StoredResult& row) -> const std::string& { return row.label; });
}

Result<std::vector<Duration>> StateTables::durations(std::span<const std::string> labels) {
  return rows_of<Duration>(select_duration, "duration", labels, take_duration,
                           [](const Duration& row) -> const std::string& { return row.first; });
}

Result<std::vector<RunRow>> StateTables::runs(std::size_t newest) {
  const Result<Statement*> select = query(select_runs);
  if (!select) return std::unexpected(select.error());
  (*select)->number(static_cast<std::int64_t>(std::min<std::size_t>(newest, kept_runs)));
  return all_rows<RunRow>(**select, "run", [&](RunRow& row) {
    row.id = (*select)->number_at(0);
    row.started_ms = (*select)->number_at(1);
    row.duration_ms = (*select)->number_at(2);
    row.exit_code = static_cast<int>((*select)->number_at(3));
    return row.id > 0;
  });
}

Result<std::vector<RunNodeRow>> StateTables::run_nodes(std::int64_t run) {
  const Result<Statement*> select = query(select_run_nodes);
  if (!select) return std::unexpected(select.error());
  (*select)->number(run << node_bits).number((run + 1) << node_bits);
  return all_rows<RunNodeRow>(**select, "run_node", [&](RunNodeRow& row) { return take_run_node(**select, run, row); });
}

Result<std::vector<LookupCount>> StateTables::lookups(std::size_t newest) {
  const Result<Statement*> select = query(select_lookups);
  if (!select) return std::unexpected(select.error());
  (*select)->number(static_cast<std::int64_t>(std::min<std::size_t>(newest, kept_runs)));
  return all_rows<LookupCount>(**select, "lookup", [&](LookupCount& row) {
    const std::int64_t answer = (*select)->number_at(1);
    if (answer < 0 || static_cast<std::size_t>(answer) >= lookup_answer_count) return false;
    row.rule = (*select)->text_at(0);
    row.answer = LookupAnswer{static_cast<std::uint8_t>(answer)};
    row.reason = (*select)->text_at(2);
    row.count = static_cast<std::uint64_t>((*select)->number_at(3));
    return true;
  });
}

Result<std::int64_t> StateTables::insert_run(std::int64_t started_ms) {
  const Result<Statement*> insert = query(insert_new_run);
  if (!insert) return std::unexpected(insert.error());
  const Status status = (*insert)->number(started_ms).run();
  if (!status) return std::unexpected(status.error());
  return database_.last_id();
}

Status StateTables::write(std::span<const StateRow> rows) {
  if (Status status = database_.execute("BEGIN IMMEDIATE"); !status) return status;
  const bool boot_was_written = boot_is_written_;
  Status status = boot_is_written_ ? Status() : write_boot();
  if (status) status = write_all(rows);
  if (status) status = database_.execute("COMMIT");
  if (status) doubted_since_ns_ = std::numeric_limits<std::int64_t>::max();
  if (!status) {
    node_run_ = -1;
    boot_is_written_ = boot_was_written;
    (void)database_.execute("ROLLBACK");  // fails when SQLite has rolled back by itself
  }
  return status;
}

Status StateTables::write_boot() {
  const Result<Statement*> remove = query(delete_doubted);
  if (!remove) return std::unexpected(remove.error());
  if (Status status = (*remove)->number(doubted_since_ns_).run(); !status) return status;
  const Result<Statement*> put = query(put_boot);
  if (!put) return std::unexpected(put.error());
  boot_is_written_ = true;
  return (*put)->text(boot_.id).number(boot_.started_ns).run();
}

Status StateTables::write_all(std::span<const StateRow> rows) {
  for (const StateRow& row : rows) {
    Status status = std::visit([this](const auto& one) { return write_row(one); }, row);
    if (!status) return status;
  }
  return {};
}

Status StateTables::write_row(const FileDigest& row) {
  const Result<Statement*> put = query(put_digest);
  if (!put) return std::unexpected(put.error());
  const std::int64_t kind = std::int64_t{std::to_underlying(row.stat.type)} << 16 | (row.stat.mode & 0xffff);
  (*put)->number(key_of(row.path)).text(row.path).number(kind).number(static_cast<std::int64_t>(row.stat.size));
  (*put)->number(row.stat.mtime_ns).number(row.stat.ctime_ns);
  (*put)->number(static_cast<std::int64_t>(row.stat.inode)).number(static_cast<std::int64_t>(row.stat.device));
  (*put)->blob(row.fast.view());
  return row.has_strong ? (*put)->blob(row.strong.view()).run() : (*put)->null().run();
}

Status StateTables::write_row(const ResultRow& row) {
  const Result<Statement*> put = query(put_result);
  if (!put) return std::unexpected(put.error());
  (*put)->number(key_of(row.label)).text(row.label).blob(row.key.view()).blob(row.essence);
  if (Status status = (*put)->run(); !status) return status;
  const Result<Statement*> detail = query(put_result_detail);
  if (!detail) return std::unexpected(detail.error());
  return (*detail)->number(key_of(row.label)).blob(row.detail).run();
}

Status StateTables::write_row(const ForgottenResult& row) {
  for (const Query which : {delete_result, delete_result_detail}) {
    const Result<Statement*> remove = query(which);
    if (!remove) return std::unexpected(remove.error());
    if (Status status = (*remove)->number(key_of(row.label)).run(); !status) return status;
  }
  return {};
}

Result<std::vector<MadeRow>> StateTables::made() {
  const Result<Statement*> select = query(select_all_made);
  if (!select) return std::unexpected(select.error());
  return all_rows<MadeRow>(**select, "made", [&](MadeRow& row) { return take_made(**select, row); });
}

Result<std::vector<MadeRow>> StateTables::made(std::span<const std::string> labels) {
  return rows_of<MadeRow>(select_made, "made", labels, take_made,
                          [](const MadeRow& row) -> const std::string& { return row.label; });
}

Status StateTables::write_row(const MadeRow& row) {
  const Result<Statement*> put = query(put_made);
  if (!put) return std::unexpected(put.error());
  return (*put)->number(key_of(row.label)).text(row.label).blob(row.bytes).run();
}

Status StateTables::write_row(const StoredAnswer& row) {
  const Result<Statement*> put = query(put_answer);
  if (!put) return std::unexpected(put.error());
  return (*put)->number(key_of(row.question)).blob(row.question.view()).blob(row.fingerprint).blob(row.answer).run();
}

Result<std::int64_t> StateTables::next_node_id(std::int64_t run) {
  if (run != node_run_) {
    const Result<Statement*> last = query(select_last_node);
    if (!last) return std::unexpected(last.error());
    (*last)->number(run << node_bits).number((run + 1) << node_bits);
    const Result<bool> row = (*last)->step();
    if (!row) return std::unexpected(row.error());
    next_node_ = *row && !(*last)->is_null(0) ? (*last)->number_at(0) + 1 : run << node_bits;
    (*last)->start();
    node_run_ = run;
  }
  return next_node_++;
}

Status StateTables::write_row(const RunNodeRow& row) {
  const Result<std::int64_t> id = next_node_id(row.run);
  if (!id) return std::unexpected(id.error());
  const Result<Statement*> put = query(put_node);
  if (!put) return std::unexpected(put.error());
  (*put)->number(*id).text(row.label).number(std::to_underlying(row.outcome)).blob(row.key.view());
  (*put)->number(static_cast<std::int64_t>(row.duration_ms)).text(row.reason);
  Status status = (*put)->run();
  if (!status || row.outcome != Outcome::ran) return status;
  const Result<Statement*> duration = query(put_duration);
  if (!duration) return std::unexpected(duration.error());
  (*duration)->number(key_of(row.label)).text(row.label).number(static_cast<std::int64_t>(row.duration_ms));
  return (*duration)->run();
}

Status StateTables::write_row(const RunLookups& row) {
  std::int64_t id = row.run << lookup_bits;
  for (const LookupCount& count : row.counts) {
    if (id >> lookup_bits != row.run) break;  // more than there can be distinct ones
    const Result<Statement*> put = query(put_lookup);
    if (!put) return std::unexpected(put.error());
    (*put)->number(id++).text(count.rule).number(std::to_underlying(count.answer)).text(count.reason);
    if (Status status = (*put)->number(static_cast<std::int64_t>(count.count)).run(); !status) return status;
  }
  return {};
}

Status StateTables::write_row(const RunRow& row) {
  const Result<Statement*> put = query(put_run);
  if (!put) return std::unexpected(put.error());
  (*put)->number(row.id).number(row.started_ms).number(row.duration_ms).number(row.exit_code);
  if (Status status = (*put)->run(); !status) return status;
  const Result<Statement*> runs = query(delete_old_runs);
  if (!runs) return std::unexpected(runs.error());
  if (Status status = (*runs)->number(row.id - kept_runs).run(); !status) return status;
  const std::int64_t oldest = row.id - kept_runs + 1;
  const Result<Statement*> nodes = query(delete_old_nodes);
  if (!nodes) return std::unexpected(nodes.error());
  if (Status status = (*nodes)->number(oldest << node_bits).run(); !status) return status;
  const Result<Statement*> lookups = query(delete_old_lookups);
  if (!lookups) return std::unexpected(lookups.error());
  return (*lookups)->number(oldest << lookup_bits).run();
}

}  // namespace trilock
