// The files of the workspace as the engine sees them during one run: stat, listing and digest of each path are taken
// once and remembered, digests across runs by stat. Rules read through it, so what they read is known.
//
// A digest is remembered across runs only when the file's ctime lies before the file system's clock at the moment
// hashing began; a later write then gets a later ctime, so a change in the same tick cannot be missed (the problem
// that git's documentation calls racy). A ctime of whole seconds may come from a file system that keeps no finer ones
// and must be two seconds older than the clock. What these rules cannot see: a write that was under way when hashing
// began, and stores to mapped memory.
//
// Paths are relative to the workspace ("" is the workspace), or absolute for files outside it.
// Thread rule: all functions may be called from any thread at once.
#pragma once

#include <functional>
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

// What of a symlink counts: what it leads to as well, or the text of its target alone.
enum class Symlinks : std::uint8_t { followed, as_text };

class SourceTree {
 public:
  // Below `.trilock`, a name that has the same meaning in every workspace, lies `state_dir`; "" for `.trilock` itself.
  SourceTree(Disk& disk, std::string root, std::string state_dir = {});
  ~SourceTree();

  [[nodiscard]] Disk& disk() const;
  [[nodiscard]] const std::string& root() const;  // absolute
  [[nodiscard]] std::string absolute(const std::string& path) const;

  // What earlier runs knew; call before anything else.
  void remember(const std::vector<FileDigest>& known);
  // The rows that were found since, or that replace older ones; the caller stores them. Each is given once.
  [[nodiscard]] std::vector<FileDigest> take_new_digests();

  Result<FileStat> stat(const std::string& path);            // error not_found when absent
  Result<FileStat> stat_following(const std::string& path);  // looked at every time
  [[nodiscard]] bool exists(const std::string& path);
  Result<std::vector<DirEntry>> list(const std::string& path);
  // Not remembered; of a regular file of at most `largest_read` bytes. A path that is relative is one that a file of
  // the repository names: ErrorKind::invalid, and nothing is read, when it leads out of the workspace, through symlinks
  // too. An absolute one is the user's or a tool's.
  Result<std::string> read(const std::string& path);
  // Some of it: Disk::read_stretches.
  Result<std::string> read(const std::string& path, std::span<const ByteStretch> stretches);
  static constexpr std::uint64_t largest_read = std::uint64_t{256} << 20;
  // The same without reading. An absolute path leads out, wherever it leads.
  [[nodiscard]] Status check_inside(const std::string& path) const;
  // The user has named this file: it may be a symlink to anywhere. Call before it is read.
  void trust(const std::string& path);
  // Where a relative path leads, relative again and without symlinks; as it is when that is not in the workspace.
  [[nodiscard]] std::string resolved(const std::string& path) const;
  Result<std::string> read_link(const std::string& path);
  // Of a file's bytes, following symlinks; where a symlink leads is looked at every time.
  Result<FastDigest> digest(const std::string& path);
  Result<ContentDigests> strong_digest(const std::string& path);

  // The files and symlinks that the patterns select, sorted, unique. Later patterns win. A walk passes over everything
  // named `.git` or `.trilock`. A pattern without special characters that names a directory selects, or excludes, all
  // below it; one that names nothing is ErrorKind::not_found, "input `x` does not exist".
  // `skip` holds paths (with all below them) that are never selected: outputs of the node itself.
  //
  // A symlink that a pattern selects is among them; when it is followed, with all below the directory that it may lead
  // to, by the names that it has there without symlinks (patterns that leave out hold for these); invalid when that
  // directory is outside the workspace. A walk does not enter one that no pattern selects. The part of a pattern before
  // its first special character is resolved as the system resolves paths.
  Result<std::vector<std::string>> select(std::span<const InputPattern> patterns, std::span<const std::string> skip,
                                          Symlinks symlinks = Symlinks::followed);

  // All that is below a directory, sorted by path, directories included, `.trilock` excluded. Relative to the
  // workspace.
  struct Found {
    std::string path;
    FileType type;
  };
  Result<std::vector<Found>> walk(const std::string& dir);

  // Forgets stat, listing and digest of a path and of all below it, stat and listing of the directories above it: it
  // was written. Paths that lead to the same files through a symlinked directory must be forgotten by themselves,
  // unless note_link told of it.
  void forget(const std::string& path);
  // The path itself is looked at anew when it is next asked for; what is known of its content stays if its stat is
  // the same and proves it. Costs one stat, however large the tree is.
  void look_again(const std::string& path);

  // What lies below the directory `link` lies below `real` as well, `link` having symlinks in it: forgetting one
  // forgets the other.
  void note_link(const std::string& link, const std::string& real);

  // Whether some of these ended in Error::machine_failed: then what seems wrong with what was read may be right.
  [[nodiscard]] bool machine_failed() const;

  // --- what was looked at, for a later process to see that it is still so: cache/snapshot.hpp ---
  // Call before anything is looked at. Costs a stat for each directory that is listed.
  void keep_account();
  struct Look {
    std::string_view directory;                  // absolute
    std::string_view name;                       // "." for the directory itself
    bool followed = false;                       // a symlink counted as what it leads to
    const FileStat* stat = nullptr;              // null when there was nothing
    std::span<const std::uint32_t> askers = {};  // ascending, each once
    // Otherwise some of them may have seen something else than `stat` says, now or later.
    bool settled = true;
  };
  // For whom this thread looks while it lives, in every tree: a number of the caller's. What is asked outside of one,
  // or to be remembered for others, is asked for `everybody`.
  static constexpr std::uint32_t everybody = 0xffffffff;
  // Added to a number: for planning it, which may stand when what comes after is looked at anew. Everybody's counts as
  // that.
  static constexpr std::uint32_t for_planning = 0x80000000;
  class AskedFor {
   public:
    explicit AskedFor(std::uint32_t asker);
    AskedFor(const AskedFor&) = delete;
    AskedFor& operator=(const AskedFor&) = delete;
    ~AskedFor();

   private:
    std::uint32_t before_;
  };
  void forget_askers();  // what was asked so far was for everybody
  enum class Account : std::uint8_t {
    settled,  // a later change to anything of it shows in a stat
    young,    // not yet, or a path was looked at twice, being written between: looking at all of it anew helps
    unknown,  // something could not be looked at
  };
  // Everything that was looked at, those of one directory together. What comes out is the worst of it all. Nobody may
  // use the tree meanwhile.
  [[nodiscard]] Account account(const std::function<void(const Look&)>& each) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trilock
