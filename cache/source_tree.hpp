// The files of the workspace as the engine sees them during one run: stat, listing and digest of each path are taken
// once and remembered, digests across runs by stat. Rules read through it, so what they read is known.
//
// A digest is remembered across runs only when the file's ctime lies before the file system's clock at the moment
// hashing began; a later write then gets a later ctime, so a change in the same tick cannot be missed (the problem
// that git's documentation calls racy).
//
// Paths are relative to the workspace ("" is the workspace), or absolute for files outside it.
// Thread rule: all functions may be called from any thread at once.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/disk.hpp"
#include "schemas/digest.hpp"
#include "schemas/node.hpp"
#include "schemas/result.hpp"

namespace trilock {

// A row of the stat cache: the digests that a file had when its stat was this.
struct FileDigest {
  std::string path;
  FileStat stat;
  FastDigest fast;
  StrongDigest strong;
  bool has_strong = false;
};

class SourceTree {
 public:
  SourceTree(Disk& disk, std::string root);
  ~SourceTree();

  [[nodiscard]] Disk& disk() const;
  [[nodiscard]] const std::string& root() const;  // absolute
  [[nodiscard]] std::string absolute(const std::string& path) const;

  // What earlier runs knew; call before anything else.
  void remember(std::vector<FileDigest> known);
  // The rows that were found since, or that replace older ones; the caller stores them. Each is given once.
  [[nodiscard]] std::vector<FileDigest> take_new_digests();

  Result<FileStat> stat(const std::string& path);  // error not_found when absent
  [[nodiscard]] bool exists(const std::string& path);
  Result<std::vector<DirEntry>> list(const std::string& path);
  Result<std::string> read(const std::string& path);  // not remembered
  Result<std::string> read_link(const std::string& path);
  Result<FastDigest> digest(const std::string& path);  // of a file's bytes, following symlinks
  Result<ContentDigests> strong_digest(const std::string& path);

  // The files and symlinks that the patterns select, sorted, unique. Later patterns win. Directories named `.git` and
  // `.trilock` are never entered. A pattern without special characters that names a directory selects all below it.
  // `skip` holds paths (with all below them) that are never selected: outputs of the node itself.
  Result<std::vector<std::string>> select(std::span<const InputPattern> patterns, std::span<const std::string> skip);

  // All that is below a directory, sorted by path, directories included, `.trilock` excluded. Relative to the
  // workspace.
  struct Found {
    std::string path;
    FileType type;
  };
  Result<std::vector<Found>> walk(const std::string& dir);

  // Forgets stat, listing and digest of a path, of all below it, and the listings of its parents: it was written.
  void forget(const std::string& path);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trilock
