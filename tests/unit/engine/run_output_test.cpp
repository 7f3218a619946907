// What a run gives to see of its nodes: recorded output, and no secrets.
#include <doctest/doctest.h>

#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

namespace {

constexpr std::string_view one_node = R"(
[command.mix]
run = ["true", "out/1", "a.txt"]
inputs = ["a.txt"]
outputs = ["out/1"]
)";

void put_one(MemoryBuild& build) {
  build.disk.put("/w/trilock.toml", one_node);
  build.disk.put("/w/a.txt", "A");
}

bool shows(const MemoryBuild& build, std::string_view text) {
  for (const auto& [label, report] : build.reports) {
    for (const std::string* part : {&report.reason, &report.help, &report.out, &report.err, &report.command})
      if (part->contains(text)) return true;
    for (const Field& value : report.values)
      if (value.value.contains(text)) return true;
    for (const FieldChange& change : report.changes)
      if (change.was.contains(text) || change.now.contains(text)) return true;
  }
  for (const std::string& warning : build.warnings)
    if (warning.contains(text)) return true;
  return false;
}

}  // namespace

TEST_CASE("an unchanged node gives its recorded output when it is asked for, and only then") {
  MemoryBuild build;
  put_one(build);
  REQUIRE(build.run() == 0);
  CHECK(build.reports.at("command.mix").out == "mixed\n");
  REQUIRE(build.run() == 0);
  CHECK(build.outcome("command.mix") == Outcome::unchanged);
  CHECK(build.reports.at("command.mix").out == "");
  REQUIRE(build.run({.replay = true}) == 0);
  CHECK(build.outcome("command.mix") == Outcome::unchanged);
  CHECK(build.reports.at("command.mix").out == "mixed\n");
}

TEST_CASE("a restored node gives its recorded output, and keeps it for later runs") {
  MemoryBuild build;
  put_one(build);
  REQUIRE(build.run() == 0);
  REQUIRE(build.disk.remove("/w/out/1"));
  REQUIRE(build.run({.replay = true}) == 0);
  CHECK(build.outcome("command.mix") == Outcome::restored);
  CHECK(build.reports.at("command.mix").out == "mixed\n");
  REQUIRE(build.run({.replay = true}) == 0);
  CHECK(build.outcome("command.mix") == Outcome::unchanged);
  CHECK(build.reports.at("command.mix").out == "mixed\n");
}

TEST_CASE("a node that came out of the cache gives the output that was recorded with it") {
  MemoryBuild build;
  put_one(build);
  REQUIRE(build.run() == 0);
  build.forget_state();
  REQUIRE(build.disk.remove("/w/out/1"));
  REQUIRE(build.run({.replay = true}) == 0);
  CHECK(build.outcome("command.mix") == Outcome::restored);
  CHECK(build.reports.at("command.mix").out == "mixed\n");
}

TEST_CASE("a failure tells the command line") {
  MemoryBuild build;
  build.disk.put("/w/trilock.toml", "[command.bad]\nrun = [\"true\", \"fail\", \"a b\"]\n");
  CHECK(build.run() == 1);
  CHECK(build.reports.at("command.bad").command == "true fail 'a b'");
  CHECK(build.reports.at("command.bad").err == "told to fail\n");
}

TEST_CASE("a secret that the pipeline writes into an argument is in nothing that is shown or recorded") {
  MemoryBuild build;
  build.environment["TOKEN"] = "hunter2";
  build.disk.put("/w/trilock.toml", R"(
[command.good]
run = ["true", "out/1", "${env.TOKEN}"]
outputs = ["out/1"]
secret-env = ["TOKEN"]

[command.bad]
run = ["true", "fail", "${env.TOKEN}"]
)");
  CHECK(build.run({.keep_going = true}) == 1);
  REQUIRE(build.outcome("command.good") == Outcome::ran);
  CHECK(build.reports.at("command.bad").command == "true fail ***");
  CHECK(!shows(build, "hunter2"));
  for (const Forecast& forecast : build.look())
    for (const Field& field : forecast.fields) CHECK(!field.value.contains("hunter2"));

  // Another value is another key; the two explanations, without the values, cannot say more than that.
  build.environment["TOKEN"] = "swordfish";
  CHECK(build.run({.keep_going = true}) == 1);
  CHECK(build.reports.at("command.good").reason == "its key changed");
  CHECK(!shows(build, "hunter2"));
  CHECK(!shows(build, "swordfish"));
  for (const Forecast& forecast : build.look())
    for (const FieldChange& change : forecast.decision.changes) {
      CHECK(!change.was.contains("hunter2"));
      CHECK(!change.now.contains("swordfish"));
    }
}
