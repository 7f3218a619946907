// A flat file of the state directory (cache/flat_file.hpp), mapped. Linked into the front as well.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace trilock {

// Which file it is, and in what state. Two processes that see the same have the same bytes before them.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
// Of what is there under that name, not following a symlink; all 0 when nothing is.
[[nodiscard]] FileIdentity identity_of_file(const std::string& path);

class MappedFile {
 public:
  enum class Reading : std::uint8_t {
    all,        // it will be read from end to end: all of it comes at once
    by_page,    // a few places of it
    to_change,  // all, and `own_copy` may be written to
  };
  MappedFile() = default;
  // Empty when there is no file of this user's, or it cannot be mapped. Such files are replaced, never written to, so
  // the bytes stay what they are when the name is gone.
  explicit MappedFile(const std::string& path, Reading reading = Reading::all);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  // The same bytes, for one that was opened `to_change`: what is written to them this process alone sees, by `bytes`
  // too.
  [[nodiscard]] std::span<char> own_copy() { return {const_cast<char*>(bytes_.data()), bytes_.size()}; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }
  void read_all() const;  // for one that was opened `by_page`

 private:
  std::string_view bytes_;
  FileIdentity identity_;
};

}  // namespace trilock
