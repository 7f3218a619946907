// What tests of snapshots begin with.
#pragma once

#include <optional>

#include "cache/hash.hpp"
#include "cache/snapshot.hpp"
#include "tests/support/mapped_image.hpp"

namespace trilock::test {

class Image : public MappedImage {
 public:
  using MappedImage::MappedImage;
  [[nodiscard]] std::optional<SnapshotView> view() const { return SnapshotView::over(bytes()); }
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
                                  .boot = "boot",
                                  .report = "1 node"};

}  // namespace trilock::test
