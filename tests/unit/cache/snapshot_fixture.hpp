// What tests of snapshots begin with.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/hash.hpp"
#include "cache/snapshot.hpp"

namespace trilock::test {

// As a file that is mapped: aligned.
class Image {
 public:
  explicit Image(std::string_view bytes) : words_((bytes.size() + 7) / 8 + 1), size_(bytes.size()) {
    std::memcpy(words_.data(), bytes.data(), bytes.size());
  }
  [[nodiscard]] std::string_view bytes() const { return {reinterpret_cast<const char*>(words_.data()), size_}; }
  [[nodiscard]] std::optional<SnapshotView> view() const { return SnapshotView::over(bytes()); }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

inline const SnapshotRun some_run{.words = {"-k", "command.a", ""},
                                  .variables = {"HOME", "PATH"},
                                  .environment = fast_digest("e"),
                                  .user = 7,
                                  .group = 8,
                                  .root = "/w",
                                  .directory = "",
                                  .program = "/bin/engine",
                                  .machine = "x86_64",
                                  .report = "1 node"};

}  // namespace trilock::test
