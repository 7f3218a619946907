#include "cache/recorded_result.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "cache/result_codec.hpp"

using namespace trilock;

namespace {

const std::vector<OutputSpec> declared = {{"", "out", {}}, {"", "bin/app", {}}};

OutputEntry file(std::string path) {
  return {.path = std::move(path), .type = EntryType::file, .mode = 0644, .size = 1};
}
OutputEntry directory(std::string path) {
  return {.path = std::move(path), .type = EntryType::directory, .mode = 0755};
}
OutputEntry symlink_to(std::string path, std::string target) {
  return {.path = std::move(path), .type = EntryType::symlink, .symlink_target = std::move(target)};
}

// "" when it is taken up.
std::string fault(std::vector<OutputEntry> entries, std::span<const OutputSpec> outputs = declared) {
  ActionResult result;
  result.outputs = std::move(entries);
  const auto read = read_recorded(encode(result), outputs);
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("recorded result: what a run of the node leaves is taken up") {
  CHECK(fault({file("bin/app"), directory("out"), file("out/a"), symlink_to("out/b", "a")}) == "");
  CHECK(fault({file("bin/app"), file("out")}) == "");
  CHECK(fault({}, {}) == "");
}

TEST_CASE("recorded result: what no run of the node can leave is no result") {
  const std::string cannot = "the recorded result cannot be used: ";
  CHECK(fault({file("../victim"), file("bin/app"), file("out")}) == cannot + "`../victim` is no clean path");
  CHECK(fault({file("/etc/passwd"), file("bin/app"), file("out")}) == cannot + "`/etc/passwd` is no clean path");
  CHECK(fault({file("bin/app"), directory("out"), file("out/../src")}) == cannot + "`out/../src` is no clean path");
  CHECK(fault({file("bin/app"), file("bin/other"), file("out")}) == cannot + "`bin/other` is in no declared output");
  CHECK(fault({file("bin/app"), file("out"), file("src.txt")}) == cannot + "`src.txt` is in no declared output");
  CHECK(fault({file("bin/app"), symlink_to("out", "../victim")}) ==
        cannot + "the symlink `out` points to `../victim`, which is outside the workspace");
  CHECK(fault({file("bin/app"), directory("out"), symlink_to("out/a", "../src")}) ==
        cannot + "the symlink `out/a` points to `../src`, which is outside `out`");
  CHECK(fault({file("bin/app"), symlink_to("out", "bin"), file("out/x")}) ==
        cannot + "`out/x` is in no recorded directory");
  OutputEntry set_user = file("bin/app");
  set_user.mode = 04755;
  CHECK(fault({set_user, file("out")}) == cannot + "`bin/app` has a mode beyond 0777");
  CHECK(fault({file("out"), file("bin/app")}) == cannot + "`bin/app` is out of order");
  CHECK(fault({file("bin/app")}) == cannot + "`out` is declared and not recorded");
  CHECK(fault({}) == cannot + "`out` is declared and not recorded");
}
