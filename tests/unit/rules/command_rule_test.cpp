#include <doctest/doctest.h>

#include "tests/support/fake_resolve.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/scene.hpp"

namespace trilock::test {
namespace {

struct Case {
  MemoryDisk disk;
  std::unique_ptr<SourceTree> tree;
  std::unique_ptr<FakeResolve> context;
  std::string findings;

  Case() {
    disk.put_directory("/ws");
    tree = std::make_unique<SourceTree>(disk, "/ws");
    context = std::make_unique<FakeResolve>(*tree);
    context->tools["sh"] = {"/bin/sh"};
    context->tools["lint"] = {"/usr/bin/lint", "/bin/lint"};
  }
  Result<Action> resolve(std::string_view lines) {
    TargetText text("command", "x", lines);
    refer_all(text.target.table);
    const Node node = text.plan(*tree);
    findings = text.findings();
    return registry()[node.rule]->resolve(node, text.target, *context);
  }
};

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("run starts its program directly; the program's content is part of the key") {
  Case test;
  const Result<Action> action =
      test.resolve("run = [\"lint\", \"a b\", \"\"]\ndir = \"sub\"\noutputs = [\"out\"]\ncache = \"local\"\n");
  REQUIRE(action);
  CHECK(test.findings.empty());
  REQUIRE(action->processes.size() == 1);
  CHECK(action->processes[0].argv == Words{"lint", "a b", ""});
  CHECK(action->processes[0].dir == "sub");
  CHECK(action->processes[0].name == "lint");
  REQUIRE(action->tools.size() == 1);
  CHECK(action->tools[0].path == "/usr/bin/lint");
  CHECK(action->tools[0].identity == "digest of /usr/bin/lint");
  CHECK(action->inputs.empty());
  CHECK(action->outputs.at(0).path == "sub/out");
  CHECK(action->cache == CachePolicy::local);
  CHECK(action->rule == "command");
}

TEST_CASE("script is for sh -eu, with values filled in") {
  Case test;
  test.context->values["go.build"]["out"] = "bin/app";
  const Result<Action> action = test.resolve("script = \"cp ${go.build.out} $HOME\"\ndir = \"sub\"\n");
  REQUIRE(action);
  CHECK(action->processes.at(0).argv == Words{"sh", "-euc", "cp ../bin/app $HOME"});
  CHECK(action->tools.at(0).name == "sh");
}

TEST_CASE("a program of the workspace is an input, seen from dir") {
  Case test;
  test.disk.put("/ws/tools/gen.sh", "#!/bin/sh\n", 0755);
  test.disk.put_symlink("/ws/tools/link", "gen.sh");
  Result<Action> action = test.resolve("run = [\"../tools/gen.sh\"]\ndir = \"sub\"\n");
  REQUIRE(action);
  CHECK(action->inputs == Words{"tools/gen.sh"});
  CHECK(action->tools.empty());
  action = test.resolve("run = [\"tools/link\"]\n");
  REQUIRE(action);
  CHECK(action->inputs == Words{"tools/link", "tools/gen.sh"});
}

TEST_CASE("an output of another node is started as a file, also when it lies in the same directory") {
  Case test;
  test.disk.put("/ws/app", "program", 0755);
  test.context->values["go.build"]["out"] = "app";
  const Result<Action> action = test.resolve("run = [\"${go.build.out}\", \"${go.build.out}\"]\n");
  REQUIRE(action);
  CHECK(action->processes.at(0).argv == Words{"./app", "app"});
  CHECK(action->inputs == Words{"app"});
}

TEST_CASE("a program with an absolute path counts by its content") {
  Case test;
  test.disk.put("/opt/tool", "one", 0755);
  const Result<Action> action = test.resolve("run = [\"/opt/tool\"]\n");
  REQUIRE(action);
  CHECK(action->inputs.empty());
  CHECK(action->tools.at(0).identity == test.tree->strong_digest("/opt/tool")->strong.hex());
  CHECK(test.resolve("run = [\"/opt/absent\"]\n").error().kind == ErrorKind::tool_missing);
}

TEST_CASE("a missing program is named") {
  Case test;
  Result<Action> action = test.resolve("run = [\"golangci-lint\", \"run\"]\n");
  REQUIRE_FALSE(action);
  CHECK(action.error().kind == ErrorKind::tool_missing);
  CHECK(action.error().message == "`golangci-lint` is not in PATH");
  action = test.resolve("run = [\"./gen.sh\"]\ndir = \"sub\"\n");
  REQUIRE_FALSE(action);
  CHECK(action.error().kind == ErrorKind::tool_missing);
  CHECK(action.error().message == "`sub/gen.sh` does not exist");
  action = test.resolve("run = [\"../../up\"]\n");
  REQUIRE_FALSE(action);
  CHECK(action.error().message == "`../../up` leaves the workspace");
}

TEST_CASE("a command runs one thing") {
  Case test;
  (void)test.resolve("description = \"nothing\"\n");
  CHECK(test.findings == R"(error: [command.x] has nothing to run
  --> trilock.toml:1:1
   |
 1 | [command.x]
   | ^^^^^^^^^^^
   = help: add `run = ["program", "argument"]`, or `script = "…"` for a shell
)");
  (void)test.resolve("run = [\"lint\"]\nscript = \"lint\"\n");
  CHECK(test.findings == R"(error: [command.x] has both `run` and `script`
  --> trilock.toml:3:10
   |
 3 | script = "lint"
   |          ^^^^^^
   = help: keep one of them
note: `run` is here
  --> trilock.toml:2:7
   |
 2 | run = ["lint"]
   |       ^^^^^^^^
)");
  (void)test.resolve("run = []\n");
  CHECK(test.findings == R"(error: `run` is empty
  --> trilock.toml:2:7
   |
 2 | run = []
   |       ^^
   = help: its first element is the program
)");
  (void)test.resolve("run = [\"\"]\n");
  CHECK(test.findings.starts_with("error: the program of `run` is an empty string\n"));
  (void)test.resolve("run = [\"lint --fix\"]\n");
  CHECK(test.findings.starts_with("warning: `lint --fix` is looked up as one program name, with its blanks\n"));
}

}  // namespace trilock::test
