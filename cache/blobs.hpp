// Blobs: bytes named by their SHA-256, in `<cache directory>/cas/<first two hex digits>/<64 hex digits>`, the layout of
// Bazel's disk cache. A blob is published whole or not at all (temporary in `<cache directory>/tmp`, rename).
// Thread rule: any thread. Several processes may use one directory.
#pragma once

#include <string>

#include "cache/disk.hpp"
#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

class BlobStore {
 public:
  BlobStore(Disk& disk, std::string cache_dir);
  [[nodiscard]] const std::string& directory() const { return dir_; }
  [[nodiscard]] bool has(const StrongDigest& digest);
  // Stores the bytes of a file under the digest that they have; `expected` must be what was hashed before: when the
  // stored bytes differ, the file changed meanwhile and nothing is kept (ErrorKind::corrupt).
  Status put_file(const std::string& path, const StrongDigest& expected);
  Result<StrongDigest> put(std::string_view bytes);
  Result<std::string> get(const StrongDigest& digest);
  // Copies the blob to `path` with `mode`, whole or not at all. Bytes are verified; a corrupt blob is removed from the
  // store and reported as ErrorKind::corrupt.
  Status restore(const StrongDigest& digest, const std::string& path, std::uint32_t mode);

 private:
  [[nodiscard]] std::string path_of(const StrongDigest& digest) const;
  Disk& disk_;
  std::string dir_;
};

}  // namespace trilock
