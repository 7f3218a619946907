// The disk fails at the N-th write, for every N that there is: an output is never wrong afterwards, what failed says
// why, and the next run is right.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>

#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::FaultSpan;
using trilock::test::MemoryBuild;

namespace {

constexpr std::string_view pipeline = R"(
[command.first]
run = ["true", "out/1", "a.txt"]
inputs = ["a.txt"]
outputs = { one = "out/1", extra = "out/extra" }

[command.second]
run = ["true", "out/deep/2", "${command.first.out.one}", "b.txt"]
inputs = ["b.txt"]
outputs = ["out/deep"]

[command.third]
run = ["true", "out/3", "${command.second.out}/2"]
needs = ["command.second"]
outputs = ["out/3"]
)";

const std::vector<std::string> outputs{"/w/out/1", "/w/out/extra", "/w/out/deep/2", "/w/out/3"};
using Contents = std::map<std::string, std::string>;  // of outputs; "" for one that is not there

Contents contents(const MemoryBuild& build) {
  Contents found;
  for (const std::string& path : outputs) found[path] = build.disk.content(path);
  return found;
}

// What there is before the run that fails, and what was changed for it.
struct Story {
  const char* name;
  bool built;
  std::function<void(MemoryBuild&)> change;
};

const std::vector<Story> stories{
    {"a first build", false, [](MemoryBuild&) {}},
    {"a build after an edit", true, [](MemoryBuild& build) { build.disk.put("/w/a.txt", "new"); }},
    {"putting outputs back", true, [](MemoryBuild& build) { build.disk.erase("/w/out"); }},
    {"going back to an earlier result", true,
     [](MemoryBuild& build) {
       build.disk.put("/w/b.txt", "new");
       REQUIRE(build.run() == 0);
       build.disk.put("/w/b.txt", "B");
     }},
    {"a build without its cache", true,
     [](MemoryBuild& build) {
       build.disk.erase("/cache");
       build.disk.put("/w/b.txt", "new");
     }},
};

void set_scene(MemoryBuild& build, const Story& story) {
  build.disk.put("/w/trilock.toml", pipeline);
  build.disk.put("/w/a.txt", "A");
  build.disk.put("/w/b.txt", "B");
  build.before_process = [&build](const std::vector<std::string>& argv) {
    if (argv[1] == "out/1") build.disk.put("/w/out/extra", "beside " + build.disk.content("/w/a.txt"));
  };
  if (story.built) REQUIRE(build.run() == 0);
  story.change(build);
}

// Returns false when there are fewer writes than that.
bool fail_at(const Story& story, std::size_t nth, int error, FaultSpan span, const Contents& right) {
  MemoryBuild build;
  set_scene(build, story);
  const Contents before = contents(build);
  build.disk.clear_log();
  // What fails once can be mended at once: the old outputs are back. When nothing can be written any more, not even a
  // name taken away, they may be gone, and no more than that.
  const bool mendable = span == FaultSpan::once;
  if (mendable)
    build.after_failed_write = [&](const std::string& path, const std::string& half) { build.disk.put(path, half); };
  build.disk.fail_write(nth, error, span);
  const int code = build.run();
  const bool hit = build.disk.writes() >= nth;
  build.disk.heal();

  const Contents after = contents(build);
  if (code == 0) {  // a write of the cache, a time stamp, a clean-up
    CHECK(after == right);
  } else {
    CHECK((code == 5 || (code == 1 && error == EIO)));  // a command that meets EIO just fails
    for (const std::string& path : outputs) {
      const bool whole =
          after.at(path) == before.at(path) || after.at(path) == right.at(path) || (after.at(path) == "" && !mendable);
      CHECK_MESSAGE(whole, path, " is `", after.at(path), "`");
    }
    std::size_t failed = 0;
    for (const auto& [label, report] : build.reports) {
      if (report.outcome != Outcome::failed) continue;
      ++failed;
      CHECK(!report.reason.empty());
    }
    CHECK(failed == 1);
  }
  CHECK(build.run() == 0);
  CHECK(contents(build) == right);
  CHECK(build.run() == 0);
  CHECK(build.ran.empty());
  return hit;
}

}  // namespace

TEST_CASE("faults: whichever write fails, no output is wrong and the next run is right") {
  for (const Story& story : stories) {
    CAPTURE(story.name);
    MemoryBuild clean;
    set_scene(clean, story);
    REQUIRE(clean.run() == 0);
    const Contents right = contents(clean);
    for (const std::string& path : outputs) REQUIRE(right.at(path) != "");
    for (const int error : {ENOSPC, EIO})
      for (const FaultSpan span : {FaultSpan::once, FaultSpan::from_then_on}) {
        CAPTURE(error);
        CAPTURE(span == FaultSpan::once);
        std::size_t nth = 1;
        for (;; ++nth) {
          CAPTURE(nth);
          if (!fail_at(story, nth, error, span, right)) break;
        }
        CHECK(nth > 3);
      }
  }
}

TEST_CASE("retries wait twice as long each time, at most half a minute, and each is said") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", "[command.x]\nrun = [\"true\", \"fail\"]\nretries = 8\n");
  CHECK(build.run() == 1);
  CHECK(build.pauses_ms == std::vector<std::uint64_t>{500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000});
  REQUIRE(build.warnings.size() == 8);
  CHECK(build.warnings.front() == "command.x: `true` failed with exit code 1; retry 1 of 8 in 0.5 s");
  CHECK(build.reports["command.x"].err == "told to fail\n");  // of the last attempt alone
}
