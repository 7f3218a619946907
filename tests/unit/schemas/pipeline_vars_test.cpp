// The five kinds of variables, where their values come from, and that only what is used is found out.
#include <doctest/doctest.h>

#include <compare>
#include <utility>

#include "schemas/go_version.hpp"
#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace trilock {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// The value of variable `x`, or the findings.
std::string value_of(FakeWorld& world, const std::string& vars, const Pairs& overrides = {}) {
  world.files["trilock.toml"] = "[vars]\n" + vars + "\n[command.c]\nscript = \"${var.x}\"\n";
  const Loaded loaded = load(world, overrides);
  return loaded.findings.empty() ? loaded.text("command.c", "script") : loaded.findings;
}

std::string value_of(const std::string& vars) {
  FakeWorld world;
  return value_of(world, vars);
}

}  // namespace

TEST_CASE("kinds of variables") {
  CHECK(value_of("x = \"staging\"") == "staging");
  CHECK(value_of("x = 0x1F") == "0x1F");
  CHECK(value_of("x = true") == "true");
  FakeWorld world;
  world.files["VERSION"] = "\n 1.4.0 \r\n";
  world.files["sub/go.mod"] = "module m\n\ngo 1.21 // language\n\ntoolchain go1.22.5\n";
  world.env["USER"] = "ada";
  world.facts[PipelineWorld::GitFact::branch] = "main";
  CHECK(value_of(world, "x = { file = \"VERSION\" }") == "1.4.0");
  CHECK(value_of(world, "x = { gomod = \"sub/go.mod\" }") == "1.22.5");
  CHECK(value_of(world, "x = { env = \"USER\", default = \"dev\" }") == "ada");
  CHECK(value_of(world, "x = { env = \"NOBODY\", default = \"dev\" }") == "dev");
  CHECK(value_of(world, "x = { env = \"NOBODY\", default = 3 }") == "3");
  CHECK(value_of(world, "x = { git = \"branch\" }") == "main");
}

TEST_CASE("the effective Go version is the newer of both lines") {
  const auto version = [](std::string_view go_mod) {
    const Result<std::string> found = effective_go_version(go_mod);
    return found ? *found : found.error().message;
  };
  CHECK(version("go 1.22\n") == "1.22");
  CHECK(version("go 1.22.3\ntoolchain go1.22.1\n") == "1.22.3");
  CHECK(version("go 1.22\ntoolchain go1.22.0\n") == "1.22.0");
  CHECK(version("go 1.21\ntoolchain go1.21rc2\n") == "1.21rc2");
  CHECK(version("go 1.21.0\ntoolchain go1.21rc2\n") == "1.21.0");
  CHECK(version("go 1.9\ntoolchain go1.10\n") == "1.10");
  CHECK(version("go 1.22\ntoolchain default\n") == "1.22");
  CHECK(version("go 1.21\ntoolchain go1.22.5-vendor\n") == "1.22.5");
  CHECK(version("require (\n\tgo 9.9\n)\r\ngo 1.20\r\n") == "1.20");
  CHECK(version("toolchain go1.23.0\n") == "1.23.0");
  CHECK(version("module m\n") == "it has no go line");
  CHECK(version("go latest\n") == "`latest` in its go line is no Go version");
  CHECK(version("go 1.21\ntoolchain 1.22.5\n") == "`1.22.5` in its toolchain line is no Go toolchain");
}

TEST_CASE("order of Go versions") {
  const std::vector<std::string_view> ascending = {"1.4",    "1.20rc1", "1.20",    "1.20.1", "1.21", "1.21rc1",
                                                   "1.21.0", "1.21.1",  "1.21.10", "1.22",   "2"};
  for (std::size_t i = 1; i < ascending.size(); ++i) {
    CAPTURE(ascending[i]);
    CHECK(std::is_lt(compare_go_versions(ascending[i - 1], ascending[i])));
    CHECK(std::is_gt(compare_go_versions(ascending[i], ascending[i - 1])));
  }
  CHECK(std::is_eq(compare_go_versions("1.20", "1.20.0")));
}

TEST_CASE("a value is given by --var, then the environment, then the file") {
  FakeWorld world;
  CHECK(value_of(world, "x = \"a\"", {{"x", "b"}}) == "b");
  CHECK(value_of(world, "x = \"a\"", {{"x", "b"}, {"x", "c"}}) == "c");
  CHECK(value_of(world, "x = \"a\"", {{"x", "${var.x}"}}) == "$${var.x}");
  world.env["TRILOCK_VAR_X"] = "upper";
  CHECK(value_of(world, "x = { git = \"tag\" }") == "upper");
  world.env["TRILOCK_VAR_x"] = "exact";
  CHECK(value_of(world, "x = \"a\"") == "exact");
  CHECK(value_of(world, "x = \"a\"", {{"x", "flag"}}) == "flag");
  world.env["TRILOCK_VAR_GO_VERSION"] = "1.23";
  CHECK(value_of(world, "x = \"${var.go-version}\"\ngo-version = \"1\"", {}) == "exact");
  world.env.erase("TRILOCK_VAR_x");
  world.env.erase("TRILOCK_VAR_X");
  CHECK(value_of(world, "x = \"${var.go-version}\"\ngo-version = \"1\"", {}) == "1.23");
}

TEST_CASE("an override without a variable") {
  FakeWorld world;
  CHECK(value_of(world, "x = \"a\"\nregion = \"eu\"", {{"regoin", "us"}}) ==
        "error: `--var regoin` names no variable of the pipeline\n   = help: did you mean `region`?\n");
  world.files["trilock.toml"] = "";
  CHECK(load(world, {{"a", "b"}}).findings ==
        "error: `--var a` names no variable of the pipeline\n   = help: there is no [vars]\n");
}

TEST_CASE("nothing is asked for variables that nothing refers to") {
  FakeWorld world;
  world.files["trilock.toml"] = R"([vars]
a = { git = "tag" }
b = { file = "missing" }
c = { env = "UNSET" }
d = "${var.a}"
e = "used"
[command.x]
script = "${var.e} ${var.e}"
)";
  const Loaded loaded = load(world);
  CHECK(loaded.findings == "");
  CHECK(loaded.pipeline.vars == Pairs{{"e", "used"}});
  CHECK(world.asked("git") == 0);
  CHECK(world.asked("read missing") == 0);
  CHECK(world.asked("env UNSET") == 0);
  CHECK(world.asked("env TRILOCK_VAR_e") == 1);
}

TEST_CASE("git is asked once for each fact") {
  FakeWorld world;
  world.facts[PipelineWorld::GitFact::tag] = "v1";
  world.files["trilock.toml"] = "[vars]\nt = { git = \"tag\" }\n[command.x]\nscript = \"${git.tag} ${var.t}\"\n";
  CHECK(load(world).text("command.x", "script") == "v1 v1");
  CHECK(world.asked("git") == 1);
}

TEST_CASE("variables refer to variables") {
  CHECK(value_of("x = \"${var.y}-${var.z}\"\ny = \"a${var.z}\"\nz = 1") == "a1-1");
  FakeWorld world;
  world.files["conf/v1"] = "one";
  CHECK(value_of(world, "x = { file = \"conf/${var.y}\" }\ny = \"v1\"") == "one");
  CHECK(value_of("x = \"${var.y}\"\ny = \"${var.z}\"\nz = \"a${var.x}\"") ==
        R"(error: variables refer to each other in a cycle: `x` -> `y` -> `z` -> `x`
  --> trilock.toml:4:7
   |
 4 | z = "a${var.x}"
   |       ^^^^^^^^
)");
  CHECK(value_of("x = \"${var.x}\"") == R"(error: variables refer to each other in a cycle: `x` -> `x`
  --> trilock.toml:2:6
   |
 2 | x = "${var.x}"
   |      ^^^^^^^^
)");
  std::string chain = "x = \"${var.v0}\"\n";
  for (int i = 0; i < 3000; ++i) {
    chain += "v" + std::to_string(i) + " = \"${var.v" + std::to_string(i + 1) + "}\"\n";
  }
  CHECK(value_of(chain + "v3000 = \"end\"")
            .starts_with("error: more than 100 variables refer to each other in a chain\n"));
}

TEST_CASE("what the environment held is recorded for the key") {
  FakeWorld world;
  world.env["A"] = "1";
  world.env["B"] = "2";
  world.files["trilock.toml"] = R"([vars]
b = "${env.B}"
u = { env = "UNSET", default = "x" }
[command.x]
script = "${env.A} ${var.b} ${env.A} ${var.u}"
[command.y]
script = "${var.b}"
[command.z]
)";
  const Loaded loaded = load(world);
  CHECK(loaded.findings == "");
  CHECK(loaded.target("command.x").env_read == Pairs{{"A", "1"}, {"B", "2"}});
  CHECK(loaded.target("command.y").env_read == Pairs{{"B", "2"}});
  CHECK(loaded.target("command.z").env_read.empty());
}

TEST_CASE("variables of a wrong form, used or not") {
  CHECK(
      load("[vars]\ngo = 1.22\nlist = []\n").findings ==
      R"(error: expected a string, an integer, a boolean or a table such as `{ file = "VERSION" }` for `go` of [vars], found a float
  --> trilock.toml:2:6
   |
 2 | go = 1.22
   |      ^^^^
   = help: a version is written in quotes: `"1.22"`

error: expected a string, an integer, a boolean or a table such as `{ file = "VERSION" }` for `list` of [vars], found an array
  --> trilock.toml:3:8
   |
 3 | list = []
   |        ^^
)");
  CHECK(load("[vars]\na = { fil = \"x\" }\n").findings == R"(error: unknown key `fil` in `a` of [vars]
  --> trilock.toml:2:7
   |
 2 | a = { fil = "x" }
   |       ^^^
   = help: did you mean `file`?
)");
  CHECK(load("[vars]\na = { file = \"x\", git = \"tag\" }\n").findings ==
        R"(error: `a` of [vars] needs exactly one of `gomod`, `file`, `env` and `git`
  --> trilock.toml:2:5
   |
 2 | a = { file = "x", git = "tag" }
   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: it has `file` and `git`
)");
  CHECK(load("[vars]\na = { file = \"x\", default = \"y\" }\n").findings ==
        R"(error: `default` goes with `env` only, in `a` of [vars]
  --> trilock.toml:2:19
   |
 2 | a = { file = "x", default = "y" }
   |                   ^^^^^^^
)");
  CHECK(load("[vars]\na = { git = \"sha\" }\nb = { env = 1 }\n").findings == R"(error: unknown git value `sha`
  --> trilock.toml:2:13
   |
 2 | a = { git = "sha" }
   |             ^^^^^
   = help: there are `describe`, `commit`, `branch` and `tag`

error: expected a string for `env` in `b` of [vars], found an integer
  --> trilock.toml:3:13
   |
 3 | b = { env = 1 }
   |             ^
)");
}

TEST_CASE("variables without a value") {
  CHECK(value_of("x = { file = \"missing\" }") == R"(error: cannot read `missing`: no such file
  --> trilock.toml:2:14
   |
 2 | x = { file = "missing" }
   |              ^^^^^^^^^
)");
  CHECK(value_of("x = { env = \"UNSET\" }") == R"(error: environment variable `UNSET` is not set
  --> trilock.toml:2:13
   |
 2 | x = { env = "UNSET" }
   |             ^^^^^^^
   = help: a `default` beside `env` is used when it is not set
)");
  FakeWorld world;
  world.files["go.mod"] = "module m\n";
  CHECK(value_of(world, "x = { gomod = \"go.mod\" }") == R"(error: no Go version in `go.mod`: it has no go line
  --> trilock.toml:2:15
   |
 2 | x = { gomod = "go.mod" }
   |               ^^^^^^^^
   = help: `go mod edit -go=1.22` adds one
)");
  CHECK(value_of("x = { git = \"tag\" }") == R"(error: this is no git repository
  --> trilock.toml:2:13
   |
 2 | x = { git = "tag" }
   |             ^^^^^
)");
}

TEST_CASE("a variable without a value is reported once, not where it is used") {
  CHECK(load("[vars]\nx = { env = \"U\" }\n[command.a]\nscript = \"${var.x}\"\n[command.b]\nscript = \"${var.x}\"\n")
            .diagnostics.error_count() == 1);
}

}  // namespace trilock
