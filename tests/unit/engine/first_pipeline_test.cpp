// Drafts in memory: what does not load is taken out, with all that refers to it, and the rest stays.
#include "engine/first_pipeline.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/draft_text.hpp"
#include "tests/support/memory_build.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;

namespace {

std::string words(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, " "));
}

FirstPipeline draft_of(MemoryBuild& build) {
  const auto workspace = build.open();
  return draft_pipeline(*workspace);
}

}  // namespace

TEST_CASE("an image that another node refers to goes, and that node with it") {
  MemoryBuild build;
  build.disk.put("/w/Dockerfile", "FROM scratch\nCOPY x /\n");
  build.disk.put("/w/x", "x");
  build.disk.put("/w/.dockerignore", "[");  // read by the load alone
  build.disk.put("/w/.devcontainer/devcontainer.json",
                 R"({"build": {"dockerfile": "../Dockerfile", "context": ".."}})");
  build.disk.put("/w/go.mod", "module example.com/a\n");
  build.disk.put("/w/a.go", "package a\n");
  const FirstPipeline first = draft_of(build);
  CHECK(words(first.nodes) == "go.vet");
  CHECK(first.text.contains("# left out: "));
  CHECK(first.text.contains("\n# [image."));
  CHECK(first.text.contains("\n# [devcontainer.dev]\n"));
  build.disk.put("/w/trilock.toml", first.text);
  build.run();
  CHECK(build.findings == "");
}

TEST_CASE("a variable that cannot be had goes with what it is used by") {
  Draft draft;
  draft.project = "p";
  draft.declare("go", "{ gomod = \"go.mod\" }");
  draft.add("command", "a").set("run", R"(["true", "${var.go}"])", "a comment");
  draft.add("command", "b").suggest("run", R"(["true"])");
  draft.nodes[1].switched_on = false;
  Refusals refused{{"", ""}, {false}};
  const DraftText whole = write_draft(draft, refused);
  CHECK(whole.text.contains("\n[vars]\ngo = { gomod = \"go.mod\" }\n"));
  CHECK(whole.text.contains("\n[command.a]\nrun = [\"true\", \"${var.go}\"] # a comment\n"));
  CHECK(whole.text.contains("\n#[command.b]\n#run = [\"true\"]\n"));
  const std::size_t before = whole.text.find("[command.a]");
  const auto line = static_cast<std::size_t>(std::count(whole.text.begin(), whole.text.begin() + before, '\n'));
  CHECK(whole.lines[line].node == 0);
  CHECK(whole.lines.size() == static_cast<std::size_t>(std::count(whole.text.begin(), whole.text.end(), '\n')));

  refused = {{"no\nreason", ""}, {true}};
  const DraftText less = write_draft(draft, refused);
  CHECK_FALSE(less.text.contains("[vars]"));
  CHECK(less.text.contains("\n# left out: no\\x0areason\n# [command.a]\n# run = "));
}
