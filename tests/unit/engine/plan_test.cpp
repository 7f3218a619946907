// Planning on several threads: what is found does not depend on who planned which node, nor when.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <string>
#include <vector>

#include "engine/parallel.hpp"
#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

TEST_CASE("a loop over all processors takes every turn once") {
  for (const std::size_t count : {0, 1, 2, 3, 1000}) {
    std::vector<std::atomic<int>> turns(count);
    on_all_processors(count, [&](std::size_t turn) { ++turns[turn]; });
    for (const std::atomic<int>& turn : turns) CHECK(turn == 1);
  }
}

TEST_CASE("findings of many nodes come in the order of the file") {
  constexpr std::size_t nodes = 3000;
  MemoryBuild build;
  std::string pipeline;
  std::string places;
  std::size_t told = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    pipeline += fmt::format("[command.n{}]\nrun = [\"true\"]\n", i);
    if (i % 7 == 0) {
      pipeline += fmt::format("outputs = [\"../{}\"]\n", i);
      if (++told <= most_findings) places += fmt::format("`../{}` leaves the workspace\n", i);
    }
  }
  build.disk.put("/w/trilock.toml", pipeline);
  CHECK(build.run() == 2);
  std::string found;
  for (std::size_t at = 0; (at = build.findings.find("error: ", at)) != std::string::npos;) {
    at += std::string_view("error: ").size();
    found += build.findings.substr(at, build.findings.find('\n', at) - at) + "\n";
  }
  CHECK(found == places);
}

TEST_CASE("a node that writes what a variable is read from is told so") {
  MemoryBuild build;
  build.disk.put("/w/out/VERSION", "1");
  build.disk.put_symlink("/w/VERSION", "out/VERSION");
  const auto findings = [&](std::string_view file, std::string_view output) {
    build.disk.put("/w/trilock.toml", fmt::format("[vars]\nv = {{ file = \"{}\" }}\nunused = {{ file = \"other\" }}\n"
                                                  "[command.a]\nscript = \"echo ${{var.v}}\"\noutputs = [\"{}\"]\n",
                                                  file, output));
    (void)build.run();
    return build.findings.substr(0, build.findings.find('\n'));
  };
  CHECK(findings("out/VERSION", "out/VERSION") ==
        "error: command.a writes `out/VERSION`, which a variable is read from");
  CHECK(findings("./out//VERSION", "out") ==
        "error: command.a writes `out`, which holds `out/VERSION`, which a variable is read from");
  CHECK(findings("VERSION", "out/VERSION") ==
        "error: command.a writes `out/VERSION`, which holds `VERSION`, which a variable is read from");
  CHECK(findings("VERSION", "other").empty());
}
