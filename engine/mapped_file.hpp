// A flat file of the state directory (cache/flat_file.hpp), mapped. Linked into the front as well.
#pragma once

#include <string>
#include <string_view>

namespace trilock {

class MappedFile {
 public:
  // Empty when there is no file of this user's, or it cannot be mapped. Such files are replaced, never written to, so
  // the bytes stay what they are when the name is gone.
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace trilock
