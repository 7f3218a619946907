// Matrices and defaults: from one table to many.
#include <doctest/doctest.h>

#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace trilock {

TEST_CASE("the last axis is the fastest, and values keep their spelling") {
  const Loaded loaded = load(R"([command.a]
matrix = { go = [1.20, "1.21"], n = [0x10, 1_000], race = [true] }
script = "${matrix.go} ${matrix.n} ${matrix.race}"
)");
  CHECK(loaded.findings == "");
  CHECK(loaded.labels() == Strings{"command.a[go=1.20,n=0x10,race=true]", "command.a[go=1.20,n=1_000,race=true]",
                                   "command.a[go=1.21,n=0x10,race=true]", "command.a[go=1.21,n=1_000,race=true]"});
  CHECK(loaded.text("command.a[go=1.20,n=1_000,race=true]", "script") == "1.20 1_000 true");
}

TEST_CASE("values of an axis may come from variables") {
  const Loaded loaded = load("[vars]\nv = \"x\"\n[command.a]\nmatrix = { m = [\"${var.v}1\", \"y\"] }\n");
  CHECK(loaded.findings == "");
  CHECK(loaded.labels() == Strings{"command.a[m=x1]", "command.a[m=y]"});
}

TEST_CASE("coordinates reach every string of a table, however deep") {
  const Loaded loaded = load(R"([terraform.a]
matrix = { m = ["1", "2"] }
vars = { list = ["a", { deep = "<${matrix.m}>" }], same = "s" }
)");
  CHECK(loaded.findings == "");
  const Config* list = loaded.target("terraform.a[m=2]").table.find("vars")->table()->find("list");
  CHECK((*list->array())[1].table()->find("deep")->text()->literal == "<2>");
}

TEST_CASE("matrices of a wrong form") {
  CHECK(load("[command.a]\nmatrix = [\"x\"]\n").findings == R"(error: `matrix`: expected a table, found an array
  --> trilock.toml:2:10
   |
 2 | matrix = ["x"]
   |          ^^^^^
)");
  CHECK(load("[command.a]\n[command.a.matrix]\na = \"x\"\nb = []\nc = [\"x\", \"y\", \"x\"]\nd = [[]]\ne = [\"a,b\"]\n")
            .findings == R"(error: expected an array of strings for axis `a` of [command.a], found a string
  --> trilock.toml:3:5
   |
 3 | a = "x"
   |     ^^^

error: axis `b` of [command.a] has no values
  --> trilock.toml:4:5
   |
 4 | b = []
   |     ^^

error: axis `c` of [command.a] has `x` twice
  --> trilock.toml:5:16
   |
 5 | c = ["x", "y", "x"]
   |                ^^^

error: expected a string in axis `d` of [command.a], found an array
  --> trilock.toml:6:6
   |
 6 | d = [[]]
   |      ^^

error: `a,b` cannot be a value of axis `e` of [command.a]
  --> trilock.toml:7:6
   |
 7 | e = ["a,b"]
   |      ^^^^^
   = help: a value is not empty and has no `,`, brackets, braces, control characters or outer spaces
)");
}

TEST_CASE("a faulty matrix is reported once, and nothing that follows from it") {
  CHECK(load("[command.a]\nmatrix = { m = [] }\nscript = \"${matrix.m}\"\n[command.b]\nscript = \"${command.a.key}\"\n"
             "needs = [\"command.a\"]\n")
            .diagnostics.error_count() == 1);
}

TEST_CASE("a matrix has an upper bound") {
  std::string text = "[command.a]\n[command.a.matrix]\n";
  for (char axis = 'a'; axis < 'k'; ++axis) {
    text += axis;
    text += " = [1,2,3,4,5,6,7,8,9,10]\n";
  }
  CHECK(load(text).findings == R"(error: the matrix of [command.a] has more than 1000000 nodes
  --> trilock.toml:2:1
   |
 2 | [command.a.matrix]
   | ^^^^^^^^^^^^^^^^^^
)");
}

TEST_CASE("the same finding for many coordinates is reported once") {
  const Loaded loaded = load(R"([command.a]
matrix = { m = [1, 2, 3] }
script = "${matrix.n} ${image.a.digset}"
timeout = "${matrix.m}"
[image.a]
dockerfile = "x"
)");
  CHECK(loaded.findings == R"(error: unknown matrix axis `n`
  --> trilock.toml:3:11
   |
 3 | script = "${matrix.n} ${image.a.digset}"
   |           ^^^^^^^^^^^
   = help: the matrix of [command.a] has `m`

error: `image.a` has no value `digset`
  --> trilock.toml:3:23
   |
 3 | script = "${matrix.n} ${image.a.digset}"
   |                       ^^^^^^^^^^^^^^^^^
   = help: did you mean `digest`? there are `key`, `out`, `out.NAME`, `ref`, `digest` and `manifest-digest`

error: `timeout`: expected a duration, found `1`
  --> trilock.toml:4:11
   |
 4 | timeout = "${matrix.m}"
   |           ^^^^^^^^^^^^^
   = help: a duration is written as `90s`, `10m`, `1h30m` or `250ms`
)");
}

TEST_CASE("a node's own keys win over those of its rule, and those over the common ones") {
  const Loaded loaded = load(R"([defaults]
timeout = "1m"
retries = 1
env = { A = "common", B = "common", C = "common" }
inputs = ["a"]
[defaults.image]
timeout = "2m"
dockerfile = "Dockerfile"
env = { B = "rule", C = "rule" }
args = { X = "rule", Y = "rule" }
[image.a]
timeout = "3m"
env = { C = "own" }
args = { Y = "own" }
inputs = ["b"]
[image.b]
[command.c]
)");
  CHECK(loaded.findings == "");
  CHECK(loaded.text("image.a", "timeout") == "3m");
  CHECK(loaded.text("image.a", "env.A") == "common");
  CHECK(loaded.text("image.a", "env.B") == "rule");
  CHECK(loaded.text("image.a", "env.C") == "own");
  CHECK(loaded.text("image.a", "args.X") == "rule");
  CHECK(loaded.text("image.a", "args.Y") == "own");
  CHECK(loaded.strings("image.a", "inputs") == Strings{"b"});
  CHECK(loaded.text("image.b", "timeout") == "2m");
  CHECK(loaded.strings("image.b", "inputs") == Strings{"a"});
  CHECK(loaded.text("command.c", "timeout") == "1m");
  CHECK(loaded.text("command.c", "env.B") == "common");
  CHECK(loaded.target("command.c").table.find("args") == nullptr);
}

TEST_CASE("references in defaults are those of each node") {
  const Loaded loaded = load(R"([defaults]
dir = "out/${matrix.m}"
[command.a]
matrix = { m = ["x", "y"] }
)");
  CHECK(loaded.findings == "");
  CHECK(loaded.text("command.a[m=y]", "dir") == "out/y");
}

TEST_CASE("unknown keys in defaults, and one finding for all nodes that a default reaches") {
  CHECK(load("[defaults]\ntimeuot = \"1m\"\n[defaults.image]\nretires = 1\n[defaults.imag]\n").findings ==
        R"(error: unknown key `timeuot` in [defaults]
  --> trilock.toml:2:1
   |
 2 | timeuot = "1m"
   | ^^^^^^^
   = help: did you mean `timeout`?

error: unknown key `retires` in [defaults.image]
  --> trilock.toml:4:1
   |
 4 | retires = 1
   | ^^^^^^^
   = help: did you mean `retries`?

error: unknown key `imag` in [defaults]
  --> trilock.toml:5:11
   |
 5 | [defaults.imag]
   |           ^^^^
   = help: did you mean `image`?
)");
  const Loaded loaded =
      load("[defaults]\ndir = \"${var.x}\"\nretries = \"3\"\n[command.a]\n[command.b]\n[command.c]\n");
  CHECK(loaded.findings == R"(error: unknown variable `x`
  --> trilock.toml:2:8
   |
 2 | dir = "${var.x}"
   |        ^^^^^^^^

error: `retries`: expected an integer, found a string
  --> trilock.toml:3:11
   |
 3 | retries = "3"
   |           ^^^
)");
}

}  // namespace trilock
