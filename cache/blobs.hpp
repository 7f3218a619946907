// Blobs: bytes named by their SHA-256, in `<cache directory>/cas/<first two hex digits>/<64 hex digits>`, the layout of
// Bazel's disk cache. A blob is published whole or not at all (temporary in `<cache directory>/tmp`, rename).
//
// Nothing is synced to the disk: a crash of the machine may leave blobs that are empty or cut short. Every read
// verifies, so such a blob is removed and counts as absent; syncing would cost ten times what writing does. Thread
// rule: any thread. Several processes, on several hosts, may use one directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/disk.hpp"
#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

class BlobStore {
 public:
  BlobStore(Disk& disk, std::string cache_dir);
  [[nodiscard]] const std::string& directory() const { return dir_; }
  [[nodiscard]] bool has(const StrongDigest& digest);
  // The functions that store leave a blob that is there already, and mark it as used.
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
  [[nodiscard]] std::string unique_name();
  [[nodiscard]] bool keep(const StrongDigest& digest, std::uint64_t size);
  Status publish(const std::string& temporary, const StrongDigest& digest);
  std::unexpected<Error> absent_or(const StrongDigest& digest, const Error& error) const;
  std::unexpected<Error> discard(const StrongDigest& digest);

  Disk& disk_;
  std::string dir_;
  std::string name_prefix_;  // of temporaries: no other store on any host has it
  std::atomic<std::uint64_t> next_name_ = 0;
};

}  // namespace trilock
