// Making the tables of the state database, and bringing those of an older version up to this one.
#include <array>
#include <string_view>

#include "cache/state_tables.hpp"

namespace trilock {
namespace {

constexpr std::string_view schema =
#include "schema_sql.inc"
    ;

constexpr std::int64_t application_id = 0x54524c4b;

// What leads from version 1 to 2, from 2 to 3, and so on. The result is what schema.sql makes.
constexpr std::array<std::string_view, schema_version - 1> steps = {
    "CREATE TABLE lookup (id INTEGER PRIMARY KEY, rule TEXT NOT NULL, answer INTEGER NOT NULL, reason TEXT NOT NULL,"
    " count INTEGER NOT NULL);"
    "PRAGMA user_version = 2;",
    "CREATE TABLE boot (id INTEGER PRIMARY KEY, name TEXT NOT NULL, started_ns INTEGER NOT NULL);"
    "CREATE TABLE made (id INTEGER PRIMARY KEY, label TEXT NOT NULL, outputs BLOB NOT NULL);"
    "PRAGMA user_version = 3;",
};

}  // namespace

Status StateTables::set_up() {
  // Readers and the writer do not wait for each other in WAL. A commit then needs no sync: what a power failure
  // takes away is looked at afresh, and the file stays whole.
  const Result<std::string> journal = database_.text("PRAGMA journal_mode = WAL");
  if (!journal) return std::unexpected(journal.error());
  if (*journal != "wal" && *journal != "memory") {
    return fail(ErrorKind::invalid, "its file system lacks what SQLite's write-ahead log needs");
  }
  if (Status status = database_.execute("PRAGMA synchronous = NORMAL"); !status) return status;
  // In KiB; what does not fit is read again and again while a long run writes. Memory is taken as it is used.
  if (Status status = database_.execute("PRAGMA cache_size = -16384"); !status) return status;
  Result<std::int64_t> version = database_.number("PRAGMA user_version");
  if (version && *version == 0) {
    if (Status status = create(); !status) return status;
    version = database_.number("PRAGMA user_version");
  }
  if (!version) return std::unexpected(version.error());
  const Result<std::int64_t> application = database_.number("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  if (*application != application_id) return fail(ErrorKind::corrupt, "it was made by another program");
  if (*version > 0 && *version < schema_version) version = migrate(*version);
  if (!version) return std::unexpected(version.error());
  if (*version != schema_version) {
    return fail(ErrorKind::corrupt, "it has version " + std::to_string(*version) + ", this trilock reads version " +
                                        std::to_string(schema_version));
  }
  return look_at_boot();
}

// A database without a boot is new, or of an older version: then nothing is known of when its files changed.
Status StateTables::look_at_boot() {
  const Result<std::string> name = database_.text("SELECT name FROM boot WHERE id = 0");
  if (!name) return std::unexpected(name.error());
  const Result<std::int64_t> started = database_.number("SELECT started_ns FROM boot WHERE id = 0");
  if (!started) return std::unexpected(started.error());
  const bool is_same = *started != 0 && *name == boot_.id;
  if (!is_same) doubted_since_ns_ = *started;
  // The clock may have been wrong when the machine started, and be set since.
  if (is_same && *started <= boot_.started_ns) boot_is_written_ = true;
  return {};
}

// Under the write lock, because another process may be doing the same.
Status StateTables::create() {
  if (Status status = database_.execute("BEGIN IMMEDIATE"); !status) return status;
  const Result<std::int64_t> tables = database_.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected(tables.error());
  if (*tables == 0) {
    if (Status status = database_.execute(schema.data()); !status) return status;
  }
  return database_.execute("COMMIT");
}

// One step after the other, all of them or none. Under the write lock: another process may be doing the same, and then
// there is nothing left to do.
Result<std::int64_t> StateTables::migrate(std::int64_t version) {
  if (Status status = database_.execute("BEGIN IMMEDIATE"); !status) return std::unexpected(status.error());
  const Result<std::int64_t> now = database_.number("PRAGMA user_version");
  Status status = now ? Status{} : std::unexpected(now.error());
  for (std::int64_t from = now.value_or(version); status && from < schema_version; ++from) {
    status = database_.execute(steps[static_cast<std::size_t>(from - 1)].data());
  }
  if (status) status = database_.execute("COMMIT");
  if (status) return database_.number("PRAGMA user_version");
  (void)database_.execute("ROLLBACK");
  return std::unexpected(status.error());
}

}  // namespace trilock
