// The parts that the real Disk is made of; besides real_disk*.cpp only those include this that write files
// while their bytes come in.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cache/beneath.hpp"
#include "cache/disk.hpp"

namespace trilock {

// A system call again for as long as signals interrupt it.
template <class Call>
auto retry_interrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

// Large enough that system calls do not count, small enough for the second-level cache and any thread's stack.
inline constexpr std::size_t buffer_size = std::size_t{128} * 1024;
using Buffer = std::array<char, buffer_size>;

// Gives the bytes of an open file to `sink` in pieces. 0, or an errno.
template <class Sink>
int read_pieces(int file, Sink sink);
// 0, or an errno.
[[nodiscard]] int write_all(int file, std::string_view bytes);

[[nodiscard]] FileStat file_stat(const struct stat& raw);

// "cannot read `a/b`"
[[nodiscard]] std::string cannot(std::string_view verb, const std::string& path);

// "" for "/" and for a name without a slash.
[[nodiscard]] std::string parent_of(const std::string& path);

// The error of a failed system call, or of a path whose symlinks lead out of `beneath`.
[[nodiscard]] std::unexpected<Error> fail_at(const Beneath& beneath, std::string what, int error);

// 0, or what failed, as Beneath has it.
[[nodiscard]] int make_directories_at(const Beneath& beneath, const std::string& path, std::uint32_t mode);

// Removes a tree without following symlinks. 0 also when there was none; otherwise what failed, as Beneath has it, and,
// in `failed`, its path.
[[nodiscard]] int remove_tree(const Beneath& beneath, const std::string& path, std::string& failed);

// A file in the making beside its target: it appears there whole, by rename, or it disappears.
class PendingFile {
 public:
  // Makes missing parent directories.
  static Result<PendingFile> create(const Beneath& beneath, const std::string& target);
  PendingFile(PendingFile&&) noexcept = default;
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile();
  [[nodiscard]] int descriptor() const { return file_.get(); }
  Status publish(std::uint32_t mode);
  [[nodiscard]] std::unexpected<Error> error(int error_number) const;

 private:
  PendingFile(std::string target, Beneath::Place place, std::string name, Descriptor file);
  std::string target_;
  Beneath::Place place_;  // of the target
  std::string name_;      // there
  Descriptor file_;
};

// The functions of Disk for shared directories.
Result<std::string> read_plain_file(const std::string& path, std::uint64_t largest);
Result<StrongDigest> hash_plain_file(const std::string& path);
Status write_new_file(const Beneath& beneath, const std::string& path, std::string_view bytes, NewFileMode mode);
Result<FileStat> copy_exact_file(const Beneath& beneath, const std::string& from, const std::string& to,
                                 const StrongDigest& digest, std::uint64_t size, NewFileMode mode);
Status touch_file(const Beneath& beneath, const std::string& path);
Status sync_file_data(std::span<const std::string> paths);
Status sync_directory_names(std::span<const std::string> paths);
Result<std::unique_ptr<DiskLock>> try_lock_file(const Beneath& beneath, const std::string& path);

// A name in the directory of `target` that nothing else uses, on this or another host: process ids collide across
// hosts that share a directory, so it carries the host's name and random bits.
[[nodiscard]] std::string temporary_name(const std::string& target);

template <class Sink>
int read_pieces(int file, Sink sink) {
  Buffer buffer;
  for (;;) {
    const ssize_t count = retry_interrupted([&] { return ::read(file, buffer.data(), buffer.size()); });
    if (count < 0) return errno;
    if (count == 0) return 0;
    sink(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
  }
}

}  // namespace trilock
