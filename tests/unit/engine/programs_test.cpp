// `programs`: what counts by them, and what `check` says of programs that nobody declared.
#include "engine/programs.hpp"

#include <doctest/doctest.h>

#include "engine/undeclared_programs.hpp"
#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

namespace {

// Programs are found on the real file system, and read from the one in memory.
void put_program(MemoryBuild& build, const std::string& name, const std::string& content) {
  for (const char* folder : {"/usr/bin/", "/bin/"}) build.disk.put(folder + name, content, 0755);
}

void pipeline(MemoryBuild& build, const std::string& keys) {
  build.disk.put("/w/trilock.toml", "[command.a]\nrun = [\"true\", \"out/a\"]\noutputs = [\"out/a\"]\n" + keys);
}

std::string reason(const MemoryBuild& build) {
  return build.reports.at("command.a").reason;
}

std::string findings(MemoryBuild& build) {
  const std::unique_ptr<Workspace> workspace = build.open();
  SourceMap sources;
  Diagnostics diagnostics;
  const PlannedPipeline planned = plan_pipeline(*workspace, {}, sources, diagnostics);
  find_undeclared_programs(*workspace, planned, diagnostics);
  std::string text;
  for (const Diagnostic& found : diagnostics.all())
    text += std::string(to_string(found.severity)) + ": " + found.message + " (" + found.help + ")\n";
  return text;
}

}  // namespace

TEST_CASE("a declared program counts by its content, and a script with its interpreter") {
  MemoryBuild build;
  put_program(build, "env", "#!/bin/cat\n");
  put_program(build, "cat", "one");
  pipeline(build, "programs = [\"env\"]\n");
  REQUIRE(build.run() == 0);
  REQUIRE(build.run() == 0);
  CHECK(build.ran.empty());
  put_program(build, "cat", "two");
  REQUIRE(build.run() == 0);
  CHECK(reason(build) == "program cat of env: content changed");
  put_program(build, "env", "three");
  REQUIRE(build.run() == 0);
  CHECK(reason(build).starts_with("program env: content changed"));
  pipeline(build, "");
  REQUIRE(build.run() == 0);
  CHECK(reason(build) == "program env: removed");
}

TEST_CASE("declared twice, or as what the node runs anyway, it counts once") {
  MemoryBuild build;
  put_program(build, "env", "one");
  pipeline(build, "programs = [\"env\", \"env\"]\n");
  REQUIRE(build.run() == 0);
  pipeline(build, "programs = [\"env\"]\n");
  REQUIRE(build.run() == 0);
  CHECK(build.ran.empty());
}

TEST_CASE("a program of the workspace is an input, seen from `dir`; one that a node makes needs an edge") {
  MemoryBuild build;
  build.disk.put("/w/sub/tools/gen", "one", 0755);
  pipeline(build, "dir = \"sub\"\nprograms = [\"tools/gen\"]\n");
  REQUIRE(build.run() == 0);
  build.disk.put("/w/sub/tools/gen", "two", 0755);
  REQUIRE(build.run() == 0);
  CHECK(reason(build) == "input sub/tools/gen: content changed");

  const std::string maker = "[command.gen]\nrun = [\"true\", \"out/gen\"]\noutputs = [\"out/gen\"]\n";
  pipeline(build, "programs = [\"out/gen\"]\n" + maker);
  CHECK(build.run() == 2);
  CHECK(build.findings.starts_with("error: `out/gen` selects `out/gen`, an output of command.gen"));
  pipeline(build, "programs = [\"${command.gen.out}\"]\n" + maker);
  REQUIRE(build.run() == 0);
  CHECK(build.ran == std::vector<std::string>{"command.gen", "command.a"});
}

TEST_CASE("a program that is missing is an error of the surroundings; an empty name and an own output are the user's") {
  MemoryBuild build;
  pipeline(build, "programs = [\"no-such-program\"]\n");
  CHECK(build.run() == 5);
  CHECK(reason(build) == "`no-such-program` is not in PATH");
  CHECK(build.reports.at("command.a").help == "the node names it in `programs`");
  CHECK(findings(build) ==
        "warning: `no-such-program` is not in PATH (command.a names it in `programs`, and cannot run without it)\n");
  pipeline(build, "programs = [\"./no/such\"]\n");
  CHECK(build.run() == 5);
  pipeline(build, "programs = [\"\"]\n");
  CHECK(build.run() == 2);
  CHECK(build.findings.starts_with("error: the name of a program is empty"));
  pipeline(build, "programs = [\"out/a\"]\n");
  CHECK(build.run() == 2);
  CHECK(build.findings.starts_with("error: the program `out/a` is an output of the node itself"));
  pipeline(build, "programs = [\"../x\"]\n");
  CHECK(build.run() == 2);
}

TEST_CASE("check names what a script starts and what does not count; standard programs go without saying") {
  MemoryBuild build;
  const auto script = [&](const std::string& text, const std::string& keys = "") {
    build.disk.put("/w/trilock.toml", "[command.a]\nscript = '''" + text + "'''\n" + keys);
    return findings(build);
  };
  CHECK(script("cat x | sort >y") == "");
  CHECK(script("perl -e 1; cat x") ==
        "note: `script` starts `perl`, which does not count (declare `programs = [\"perl\"]`, or `programs = []` when "
        "they decide nothing)\n");
  CHECK(script("perl -e 1", "programs = [\"perl\"]\n") == "");
  CHECK(script("perl -e 1", "programs = []\n") == "");
  CHECK(script("no-such-program x") == "");
  build.disk.put("/w/trilock.toml", "[command.a]\nrun = [\"sh\", \"-c\", \"perl x\"]\n");
  CHECK(findings(build).starts_with("note: `sh` starts `perl`, which does not count"));
  build.disk.put("/w/trilock.toml", "[command.a]\nrun = [\"perl\", \"x\"]\n");
  CHECK(findings(build) == "");
}
