// What a planned pipeline takes in memory, once it is read and linked. The sanitizers' allocators are not asked.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <malloc.h>

#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
namespace {

std::size_t allocated() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

TEST_CASE("a node of the planned graph takes less than a kilobyte") {
  constexpr std::size_t nodes = 10'000;
  MemoryBuild build;
  std::string pipeline;
  for (std::size_t i = 0; i < nodes; ++i) {
    pipeline += fmt::format("[command.n{0}]\nrun = [\"true\"]\ninputs = [\"src/{0}\"]\n", i);
    if (i >= 100) pipeline += fmt::format("after = [\"command.n{}\", \"command.n{}\"]\n", i - 100, i - 1);
  }
  build.disk.put("/w/trilock.toml", pipeline);
  auto planned = std::make_unique<PlannedPipeline>(build.planned());
  REQUIRE(planned->graph.size() == nodes);
  const std::size_t with = allocated();
  planned.reset();
  const std::size_t bytes = (with - allocated()) / nodes;
  MESSAGE("bytes a node: ", bytes);
  CHECK(bytes > 100);
  CHECK(bytes < 1024);
}
#endif
