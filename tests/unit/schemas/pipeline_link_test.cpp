// Which node a reference means, and which labels `needs` and `after` mean.
#include <doctest/doctest.h>

#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace trilock {
namespace {

constexpr const char* images = R"([image.base]
dockerfile = "x"
[image.dev]
dockerfile = "x"
matrix = { go = ["1.21", "1.22"], libc = ["musl", "glibc"] }
)";

// Places are those of the text that is given: the images come after it.
Loaded load_with_images(const std::string& text) {
  return load(text + images);
}

// The label that the only reference of `script` means.
std::string meant(const Loaded& loaded, std::string_view label) {
  if (!loaded.findings.empty()) return loaded.findings;
  const Config* script = loaded.target(label).table.find("script");
  return script == nullptr || script->text()->references.size() != 1 ? "(none)" : script->text()->references[0].label;
}

}  // namespace

TEST_CASE("coordinates are taken as written, then from common axes") {
  const Loaded written = load_with_images("[command.c]\nscript = \"${image.dev[libc=musl,go=1.22].ref}\"\n");
  CHECK(meant(written, "command.c") == "image.dev[go=1.22,libc=musl]");

  const Loaded common = load_with_images(
      "[command.c]\nmatrix = { libc = [\"glibc\", \"musl\"], x = [1, 2] }\nscript = \"${image.dev[go=1.21].ref}\"\n");
  CHECK(meant(common, "command.c[libc=musl,x=2]") == "image.dev[go=1.21,libc=musl]");
  CHECK(meant(common, "command.c[libc=glibc,x=1]") == "image.dev[go=1.21,libc=glibc]");

  const Loaded wins = load_with_images(
      "[command.c]\nmatrix = { libc = [\"glibc\", \"musl\"] }\nscript = \"${image.dev[go=1.21,libc=musl].ref}\"\n");
  CHECK(meant(wins, "command.c[libc=glibc]") == "image.dev[go=1.21,libc=musl]");
}

TEST_CASE("coordinates may be references themselves") {
  const Loaded loaded = load_with_images(R"([command.c]
matrix = { version = ["1.21", "1.22"] }
script = "${image.dev[go=${matrix.version},libc=${var.libc}].ref}"
[vars]
libc = "musl"
)");
  CHECK(meant(loaded, "command.c[version=1.21]") == "image.dev[go=1.21,libc=musl]");
  CHECK(meant(loaded, "command.c[version=1.22]") == "image.dev[go=1.22,libc=musl]");
}

TEST_CASE("an axis with one value need not be named") {
  const Loaded loaded =
      load("[image.a]\ndockerfile = \"x\"\nmatrix = { m = [1] }\n[command.c]\nscript = \"${image.a.ref}\"\n");
  CHECK(meant(loaded, "command.c") == "image.a[m=1]");
}

TEST_CASE("references that mean several nodes or none list the choices") {
  CHECK(load_with_images("[command.c]\nscript = \"${image.dev[libc=musl].ref}\"\n").findings ==
        R"(error: `image.dev[libc=musl]` could be any of 2 nodes
  --> trilock.toml:2:11
   |
 2 | script = "${image.dev[libc=musl].ref}"
   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: choose one of `image.dev[go=1.21,libc=musl]` and `image.dev[go=1.22,libc=musl]`
)");
  CHECK(load_with_images("[command.c]\nscript = \"${image.dev[go=1.23,libc=musl].ref}\"\n").findings ==
        R"(error: there is no node `image.dev[go=1.23,libc=musl]`
  --> trilock.toml:2:11
   |
 2 | script = "${image.dev[go=1.23,libc=musl].ref}"
   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: choose one of `image.dev[go=1.21,libc=musl]` and `image.dev[go=1.22,libc=musl]`
)");
  CHECK(load_with_images("[command.c]\nmatrix = { go = [\"1.23\"] }\nscript = \"${image.dev[libc=musl].ref}\"\n")
            .findings == R"(error: `image.dev` has no node with `go=1.23`
  --> trilock.toml:3:11
   |
 3 | script = "${image.dev[libc=musl].ref}"
   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: choose one of `image.dev[go=1.21,libc=musl]` and `image.dev[go=1.22,libc=musl]`
)");
  CHECK(load_with_images("[command.c]\nscript = \"${image.dev[libcc=musl].ref} ${image.base[x=1].ref}\"\n").findings ==
        R"(error: `image.dev` has no axis `libcc`
  --> trilock.toml:2:11
   |
 2 | script = "${image.dev[libcc=musl].ref} ${image.base[x=1].ref}"
   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: did you mean `libc`?

error: `image.base` has no axis `x`
  --> trilock.toml:2:40
   |
 2 | script = "${image.dev[libcc=musl].ref} ${image.base[x=1].ref}"
   |                                        ^^^^^^^^^^^^^^^^^^^^^^
   = help: it has no matrix
)");
}

TEST_CASE("long lists of choices are cut") {
  const Loaded loaded = load(
      "[command.a]\nmatrix = { n = [1,2,3,4,5,6,7,8,9,10,11,12] }\n"
      "[command.b]\nscript = \"${command.a.key}\"\n");
  CHECK(loaded.findings.contains("`command.a` could be any of 12 nodes"));
  CHECK(loaded.findings.contains("`command.a[n=8]` and 4 more\n"));
  CHECK_FALSE(loaded.findings.contains("`command.a[n=9]`"));
}

TEST_CASE("unknown nodes and values") {
  CHECK(load_with_images("[command.c]\nscript = \"${image.bse.ref} ${command.x.key}\"\n").findings ==
        R"(error: unknown node `image.bse`
  --> trilock.toml:2:11
   |
 2 | script = "${image.bse.ref} ${command.x.key}"
   |           ^^^^^^^^^^^^^^^^
   = help: did you mean `image.base`?

error: unknown node `command.x`
  --> trilock.toml:2:28
   |
 2 | script = "${image.bse.ref} ${command.x.key}"
   |                            ^^^^^^^^^^^^^^^^
)");
  CHECK(load_with_images("[command.lint]\nscript = \"${command.base.key}\"\n").findings ==
        R"(error: unknown node `command.base`
  --> trilock.toml:2:11
   |
 2 | script = "${command.base.key}"
   |           ^^^^^^^^^^^^^^^^^^^
   = help: did you mean `image.base`?
)");
  CHECK(load_with_images("[command.c]\nscript = \"${image.base.sha}\"\n").findings ==
        R"(error: `image.base` has no value `sha`
  --> trilock.toml:2:11
   |
 2 | script = "${image.base.sha}"
   |           ^^^^^^^^^^^^^^^^^
   = help: there are `key`, `out`, `out.NAME`, `ref`, `digest` and `manifest-digest`
)");
}

TEST_CASE("values that depend on the table of the node") {
  const auto findings = [](const std::string& node, const std::string& value) {
    const Loaded loaded = load(node + "[command.c]\nscript = \"${" + value + "}\"\n");
    if (loaded.findings.empty()) return std::string("good");
    const Diagnostic& first = loaded.diagnostics.all().front();
    return first.message + "; " + first.help;
  };
  CHECK(findings("[command.a]\n", "command.a.key") == "good");
  CHECK(findings("[command.a]\noutputs = [\"x\"]\n", "command.a.out") == "good");
  CHECK(findings("[command.a]\n", "command.a.out") == "`command.a` has no outputs; declare them: `outputs = [\"…\"]`");
  CHECK(findings("[command.a]\noutputs = [\"x\", \"y\"]\n", "command.a.out") ==
        "`out` of `command.a` could be any of its 2 outputs; name them: `outputs = { bin = \"…\" }`, and refer to "
        "`out.bin`");
  CHECK(findings("[command.a]\noutputs = { x = \"1\", y = \"2\" }\n", "command.a.out.y") == "good");
  CHECK(findings("[command.a]\noutputs = { x = \"1\", y = \"2\" }\n", "command.a.out.z") ==
        "`command.a` has no output named `z`; there are `out.x` and `out.y`");
  CHECK(findings("[command.a]\noutputs = { x = \"1\", y = \"2\" }\n", "command.a.out") ==
        "the outputs of `command.a` have names; there are `out.x` and `out.y`");
  CHECK(findings("[command.a]\noutputs = [\"x\"]\n", "command.a.out.x") ==
        "`command.a` has no output named `x`; its outputs have no names");
  CHECK(findings("[terraform.a]\nexports = [\"ip\"]\n", "terraform.a.output.ip") == "good");
  CHECK(findings("[terraform.a]\nexports = [\"ip\"]\n", "terraform.a.output.id") ==
        "`id` is not in `exports` of [terraform.a]; it exports `output.ip`");
  CHECK(findings("[terraform.a]\n", "terraform.a.output.ip") ==
        "`ip` is not in `exports` of [terraform.a]; add `exports = [\"ip\"]` to [terraform.a]");
  CHECK(findings("[terraform.a]\n", "terraform.a.serial") == "good");
  CHECK(findings("[devcontainer.a]\n", "devcontainer.a.out") == "good");
  CHECK(findings("[image.a]\ndockerfile = \"x\"\narchive = \"a.tar\"\n", "image.a.out") == "good");
  CHECK(findings("[image.a]\ndockerfile = \"x\"\n", "image.a.out").starts_with("`image.a` has no outputs"));
}

TEST_CASE("a node does not refer to itself, but may to a sibling") {
  CHECK(load("[command.c]\nscript = \"${command.c.key}\"\n").findings == R"(error: `command.c` refers to itself
  --> trilock.toml:2:11
   |
 2 | script = "${command.c.key}"
   |           ^^^^^^^^^^^^^^^^
)");
  const Loaded loaded = load(
      "[command.c]\nmatrix = { m = [1, 2] }\nscript = \"${command.c.key}\"\n[command.d]\nneeds = [\"command.d\"]\n");
  CHECK(loaded.diagnostics.error_count() == 2);
  CHECK(loaded.findings.contains("`command.c[m=1]` refers to itself"));
  CHECK(loaded.findings.contains("`command.d` needs itself"));
}

TEST_CASE("needs and after hold full labels after loading") {
  const Loaded loaded = load_with_images(R"([command.c]
matrix = { libc = ["musl"] }
needs = ["image.dev", "image.base"]
after = ["image.dev[go=1.22,libc=glibc]", "image"]
[command.d]
after = ["image.*[go=1.2?,libc=glibc]", "command", "*musl*"]
needs = ["${var.node}[go=1.21]"]
[vars]
node = "image.dev"
)");
  CHECK(loaded.findings == "");
  const std::string_view c = "command.c[libc=musl]";
  CHECK(loaded.strings(c, "needs") ==
        Strings{"image.dev[go=1.21,libc=musl]", "image.dev[go=1.22,libc=musl]", "image.base"});
  CHECK(loaded.strings(c, "after") == Strings{"image.dev[go=1.22,libc=glibc]", "image.base",
                                              "image.dev[go=1.21,libc=musl]", "image.dev[go=1.22,libc=musl]"});
  CHECK(loaded.strings("command.d", "after") ==
        Strings{"image.dev[go=1.21,libc=glibc]", "image.dev[go=1.22,libc=glibc]", "command.c[libc=musl]",
                "command.c[libc=musl]", "image.dev[go=1.21,libc=musl]", "image.dev[go=1.22,libc=musl]"});
  CHECK(loaded.strings("command.d", "needs") ==
        Strings{"image.dev[go=1.21,libc=musl]", "image.dev[go=1.21,libc=glibc]"});
  const Config* needs = loaded.target(c).table.find("needs");
  CHECK((*needs->array())[1].place.column == 10);
  CHECK((*needs->array())[2].place.column == 23);
}

TEST_CASE("entries of needs and after that match nothing") {
  CHECK(load_with_images(R"([command.c]
needs = ["image.bas", "foo.*", "image.dev[go=2]"]
after = ["${image.base.ref}"]
)")
            .findings == R"(error: unknown node `image.bas`
  --> trilock.toml:2:10
   |
 2 | needs = ["image.bas", "foo.*", "image.dev[go=2]"]
   |          ^^^^^^^^^^^
   = help: did you mean `image.base`?

error: no node matches `foo.*`
  --> trilock.toml:2:23
   |
 2 | needs = ["image.bas", "foo.*", "image.dev[go=2]"]
   |                       ^^^^^^^

error: there is no node `image.dev[go=2]`
  --> trilock.toml:2:32
   |
 2 | needs = ["image.bas", "foo.*", "image.dev[go=2]"]
   |                                ^^^^^^^^^^^^^^^^^
   = help: choose one of `image.dev[go=1.21,libc=musl]`, `image.dev[go=1.21,libc=glibc]`, `image.dev[go=1.22,libc=musl]` and `image.dev[go=1.22,libc=glibc]`

error: `${image.base.ref}` refers to a node, which `after` cannot
  --> trilock.toml:3:11
   |
 3 | after = ["${image.base.ref}"]
   |           ^^^^^^^^^^^^^^^^^
)");
}

TEST_CASE("labels that a pattern means") {
  const Loaded loaded = load_with_images("[command.c]\n");
  REQUIRE(loaded.findings == "");
  const auto match = [&](std::string_view pattern) { return match_labels(loaded.pipeline, pattern); };
  const Strings dev = {"image.dev[go=1.21,libc=musl]", "image.dev[go=1.21,libc=glibc]", "image.dev[go=1.22,libc=musl]",
                       "image.dev[go=1.22,libc=glibc]"};
  CHECK(match("image.base") == Strings{"image.base"});
  CHECK(match("image.dev[go=1.22,libc=musl]") == Strings{dev[2]});
  CHECK(match("image.dev[libc=musl,go=1.22]") == Strings{dev[2]});
  CHECK(match("image.dev") == dev);
  CHECK(match("image.dev[libc=musl]") == Strings{dev[0], dev[2]});
  CHECK(match("image.dev[libc=m*]") == Strings{dev[0], dev[2]});
  CHECK(match("image.dev[*]") == dev);
  CHECK(match("image").size() == 5);
  CHECK(match("image.*").size() == 5);
  CHECK(match("*.c") == Strings{"command.c"});
  CHECK(match("*glibc]") == Strings{dev[1], dev[3]});
  CHECK(match("*") == loaded.labels());
  for (const char* none :
       {"", "im", "image.de", "image.dev[x=1]", "image.dev[1.22]", "image.dev[go=1.2", "command.c[x=1]"}) {
    CAPTURE(none);
    CHECK(match(none).empty());
  }
}

TEST_CASE("targets are found by label, with the index and without") {
  Loaded loaded = load_with_images("");
  REQUIRE(loaded.pipeline.find("image.dev[go=1.22,libc=musl]") != nullptr);
  CHECK(loaded.pipeline.find("image.dev[go=1.22,libc=musl]") == &loaded.pipeline.targets[3]);
  CHECK(loaded.pipeline.find("image.dev") == nullptr);
  const Pipeline copy = loaded.pipeline;
  CHECK(copy.find("image.base") == copy.targets.data());
  loaded.pipeline.targets.push_back({"command", "command.new", {}, {}, {}, {}});
  CHECK(loaded.pipeline.find("command.new") == &loaded.pipeline.targets.back());
}

TEST_CASE("a large pipeline takes time in proportion to its size") {
  // 20 000 nodes of one matrix that each refer to one of another, and 2 000 tables in a chain. A quadratic look-up
  // would need minutes.
  std::string text = "[command.a]\nmatrix = { i = [";
  for (int i = 0; i < 200; ++i) text += std::to_string(i) + ",";
  text += "], j = [";
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + ",";
  text += "] }\n[command.b]\nscript = \"${command.a.key}\"\nneeds = [\"command.a\"]\n";
  text += text.substr(text.find("matrix"), text.find("[command.b]") - text.find("matrix"));
  for (int i = 1; i <= 2000; ++i) {
    text += "[command.t" + std::to_string(i) + "]\n";
    if (i > 1) text += "script = \"${command.t" + std::to_string(i - 1) + ".key}\"\n";
  }
  const Loaded loaded = load(text);
  CHECK(loaded.findings == "");
  CHECK(loaded.pipeline.targets.size() == 42'000);
  CHECK(loaded.strings("command.b[i=150,j=7]", "needs") == Strings{"command.a[i=150,j=7]"});
  CHECK(meant(loaded, "command.b[i=150,j=7]") == "command.a[i=150,j=7]");
}

}  // namespace trilock
