// Where a write below the workspace takes place. Directories of the workspace may be symlinks, and another process may
// swap one for the other at any time; what is opened here lies beneath the workspace all the same, or beneath one of
// the roots that the runner allows, and a call that acts on the open directory by a single name cannot be led astray.
// For the real Disk, and for who writes files while their bytes come in.
#pragma once

#include <atomic>
#include <mutex>
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

// Beside the errno values: a symlink leads out of the root, and not to where it may lead.
inline constexpr int leads_out = 1 << 20;

// Thread rule: all functions may be called from any thread at once.
class Beneath {
 public:
  Beneath() = default;
  explicit Beneath(Confinement confinement);

  // A directory and a name in it, for the calls that take both. The name holds no slash where the path is confined;
  // elsewhere it is the path itself, and the directory says nothing.
  struct Place {
    int directory = -1;
    std::string name;
    Descriptor held = {};
  };
  // 0, or an errno, or `leads_out`. Symlinks in the directories of `path` are followed, the last component is not.
  [[nodiscard]] int find(const std::string& path, Place& place) const;
  // Whether `path` is a directory, itself or by a symlink: 0, or an errno, or `leads_out`.
  [[nodiscard]] int find_directory(const std::string& path) const;

  [[nodiscard]] const std::string& root() const { return confinement_.root; }

 private:
  class Walk;
  [[nodiscard]] bool confines(std::string_view path) const;
  [[nodiscard]] int open_root(int& root) const;
  [[nodiscard]] int open_directory(std::string_view below, Descriptor& found) const;

  Confinement confinement_;
  mutable std::mutex mutex_;
  mutable Descriptor root_;  // opened when first needed; guarded by mutex_
  mutable std::atomic<bool> walks_ = false;
};

}  // namespace trilock
