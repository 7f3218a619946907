// References in strings: what is replaced, what stays, and where faults are shown.
#include <doctest/doctest.h>

#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace trilock {
namespace {

// What becomes of a string (in TOML, with its quotes) in a command that can refer to a few things; or the findings.
std::string text_of(const std::string& toml_string) {
  FakeWorld world;
  world.env["HOME"] = "/home/ada";
  world.facts[PipelineWorld::GitFact::commit] = "c0ffee";
  world.files["trilock.toml"] = "[command.c]\nscript = " + toml_string +
                                "\n[vars]\nv = \"val\"\ndollar = '$${v}'\n[image.a]\ndockerfile = \"x\"\n";
  const Loaded loaded = load(world);
  return loaded.findings.empty() ? loaded.text("command.c", "script") : loaded.findings;
}

}  // namespace

TEST_CASE("references are replaced") {
  CHECK(text_of(R"("${var.v}")") == "val");
  CHECK(text_of(R"("<${var.v}${var.v}>${env.HOME}:${git.commit}")") == "<valval>/home/ada:c0ffee");
  CHECK(text_of(R"("a $ b $$ c $x {} }")") == "a $ b $$ c $x {} }");
  CHECK(text_of(R"("é${var.v}é")") == "évalé");
}

TEST_CASE("a doubled dollar gives a literal reference") {
  // to_source shows a literal `${` as the user has to write it.
  CHECK(text_of(R"("$${HOME}")") == "$${HOME}");
  CHECK(text_of(R"("$${var.v} ${var.v}")") == "$${var.v} val");
  CHECK(text_of(R"("$$${var.v}")") == "$$${var.v}");
  const Loaded loaded = load("[command.c]\nscript = \"$${HOME} $$$${x}\"\n");
  CHECK(loaded.target("command.c").table.find("script")->text()->literal == "${HOME} $$${x}");
}

TEST_CASE("what a value holds is not looked at again") {
  CHECK(text_of(R"("${var.dollar}")") == "$${v}");
}

TEST_CASE("references to nodes stay, with the place of each") {
  const Loaded loaded = load(
      "[command.c]\nscript = \"é ${image.a.ref}/${image.a.digest}\"\n"
      "[image.a]\ndockerfile = \"x\"\n");
  REQUIRE(loaded.findings == "");
  const Text* text = loaded.target("command.c").table.find("script")->text();
  CHECK(text->literal == "é /");
  REQUIRE(text->references.size() == 2);
  CHECK(text->references[0].offset == 3);
  CHECK(text->references[0].place.column == 13);
  CHECK(text->references[0].place.length == 14);
  CHECK(text->references[0].label == "image.a");
  CHECK(text->references[1].offset == 4);
  CHECK(text->references[1].place.column == 28);
  CHECK(text->references[1].place.length == 17);
}

TEST_CASE("faults of form") {
  CHECK(text_of(R"("a ${var.v")") == R"(error: a `${` is never closed
  --> trilock.toml:2:13
   |
 2 | script = "a ${var.v"
   |             ^^
   = help: `$${` gives a literal `${`
)");
  CHECK(text_of(R"('é ${}')") == R"(error: empty reference `${}`
  --> trilock.toml:2:13
   |
 2 | script = 'é ${}'
   |             ^^^
   = help: `$${` gives a literal `${`
)");
  CHECK(text_of(R"("echo ${HOME}")") == R"(error: unknown reference `${HOME}`
  --> trilock.toml:2:16
   |
 2 | script = "echo ${HOME}"
   |                ^^^^^^^
   = help: `$${HOME}` gives a literal `${HOME}`
)");
  CHECK(text_of(R"("${vra.v}")") == R"(error: unknown reference `${vra.v}`
  --> trilock.toml:2:11
   |
 2 | script = "${vra.v}"
   |           ^^^^^^^^
   = help: did you mean `var`? `$${` gives a literal `${`
)");
  CHECK(text_of(R"("${X:-${Y}}")") == R"(error: unknown reference `${X:-${Y}}`
  --> trilock.toml:2:11
   |
 2 | script = "${X:-${Y}}"
   |           ^^^^^^^^^^
   = help: `$${` gives a literal `${`
)");
  CHECK(text_of(R"("${var}")") == R"(error: `${var}` names nothing in `var`
  --> trilock.toml:2:11
   |
 2 | script = "${var}"
   |           ^^^^^^
   = help: write `${var.NAME}`, or `$${` for a literal `${`
)");
}

TEST_CASE("names that mean nothing") {
  CHECK(text_of(R"("${var.vv}")") == R"(error: unknown variable `vv`
  --> trilock.toml:2:11
   |
 2 | script = "${var.vv}"
   |           ^^^^^^^^^
   = help: did you mean `v`?
)");
  CHECK(text_of(R"("${var.dolar}")") == R"(error: unknown variable `dolar`
  --> trilock.toml:2:11
   |
 2 | script = "${var.dolar}"
   |           ^^^^^^^^^^^^
   = help: did you mean `dollar`?
)");
  CHECK(text_of(R"("${matrix.go}")") == R"(error: unknown matrix axis `go`
  --> trilock.toml:2:11
   |
 2 | script = "${matrix.go}"
   |           ^^^^^^^^^^^^
   = help: [command.c] has no matrix
)");
  CHECK(text_of(R"("${env.UNSET}")") == R"(error: environment variable `UNSET` is not set
  --> trilock.toml:2:11
   |
 2 | script = "${env.UNSET}"
   |           ^^^^^^^^^^^^
   = help: a variable of [vars] can have a default: `{ env = "NAME", default = "…" }`
)");
  CHECK(text_of(R"("${git.sha}")") == R"(error: unknown git value `sha`
  --> trilock.toml:2:11
   |
 2 | script = "${git.sha}"
   |           ^^^^^^^^^^
   = help: there are `describe`, `commit`, `branch` and `tag`
)");
}

TEST_CASE("references to nodes of a wrong form") {
  const auto first_line = [](const std::string& findings) { return findings.substr(0, findings.find('\n')); };
  CHECK(text_of(R"("${image.a}")") == R"(error: no value of the node in `${image.a}`
  --> trilock.toml:2:11
   |
 2 | script = "${image.a}"
   |           ^^^^^^^^^^
   = help: `image` nodes have `key`, `out`, `out.NAME`, `ref`, `digest` and `manifest-digest`
)");
  CHECK(first_line(text_of(R"("${image}")")) == "error: no name of a node in `${image}`");
  CHECK(first_line(text_of(R"("${image.a[go=1.ref}")")) == "error: a `[` is never closed in `${image.a[go=1.ref}`");
  CHECK(first_line(text_of(R"("${image.a[1.22].ref}")")) ==
        "error: expected `axis=value`, found `1.22`, in `${image.a[1.22].ref}`");
  CHECK(first_line(text_of(R"("${image.a[x=1,x=2].ref}")")) ==
        "error: axis `x` is given twice in `${image.a[x=1,x=2].ref}`");
  CHECK(first_line(text_of(R"("${image.a[x=1]ref}")")) ==
        "error: expected `.value`, found `ref`, in `${image.a[x=1]ref}`");
  CHECK(first_line(text_of(R"("${image.a[x=${image.a.ref}].ref}")")) ==
        "error: `${image.a.ref}` refers to a node, which a coordinate cannot");
}

TEST_CASE("where columns are not known, the value is shown") {
  CHECK(text_of("\"\"\"\nline\n${var.no}\n\"\"\"")
            .starts_with("error: unknown variable `no`\n  --> trilock.toml:2:10\n"));
  CHECK(text_of(R"("\t${var.no}")").starts_with("error: unknown variable `no`\n  --> trilock.toml:2:10\n"));
}

TEST_CASE("all faults of a string are reported") {
  CHECK(load("[command.c]\nscript = \"${var.a} ${var.b} ${c}\"\n").diagnostics.error_count() == 3);
}

TEST_CASE("keys are not interpolated") {
  const Loaded loaded = load("[command.c]\nenv = { \"${var.x}\" = \"1\" }\n");
  CHECK(loaded.findings == "");
  CHECK(loaded.text("command.c", "env.${var.x}") == "(none)");  // the dot splits the path
  CHECK(loaded.target("command.c").table.find("env")->table()->entries[0].key == "${var.x}");
}

TEST_CASE("references of devcontainers stay in their configuration, and only there") {
  const Loaded loaded = load(R"([vars]
v = "val"
[devcontainer.d]
config = { a = "${localEnv:HOME:x.y} ${containerWorkspaceFolder} ${var.v} ${env:X}", b = { c = ["${devcontainerId}"] } }
)");
  CHECK(loaded.findings == "");
  const ConfigTable* config = loaded.target("devcontainer.d").table.find("config")->table();
  CHECK(config->find("a")->text()->literal == "${localEnv:HOME:x.y} ${containerWorkspaceFolder} val ${env:X}");
  CHECK((*config->find("b")->table()->find("c")->array())[0].text()->literal == "${devcontainerId}");

  CHECK(load("[devcontainer.d]\nconfig = { a = \"${imge.a.ref} ${var.no}\" }\n").diagnostics.error_count() == 2);
  CHECK(load("[devcontainer.d]\nimage = \"${localEnv:HOME}\"\n").findings ==
        R"(error: unknown reference `${localEnv:HOME}`
  --> trilock.toml:2:10
   |
 2 | image = "${localEnv:HOME}"
   |          ^^^^^^^^^^^^^^^^
   = help: `$${localEnv:HOME}` gives a literal `${localEnv:HOME}`
)");
  CHECK(load("[command.d]\nenv = { config = \"${localEnv:HOME}\" }\n").diagnostics.error_count() == 1);
}

TEST_CASE("variables cannot refer to nodes or axes") {
  CHECK(load("[vars]\nx = \"${image.a.ref}${matrix.m}\"\n[command.c]\nscript = \"${var.x}\"\n").findings ==
        R"(error: `${image.a.ref}` refers to a node, which `x` of [vars] cannot
  --> trilock.toml:2:6
   |
 2 | x = "${image.a.ref}${matrix.m}"
   |      ^^^^^^^^^^^^^^

error: unknown matrix axis `m`
  --> trilock.toml:2:20
   |
 2 | x = "${image.a.ref}${matrix.m}"
   |                    ^^^^^^^^^^^
   = help: `x` of [vars] cannot depend on a matrix
)");
}

TEST_CASE("keys that must be literal have no references to nodes") {
  const Loaded loaded = load("[command.c]\ndir = \"${image.a.ref}\"\n[image.a]\ndockerfile = \"x\"\n");
  CHECK(loaded.findings == R"(error: `dir`: a reference to a node cannot be used here
  --> trilock.toml:2:8
   |
 2 | dir = "${image.a.ref}"
   |        ^^^^^^^^^^^^^^
)");
}

}  // namespace trilock
