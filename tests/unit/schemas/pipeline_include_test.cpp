// Pipelines of several files.
#include <doctest/doctest.h>

#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace trilock {

TEST_CASE("patterns are relative to the file that includes, and files come depth first") {
  FakeWorld world;
  world.files["trilock.toml"] = "include = [\"infra/*.toml\", \"last.toml\"]\n[command.root]\n";
  world.globs["infra/*.toml"] = {"infra/b.toml", "infra/a.toml"};
  world.files["infra/a.toml"] = "include = [\"../common/./x.toml\"]\n[command.a]\n";
  world.files["infra/b.toml"] = "[command.b]\nscript = \"${var.v}\"\npool = \"p\"\n";
  world.files["common/x.toml"] = "[command.x]\n[vars]\nv = \"from x\"\n[pools]\np = 3\n[defaults]\ntimeout = \"1m\"\n";
  world.files["last.toml"] = "[command.last]\n";
  const Loaded loaded = load(world);
  CHECK(loaded.findings == "");
  CHECK(loaded.labels() == Strings{"command.root", "command.a", "command.x", "command.b", "command.last"});
  CHECK(loaded.text("command.b", "script") == "from x");
  CHECK(loaded.text("command.last", "timeout") == "1m");
}

TEST_CASE("a file is read once: a cycle, and two ways to it") {
  FakeWorld world;
  world.files["trilock.toml"] = "include = [\"a.toml\", \"./a.toml\", \"b.toml\"]\n";
  world.files["a.toml"] = "include = [\"b.toml\", \"trilock.toml\"]\n[command.a]\n";
  world.files["b.toml"] = "include = [\"a.toml\"]\n[command.b]\n";
  const Loaded loaded = load(world);
  CHECK(loaded.findings == "");
  CHECK(loaded.labels() == Strings{"command.a", "command.b"});
  CHECK(world.asked("read a.toml") == 1);
  CHECK(world.asked("read trilock.toml") == 1);
}

TEST_CASE("patterns that match nothing") {
  FakeWorld world;
  world.files["trilock.toml"] = "include = [\"infra/*.toml\"]\n[command.a]\n";
  const Loaded glob = load(world);
  CHECK(glob.findings == R"(warning: no file matches `infra/*.toml`
  --> trilock.toml:1:12
   |
 1 | include = ["infra/*.toml"]
   |            ^^^^^^^^^^^^^^
)");
  CHECK_FALSE(glob.diagnostics.has_errors());
  CHECK(glob.labels() == Strings{"command.a"});

  CHECK(load("include = [\"x.toml\"]\n").findings == R"(error: included file `x.toml` does not exist
  --> trilock.toml:1:12
   |
 1 | include = ["x.toml"]
   |            ^^^^^^^^
   = help: a pattern is relative to the folder of the file that includes
)");
}

TEST_CASE("includes of a wrong form") {
  CHECK(load("include = [\"../x.toml\", 3]\n").findings == R"(error: `../x.toml` is outside of the workspace
  --> trilock.toml:1:12
   |
 1 | include = ["../x.toml", 3]
   |            ^^^^^^^^^^^
   = help: a pattern is relative to the folder of the file that includes

error: expected a string in `include`, found an integer
  --> trilock.toml:1:25
   |
 1 | include = ["../x.toml", 3]
   |                         ^
)");
  CHECK(load("include = \"x.toml\"\n").findings == R"(error: expected an array of strings for `include`, found a string
  --> trilock.toml:1:11
   |
 1 | include = "x.toml"
   |           ^^^^^^^^
)");
}

TEST_CASE("[pipeline] and [cache] stand in the root file only") {
  FakeWorld world;
  world.files["trilock.toml"] = "include = [\"a.toml\"]\n";
  world.files["a.toml"] = "[pipeline]\nversion = 1\n[cache]\n";
  CHECK(load(world).findings == R"(error: [pipeline] in an included file
  --> a.toml:1:2
   |
 1 | [pipeline]
   |  ^^^^^^^^
   = help: [pipeline] belongs in `trilock.toml`

error: [cache] in an included file
  --> a.toml:3:2
   |
 3 | [cache]
   |  ^^^^^
   = help: [cache] belongs in `trilock.toml`
)");
}

TEST_CASE("what is defined in two files") {
  FakeWorld world;
  world.files["trilock.toml"] =
      "include = [\"a.toml\"]\n[command.x]\n[vars]\nv = 1\n[pools]\np = 1\n[defaults]\nretries = 1\nenv = { A = 1 }\n";
  world.files["a.toml"] = "[command.x]\n[vars]\nv = 2\n[pools]\np = 2\n[defaults]\nretries = 2\nenv = { B = 1 }\n";
  CHECK(load(world).findings == R"(error: node `command.x` is defined twice
  --> a.toml:1:1
   |
 1 | [command.x]
   | ^^^^^^^^^^^
note: first defined here
  --> trilock.toml:2:1
   |
 2 | [command.x]
   | ^^^^^^^^^^^

error: variable `v` is defined twice
  --> a.toml:3:1
   |
 3 | v = 2
   | ^
note: first defined here
  --> trilock.toml:4:1
   |
 4 | v = 1
   | ^

error: pool `p` is defined twice
  --> a.toml:5:1
   |
 5 | p = 2
   | ^
note: first defined here
  --> trilock.toml:6:1
   |
 6 | p = 1
   | ^

error: default `retries` is defined twice
  --> a.toml:7:1
   |
 7 | retries = 2
   | ^^^^^^^
note: first defined here
  --> trilock.toml:8:1
   |
 8 | retries = 1
   | ^^^^^^^
)");
}

}  // namespace trilock
