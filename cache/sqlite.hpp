// A thin door to SQLite. sqlite.cpp is the only file that includes its header.
//
// Errors carry SQLite's own words as their message, without an object: the caller knows which database it is. A file
// that is damaged, is no database, or lacks a table that a statement names is ErrorKind::corrupt; a full disk is
// no_space; all else, a locked database among it, is io.
// Thread rule: a Database and its Statements belong to one thread at a time. Statements go before their Database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "schemas/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace trilock {

// A prepared statement, used again and again: `start`, bind the parameters from left to right, then `run`, or `step`
// until it gives false.
class Statement {
 public:
  Statement() = default;
  [[nodiscard]] bool prepared() const { return handle_ != nullptr; }

  Statement& start();
  // Bound texts and blobs are not copied: they must live until the statement has been run.
  Statement& number(std::int64_t value);
  Statement& text(std::string_view value);
  Statement& blob(std::string_view value);
  Statement& null();

  Result<bool> step();  // true: there is a row
  Status run();         // to the end; rows are dropped

  // Of the current row; columns count from 0. Views hold until the next step.
  [[nodiscard]] std::int64_t number_at(int column) const;
  [[nodiscard]] std::string_view text_at(int column) const;
  [[nodiscard]] std::string_view blob_at(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int next_ = 1;
  int bind_error_ = 0;
};

class Database {
 public:
  // Makes the file when it does not exist, and follows no symlink. Statements wait up to `busy_ms` for a lock that
  // another process holds.
  static Result<Database> open(const std::string& path, int busy_ms);

  Status execute(const char* sql);  // one or more statements without parameters; rows are dropped
  Result<Statement> prepare(std::string_view sql);
  Result<std::int64_t> number(std::string_view sql);  // the first column of the first row
  Result<std::string> text(std::string_view sql);
  [[nodiscard]] std::int64_t last_id() const;  // of the row inserted last

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace trilock
