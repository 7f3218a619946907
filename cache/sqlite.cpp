#include "cache/sqlite.hpp"

#include <sqlite3.h>

namespace trilock {
namespace {

std::unexpected<Error> failure(sqlite3* handle, int code) {
  const char* message = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  // "disk I/O error" and "unable to open database file" hide what the operating system said.
  const int system = handle != nullptr ? sqlite3_system_errno(handle) : 0;
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return fail(ErrorKind::corrupt, message);
    case SQLITE_FULL:
      return fail(ErrorKind::no_space, "no space left on device");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY: {
      if (system == 0) return fail(ErrorKind::io, message);
      auto error = fail_errno(message, system);
      if (error.error().kind != ErrorKind::no_space) error.error().kind = ErrorKind::io;
      return error;
    }
    default:
      return fail(ErrorKind::io, message);
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::start() {
  sqlite3_reset(handle_.get());
  next_ = 1;
  bind_error_ = SQLITE_OK;
  return *this;
}

Statement& Statement::number(std::int64_t value) {
  bind_error_ |= sqlite3_bind_int64(handle_.get(), next_++, value);
  return *this;
}

Statement& Statement::text(std::string_view value) {
  // A null pointer would bind NULL, and an empty view may hold one.
  const char* data = value.empty() ? "" : value.data();
  bind_error_ |= sqlite3_bind_text64(handle_.get(), next_++, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::blob(std::string_view value) {
  const char* data = value.empty() ? "" : value.data();
  bind_error_ |= sqlite3_bind_blob64(handle_.get(), next_++, data, value.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::null() {
  bind_error_ |= sqlite3_bind_null(handle_.get(), next_++);
  return *this;
}

Result<bool> Statement::step() {
  sqlite3* const database = sqlite3_db_handle(handle_.get());
  if (bind_error_ != SQLITE_OK) return failure(database, SQLITE_MISUSE);
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(handle_.get());  // ends the read transaction, so that the log can be checkpointed
    return false;
  }
  auto error = failure(database, code);
  sqlite3_reset(handle_.get());
  return error;
}

Status Statement::run() {
  for (;;) {
    const Result<bool> row = step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
  }
}

std::int64_t Statement::number_at(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

std::string_view Statement::text_at(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return data == nullptr
             ? std::string_view()
             : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

std::string_view Statement::blob_at(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  return data == nullptr
             ? std::string_view()
             : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<Database> Database::open(const std::string& path, int busy_ms) {
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database;
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return failure(handle, code);
  sqlite3_busy_timeout(handle, busy_ms);
  return database;
}

Status Database::execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code == SQLITE_ERROR) {
    // The statements are fixed, so one that does not fit means that the tables are not ours.
    return fail(ErrorKind::corrupt, sqlite3_errmsg(handle_.get()));
  }
  if (code != SQLITE_OK) return failure(handle_.get(), code);
  Statement result;
  result.handle_.reset(statement);
  return result;
}

Result<std::int64_t> Database::number(std::string_view sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->number_at(0) : 0;
}

Result<std::string> Database::text(std::string_view sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? std::string(statement->text_at(0)) : std::string();
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

}  // namespace trilock
