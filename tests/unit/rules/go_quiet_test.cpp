#include "rules/go/go_quiet.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "cache/source_tree.hpp"
#include "tests/support/memory_disk.hpp"

namespace trilock {
namespace {

GoEnvironment environment_of(std::vector<EnvVar> variables) {
  return {.action = {}, .question = std::move(variables)};
}

std::string value_in(const Question::Quiet& quiet, std::string_view name) {
  const auto found = std::ranges::find(quiet.set, name, &EnvVar::name);
  return found == quiet.set.end() ? "none" : found->value;
}

}  // namespace

TEST_CASE("go, quietly: GOFLAGS without programs and without changes of files") {
  CHECK(harmless_go_flags("", false) == "-mod=readonly");
  CHECK(harmless_go_flags("", true) == "-modcacherw");  // the vendor directory is taken by itself
  CHECK(harmless_go_flags("-tags=a,b -mod=vendor", false) == "-tags=a,b -mod=vendor");
  CHECK(harmless_go_flags("-mod=mod", false) == "-mod=readonly");
  CHECK(harmless_go_flags(" -toolexec=./evil\t--toolexec=x -race -exec=y -vettool=z ", false) == "-race -mod=readonly");
  CHECK(harmless_go_flags("'-toolexec=./evil with words' '-ldflags=-s -w'", false) == "'-ldflags=-s -w' -mod=readonly");
  CHECK(harmless_go_flags("\"--toolexec=a b\" \"-mod=mod\"", true) == "-modcacherw");
  CHECK(harmless_go_flags("'-toolexec=not closed", false) == "-mod=readonly");
}

TEST_CASE("go, quietly: what the pipeline declares says what is built, and by no program of its choice") {
  test::MemoryDisk disk;
  const SourceTree tree(disk, "/w");
  const Question::Quiet quiet = quiet_go_env(environment_of({{"GOOS", "plan9", EnvClass::declared},
                                                             {"CGO_CFLAGS", "-O2", EnvClass::declared},
                                                             {"GOCACHEPROG", "./evil", EnvClass::declared},
                                                             {"GOCACHE", "/somewhere", EnvClass::declared},
                                                             {"LD_PRELOAD", "./evil.so", EnvClass::declared},
                                                             {"CC", "clang", EnvClass::passed},
                                                             {"GOROOT", "/usr/lib/go", EnvClass::ambient},
                                                             {"GOTOOLCHAIN", "local", EnvClass::declared}}),
                                             "/home/u/.config/go/env", tree);
  CHECK(quiet.refused.empty());
  CHECK(value_in(quiet, "GOOS") == "plan9");
  CHECK(value_in(quiet, "CGO_CFLAGS") == "-O2");
  CHECK(value_in(quiet, "GOENV") == "/home/u/.config/go/env");
  CHECK(value_in(quiet, "GOTOOLCHAIN") == "local");
  CHECK(value_in(quiet, "GOPROXY") == "off");
  CHECK(value_in(quiet, "GONOPROXY") == "none");
  CHECK(value_in(quiet, "GOVCS") == "*:off");
  CHECK(value_in(quiet, "GOCACHE").starts_with(scratch_marker));
  for (const char* const name : {"GOCACHEPROG", "LD_PRELOAD", "CC"}) CHECK(value_in(quiet, name) == "none");

  for (const EnvVar& variable : {EnvVar{"CC", "./evil", EnvClass::declared},
                                 {"GOTOOLCHAIN", "path", EnvClass::declared},
                                 {"GOENV", "./env", EnvClass::declared},
                                 {"GOROOT", "/usr/lib/go", EnvClass::declared},
                                 {"HOME", "/w", EnvClass::declared},
                                 {"PKG_CONFIG", "x", EnvClass::declared},
                                 {"GOROOT", "/w/go", EnvClass::ambient}}) {
    CAPTURE(variable.name);
    CHECK_FALSE(quiet_go_env(environment_of({variable}), "", tree).refused.empty());
  }
  CHECK_FALSE(quiet_go_env({}, "/w/home/.config/go/env", tree).refused.empty());
  CHECK(value_in(quiet_go_env({}, "", tree), "GOENV") == "off");

  GoSettings settings;
  settings.values = {{"GOFLAGS", "-toolexec=x -tags=a"}};
  const std::vector<std::string> flags = {"-mod=mod"};
  CHECK(value_in(quiet_go_list(quiet, settings, {}, false), "GOFLAGS") == "-tags=a -mod=readonly");
  CHECK(quiet_go_list(quiet, settings, {}, false).refused.empty());
  CHECK(quiet_go_list(quiet, settings, flags, false).refused == "its `flags` let go change go.mod");
}

TEST_CASE("go, quietly: failures that a run may not have") {
  CHECK(is_failure_of_quiet("m@v1: module lookup disabled by GOPROXY=off"));
  CHECK(is_failure_of_quiet("go.mod requires go >= 1.99 (running go 1.22; GOTOOLCHAIN=local)"));
  CHECK(is_failure_of_quiet("go: updates to go.mod needed; to update it:\n\tgo mod tidy"));
  CHECK_FALSE(is_failure_of_quiet("main.go:1:1: expected 'package', found x"));
}

}  // namespace trilock
