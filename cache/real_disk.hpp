// The parts that the real Disk is made of; only real_disk*.cpp include this.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "cache/disk.hpp"

namespace trilock {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// A system call again for as long as signals interrupt it.
template <class Call>
auto retry_interrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

// "cannot read `a/b`"
[[nodiscard]] std::string cannot(std::string_view verb, const std::string& path);

// "" for "/" and for a name without a slash.
[[nodiscard]] std::string parent_of(const std::string& path);

// 0, or the errno of what failed.
[[nodiscard]] int make_directories_at(const std::string& path, std::uint32_t mode);

// Removes a tree without following symlinks. 0 also when there was none; otherwise the errno of what failed and, in
// `failed`, its path.
[[nodiscard]] int remove_tree(const std::string& path, std::string& failed);

// A file in the making beside its target: it appears there whole, by rename, or it disappears.
class PendingFile {
 public:
  // Makes missing parent directories.
  static Result<PendingFile> create(const std::string& target);
  PendingFile(PendingFile&&) noexcept = default;
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile();
  [[nodiscard]] int descriptor() const { return file_.get(); }
  Status publish(std::uint32_t mode);
  [[nodiscard]] std::unexpected<Error> error(int error_number) const;

 private:
  PendingFile(std::string target, std::string path, Descriptor file);
  std::string target_;
  std::string path_;
  Descriptor file_;
};

// A name in the directory of `target` that nothing else uses, on this or another host: process ids collide across
// hosts that share a directory, so it carries the host's name and random bits.
[[nodiscard]] std::string temporary_name(const std::string& target);

}  // namespace trilock
