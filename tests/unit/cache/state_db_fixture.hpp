// What the tests of the state database share: a folder, and rows to put into it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "cache/hash.hpp"
#include "cache/state_db.hpp"

namespace trilock::test {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    // In memory where there is such a place: making a database syncs.
    const fs::path base = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    std::string name = (base / "trilock-state-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

inline std::unique_ptr<StateDb> open(const std::string& path, std::string_view expected_warning = "") {
  std::string warning;
  Result<std::unique_ptr<StateDb>> db = StateDb::open(path, warning);
  REQUIRE(db.has_value());
  CHECK(warning == expected_warning);
  return std::move(*db);
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void put(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline FileDigest digest_of(const std::string& path, std::uint64_t number) {
  FileDigest row;
  row.path = path;
  row.stat = {.type = FileType::file,
              .mode = 07755,
              .size = number,
              .mtime_ns = -5,
              .ctime_ns = 1'700'000'000'123'456'789,
              .inode = ~number,
              .device = 0x8000'0000'0000'0001};
  row.fast = fast_digest(path + std::to_string(number));
  if (number % 2 == 1) {
    row.strong = strong_digest(path);
    row.has_strong = true;
  }
  return row;
}

inline bool same(const FileDigest& a, const FileDigest& b) {
  return a.path == b.path && a.stat == b.stat && a.fast == b.fast && a.strong == b.strong &&
         a.has_strong == b.has_strong;
}

inline ActionResult result_of(const std::string& text) {
  ActionResult result;
  result.key = fast_digest(text);
  result.outputs = {{.path = "bin/" + text, .mode = 0755, .size = 3, .blob = strong_digest(text)}};
  result.values = {{"digest", text}};
  result.out = "out of " + text;
  result.err = "err of " + text;
  result.duration_ms = 12;
  result.explanation = {{"rule", "command"}};
  return result;
}

template <class T>
T value(Result<T> result) {
  REQUIRE(result.has_value());
  return std::move(*result);
}

inline void ran(StateDb& db, std::int64_t run, const std::string& label, std::uint64_t duration_ms,
                Outcome outcome = Outcome::ran) {
  db.record_run_node({run, label, outcome, fast_digest(label), duration_ms, "because"});
}

}  // namespace trilock::test
