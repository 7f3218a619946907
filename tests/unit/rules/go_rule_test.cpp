// The go rule with the real go command, on modules in a temporary directory. What counts as an input is held against
// what `go help list` and the Go Modules Reference say a build reads.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "cache/source_tree.hpp"
#include "tests/support/fake_resolve.hpp"
#include "tests/support/real_tools.hpp"
#include "tests/support/scene.hpp"
#include "tests/support/temporary_directory.hpp"

namespace trilock::test {
namespace {

using Paths = std::vector<std::string>;

struct Workspace {
  TemporaryDirectory directory;
  std::unique_ptr<Disk> disk = make_real_disk();
  std::unique_ptr<SourceTree> tree = std::make_unique<SourceTree>(*disk, directory.path());

  void write(const std::string& path, std::string_view text) {
    const std::filesystem::path file = directory / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    tree = std::make_unique<SourceTree>(*disk, directory.path());
  }
};

// A program with an embedded directory, a package with tests, C code with a header of its own and one from elsewhere,
// and a vendored dependency.
void write_service(Workspace& workspace) {
  workspace.write("go.mod", "module example.com/svc\n\ngo 1.19\n\nrequire example.com/dep v1.0.0\n");
  workspace.write("go.sum", "example.com/dep v1.0.0 h1:x=\nexample.com/dep v1.0.0/go.mod h1:y=\n");
  workspace.write("vendor/modules.txt", "# example.com/dep v1.0.0\n## explicit; go 1.19\nexample.com/dep\n");
  workspace.write("vendor/example.com/dep/dep.go", "package dep\n\nconst Name = \"dep\"\n");
  workspace.write("vendor/example.com/dep/LICENSE", "free\n");
  workspace.write("cmd/svc/main.go",
                  "package main\n\nimport (\n\t_ \"embed\"\n\t\"fmt\"\n\n\t\"example.com/svc/internal/greet\"\n"
                  "\t\"example.com/svc/native\"\n)\n\n//go:embed page/*\nvar page string\n\n"
                  "func main() { fmt.Println(greet.Hello(), native.Answer(), page) }\n");
  workspace.write("cmd/svc/page/index.html", "<p>\n");
  workspace.write("cmd/svc/notes.md", "not read by any build\n");
  workspace.write(
      "internal/greet/greet.go",
      "package greet\n\nimport \"example.com/dep\"\n\nfunc Hello() string { return \"hello \" + dep.Name }\n");
  workspace.write("internal/greet/greet_windows.go", "package greet\n\nconst system = \"windows\"\n");
  workspace.write("internal/greet/greet_test.go",
                  "package greet\n\nimport \"testing\"\n\nfunc TestIn(t *testing.T) {}\n");
  workspace.write("internal/greet/outer_test.go",
                  "package greet_test\n\nimport (\n\t\"testing\"\n\n\t\"example.com/svc/internal/check\"\n)\n\n"
                  "func TestOut(t *testing.T) { check.It(t) }\n");
  workspace.write("internal/greet/testdata/deep/case.json", "{}\n");
  workspace.write("internal/check/check.go", "package check\n\nimport \"testing\"\n\nfunc It(t *testing.T) {}\n");
  workspace.write(
      "native/native.go",
      "package native\n\n// #cgo CFLAGS: -I${SRCDIR}/../include\n// #include \"own.h\"\n"
      "// #include \"shared.h\"\nimport \"C\"\n\nfunc Answer() int { return int(C.answer() + C.SHARED) }\n");
  workspace.write("native/native.c", "#include \"own.h\"\nint answer(void) { return 40; }\n");
  workspace.write("native/own.h", "int answer(void);\n");
  workspace.write("include/shared.h", "#define SHARED 2\n");
}

struct Resolved {
  std::unique_ptr<TargetText> text;
  std::unique_ptr<FakeResolve> context;
  Result<Action> action;
};

Resolved resolve(Workspace& workspace, std::string_view lines,
                 const std::map<std::string, std::string>& variables = {}) {
  Resolved resolved{std::make_unique<TargetText>("go", "it", lines), std::make_unique<FakeResolve>(*workspace.tree),
                    Action{}};
  use_real_tools(*resolved.context, {"go", "gcc"});
  resolved.context->variables = variables;
  const Node node = resolved.text->plan(*workspace.tree);
  REQUIRE_MESSAGE(!resolved.text->diagnostics.has_errors(), resolved.text->findings());
  for (const OutputSpec& output : node.outputs) resolved.context->outputs_of_others.push_back(output.path);
  resolved.action = registry()[node.rule]->resolve(node, resolved.text->target, *resolved.context);
  return resolved;
}

Action action_of(Workspace& workspace, std::string_view lines,
                 const std::map<std::string, std::string>& variables = {}) {
  Resolved resolved = resolve(workspace, lines, variables);
  REQUIRE_MESSAGE(resolved.action.has_value(), resolved.action.error().message);
  return *resolved.action;
}

std::string field(const Action& action, std::string_view name) {
  const auto found = std::ranges::find(action.fields, name, &Field::name);
  return found == action.fields.end() ? "absent" : found->value;
}

// The answer of `go list` as the engine remembers it (rules/rule.hpp): it is used again as long as all that the
// question names, and what was learned from the answer, is the same.
class ListMemo {
 public:
  ListMemo(Workspace& workspace, std::string lines) : workspace_(workspace), lines_(std::move(lines)) {
    const Question question = ask();
    const Answer answer = run_tool(question.argv, workspace.tree->absolute(question.dir), question.env);
    REQUIRE_MESSAGE(answer.exit_code == 0, answer.err);
    learned_ = question.learn(answer.out);
    remembered_ = state(question);
  }
  [[nodiscard]] bool holds() const { return state(ask()) == remembered_; }
  [[nodiscard]] bool holds_after(const std::string& path, std::string_view text) const {
    workspace_.write(path, text);
    return holds();
  }

 private:
  [[nodiscard]] Question ask() const {
    const Resolved resolved = resolve(workspace_, lines_);
    for (const Question& question : resolved.context->asked)
      if (question.argv[1] == "list") return question;
    FAIL("go list was not asked");
    return {};
  }
  [[nodiscard]] std::string state(const Question& question) const {
    std::string text = question.also;
    for (const auto* list : {&question.content_of, &learned_})
      for (const std::string& path : *list) {
        const Result<FastDigest> digest = workspace_.tree->digest(path);
        text += "\n" + path + " " + (digest ? digest->hex() : "absent");
      }
    CHECK(question.stat_of.empty());
    CHECK(question.listing_of.empty());
    return text;
  }

  Workspace& workspace_;
  std::string lines_;
  Paths learned_;
  std::string remembered_;
};

const Paths built = {"cmd/svc/main.go",
                     "cmd/svc/page/index.html",
                     "go.mod",
                     "go.sum",
                     "include/shared.h",
                     "internal/greet/greet.go",
                     "native/native.c",
                     "native/native.go",
                     "native/own.h",
                     "vendor/example.com/dep/dep.go",
                     "vendor/modules.txt"};

}  // namespace

TEST_CASE("go build: inputs are the files of the program and of all that it imports") {
  Workspace workspace;
  write_service(workspace);
  const Action action = action_of(workspace, "kind = \"build\"\npackages = [\"./cmd/svc\"]\noutputs = [\"out/svc\"]\n");
  CHECK(action.inputs == built);
  CHECK(action.processes.at(0).argv ==
        Paths{"go", "build", "-trimpath", "-buildvcs=false", "-o", "out/svc", "./cmd/svc"});
  CHECK(action.processes.at(0).name == "go build");
}

TEST_CASE("go test: tests, what only tests import, and testdata count as well") {
  Workspace workspace;
  write_service(workspace);
  const Action action = action_of(workspace, "kind = \"test\"\npackages = [\"./internal/greet\"]\n");
  CHECK(action.inputs == Paths{"go.mod", "go.sum", "internal/check/check.go", "internal/greet/greet.go",
                               "internal/greet/greet_test.go", "internal/greet/outer_test.go",
                               "internal/greet/testdata/deep/case.json", "vendor/example.com/dep/dep.go",
                               "vendor/modules.txt"});
  CHECK(action.processes.at(0).argv == Paths{"go", "test", "-buildvcs=false", "./internal/greet"});
}

TEST_CASE("go build: an input decides the program, and a file that is none does not") {
  Workspace workspace;
  write_service(workspace);
  const auto program = [&] {
    const Action action = action_of(workspace, "kind = \"build\"\npackages = [\"./cmd/svc\"]\noutputs = [\"svc\"]\n");
    std::filesystem::remove(workspace.directory / "svc");
    const Process& process = action.processes.at(0);
    const Answer answer = run_tool(process.argv, workspace.directory.path(), process.env);
    REQUIRE_MESSAGE(answer.exit_code == 0, answer.err);
    return run_tool({"./svc"}, workspace.directory.path(), {}).out;
  };
  REQUIRE(program() == "hello dep 42 <p>\n\n");
  SUBCASE("source") {
    workspace.write("native/native.c", "#include \"own.h\"\nint answer(void) { return 50; }\n");
    CHECK(program() == "hello dep 52 <p>\n\n");
  }
  SUBCASE("a header outside of its package, which go's own cache does not see") {
    workspace.write("include/shared.h", "#define SHARED 3\n");
    CHECK(program() == "hello dep 43 <p>\n\n");
  }
  SUBCASE("embedded") {
    workspace.write("cmd/svc/page/index.html", "<h1>\n");
    CHECK(program() == "hello dep 42 <h1>\n\n");
  }
}

TEST_CASE("go list is asked again when its answer can be another one, and only then") {
  Workspace workspace;
  write_service(workspace);
  const std::string imports_os = "package greet\n\nimport _ \"os\"\n\nfunc Hello() string { return \"\" }\n";
  const std::string test_imports_os = "package greet\n\nimport _ \"os\"\n";
  SUBCASE("of all packages") {
    const ListMemo memo(workspace, "kind = \"build\"\noutputs = [\"out/\"]\n");
    SUBCASE("nothing") {
      CHECK(memo.holds());
    }
    SUBCASE("an own output appears") {
      CHECK(memo.holds_after("out/svc", "program"));
    }
    SUBCASE("a file that is never built") {
      CHECK(memo.holds_after("cmd/svc/notes.md", "other"));
    }
    SUBCASE("a test, which is not built") {
      CHECK(memo.holds_after("internal/greet/greet_test.go", test_imports_os));
    }
    SUBCASE("imports") {
      CHECK_FALSE(memo.holds_after("internal/greet/greet.go", imports_os));
    }
    SUBCASE("a new source file") {
      CHECK_FALSE(memo.holds_after("internal/greet/more.go", "package greet\n"));
    }
    SUBCASE("a new package") {
      CHECK_FALSE(memo.holds_after("fresh/fresh.go", "package fresh\n"));
    }
    SUBCASE("a new embedded file") {
      CHECK_FALSE(memo.holds_after("cmd/svc/page/.hidden", "x"));
    }
    SUBCASE("go.mod") {
      CHECK_FALSE(memo.holds_after("go.mod", "module example.com/svc\n\ngo 1.18\n"));
    }
    SUBCASE("go.work appears") {
      CHECK_FALSE(memo.holds_after("go.work", "go 1.19\n\nuse .\n"));
    }
  }
  SUBCASE("of one program and what it imports") {
    const ListMemo memo(workspace, "kind = \"build\"\npackages = [\"./cmd/svc\"]\n");
    SUBCASE("nothing") {
      CHECK(memo.holds());
    }
    SUBCASE("imports of what is imported") {
      CHECK_FALSE(memo.holds_after("internal/greet/greet.go", imports_os));
    }
    SUBCASE("imports of what is vendored") {
      CHECK_FALSE(memo.holds_after("vendor/example.com/dep/dep.go", "package dep\n\nimport _ \"os\"\n"));
    }
    SUBCASE("a constraint in a file that was left out") {
      CHECK_FALSE(memo.holds_after("internal/greet/greet_windows.go", "package greet\n\n// changed\n"));
    }
    SUBCASE("a package that is not part of it") {
      CHECK(memo.holds_after("internal/check/check.go", "package check\n\nimport _ \"os\"\n"));
    }
  }
  SUBCASE("of tests") {
    const ListMemo memo(workspace, "kind = \"test\"\npackages = [\"./internal/greet\"]\n");
    CHECK_FALSE(memo.holds_after("internal/greet/greet_test.go", test_imports_os));
  }
}

TEST_CASE("go list is asked again when a directory behind a build constraint becomes a package") {
  Workspace workspace;
  workspace.write("go.mod", "module example.com/a\n\ngo 1.19\n");
  workspace.write("a.go", "package a\n");
  workspace.write("off/off.go", "//go:build never\n\npackage off\n");
  constexpr std::string_view lines = "kind = \"build\"\n";
  CHECK(action_of(workspace, lines).inputs == Paths{"a.go", "go.mod"});
  const ListMemo memo(workspace, std::string(lines));
  CHECK_FALSE(memo.holds_after("off/off.go", "package off\n"));
  CHECK(action_of(workspace, lines).inputs == Paths{"a.go", "go.mod", "off/off.go"});
}

TEST_CASE("go: modules replaced by a directory, workspaces, and what lies outside") {
  Workspace workspace;
  workspace.write(
      "app/go.mod",
      "module example.com/app\n\ngo 1.19\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../lib\n");
  workspace.write("app/main.go", "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n");
  workspace.write("lib/go.mod", "module example.com/lib\n\ngo 1.19\n");
  workspace.write("lib/lib.go", "package lib\n");
  SUBCASE("replace") {
    const Action action = action_of(workspace, "kind = \"build\"\ndir = \"app\"\noutputs = [\"../bin/app\"]\n");
    CHECK(action.inputs == Paths{"app/go.mod", "app/main.go", "lib/go.mod", "lib/lib.go"});
    CHECK(action.processes.at(0).dir == "app");
    CHECK(action.processes.at(0).argv.at(5) == "../bin/app");
  }
  SUBCASE("a source file that is a symlink counts with what it leads to") {
    std::filesystem::create_symlink("../lib/lib.go", workspace.directory / "app/link.go");
    workspace.write("lib/lib.go", "package main\n");
    workspace.write("app/go.mod", "module example.com/app\n\ngo 1.19\n");
    workspace.write("app/main.go", "package main\n\nfunc main() {}\n");
    CHECK(action_of(workspace, "kind = \"build\"\ndir = \"app\"\n").inputs ==
          Paths{"app/go.mod", "app/link.go", "app/main.go", "lib/lib.go"});
  }
  SUBCASE("go.work") {
    workspace.write("go.work", "go 1.19\n\nuse (\n\t./app\n\t./lib // both\n)\n");
    CHECK(action_of(workspace, "kind = \"build\"\ndir = \"app\"\n").inputs ==
          Paths{"app/go.mod", "app/main.go", "go.work", "lib/go.mod", "lib/lib.go"});
    CHECK(action_of(workspace, "kind = \"build\"\ndir = \"app\"\nenv = { GOWORK = \"off\" }\n").inputs ==
          Paths{"app/go.mod", "app/main.go", "lib/go.mod", "lib/lib.go"});
  }
  SUBCASE("a module above the workspace counts by content, without a path of this machine") {
    auto inner = std::make_unique<SourceTree>(*workspace.disk, workspace.directory / "app");
    workspace.tree.swap(inner);
    const Action action = action_of(workspace, "kind = \"build\"\n");
    CHECK(action.inputs == Paths{"go.mod", "main.go"});
    CHECK(field(action, "file ../lib/lib.go").size() == 64);
    CHECK(field(action, "file ../lib/go.mod").size() == 64);
  }
}

TEST_CASE("go: packages of the module cache count by their version") {
  Workspace workspace;
  workspace.write("go.mod", "module example.com/a\n\ngo 1.19\n\nrequire example.com/dep v1.2.0\n");
  workspace.write("a.go", "package a\n\nimport _ \"example.com/dep\"\n");
  TargetText text("go", "it", "kind = \"build\"\n");
  FakeResolve context(*workspace.tree);
  use_real_tools(context, {"go"});
  context.answer = [&](const Question& question) -> Result<Answer> {
    if (question.argv[1] == "list")
      return Answer{0,
                    "{\"path\":\"example.com/dep\",\"dir\":\"/root/go/pkg/mod/example.com/dep@v1.2.0\",\"root\":false,"
                    "\"files\":[[\"dep.go\"]],\"module\":\"example.com/dep\",\"version\":\"v1.2.0\"}\n",
                    ""};
    return run_tool(question.argv, workspace.tree->absolute(question.dir), question.env);
  };
  const Node node = text.plan(*workspace.tree);
  const Result<Action> action = registry()[node.rule]->resolve(node, text.target, context);
  REQUIRE(action.has_value());
  CHECK(action->inputs == Paths{"go.mod"});
  CHECK(field(*action, "module example.com/dep") == "v1.2.0");
}

TEST_CASE("go: the environment that decides a build counts, the rest is only passed on") {
  Workspace workspace;
  workspace.write("go.mod", "module example.com/a\n\ngo 1.19\n");
  workspace.write("a.go", "package a\n");
  workspace.write("a_arm64.s", "");
  workspace.write("a_windows.go", "package a\n");
  const Action action =
      action_of(workspace, "kind = \"build\"\n", {{"GOAMD64", "v2"}, {"GOPROXY", "off"}, {"UNRELATED", "x"}});
  REQUIRE(action.env.size() == 2);
  CHECK(action.env[0].name == "GOAMD64");
  CHECK(action.env[0].kind == EnvClass::passed);
  CHECK(action.env[1].name == "GOPROXY");
  CHECK(action.env[1].kind == EnvClass::ambient);
  CHECK(field(action, "go env GOAMD64") == "absent");  // it is in the key as a variable already
  CHECK(field(action, "go env GOOS") == "linux");
  CHECK(field(action, "go version").starts_with("go1."));
  CHECK(action.inputs == Paths{"a.go", "go.mod"});

  const Action cross = action_of(workspace, "kind = \"build\"\nenv = { GOOS = \"windows\" }\n", {{"GOOS", "darwin"}});
  CHECK(cross.env.empty());  // the node's own variables are added by the engine
  CHECK(cross.inputs == Paths{"a.go", "a_windows.go", "go.mod"});
  CHECK(field(cross, "go env GOOS") == "windows");
}

TEST_CASE("go: flags that decide what files there are reach go list") {
  Workspace workspace;
  workspace.write("go.mod", "module example.com/a\n\ngo 1.19\n");
  workspace.write("a.go", "package a\n");
  workspace.write("slow.go", "//go:build slow\n\npackage a\n");
  const Paths with_tag = {"a.go", "go.mod", "slow.go"};
  CHECK(action_of(workspace, "kind = \"build\"\ntags = [\"slow\", \"x\"]\n").inputs == with_tag);
  CHECK(action_of(workspace, "kind = \"test\"\nflags = [\"-tags\", \"slow\", \"-run\", \"X\"]\n").inputs == with_tag);
  const Action action = action_of(workspace, "kind = \"build\"\ntags = [\"slow\", \"x\"]\nldflags = \"-s -w\"\n");
  CHECK(action.processes.at(0).argv == Paths{"go", "build", "-trimpath", "-buildvcs=false", "-tags=slow,x",
                                             "-ldflags=-s -w", "-o", "/dev/null", "./..."});
}

TEST_CASE("go: the value is the version in effect") {
  Workspace workspace;
  workspace.write("go.mod", "module example.com/a\n\ngo 1.19\n");
  workspace.write("a.go", "package a\n");
  Resolved resolved = resolve(workspace, "kind = \"verify\"\n");
  REQUIRE(resolved.action.has_value());
  const Result<Collected> collected = registry()[0]->name() == "go" ? registry()[0]->collect({}, *resolved.action, {})
                                                                    : registry()[3]->collect({}, *resolved.action, {});
  REQUIRE(collected.has_value());
  REQUIRE(collected->values.size() == 1);
  CHECK(collected->values[0].name == "version");
  const std::string version = run_tool({"go", "env", "GOVERSION"}, "/", {}).out;
  CHECK("go" + collected->values[0].value + "\n" == version);
  CHECK(resolved.action->cache == CachePolicy::machine);
  CHECK(resolved.action->processes.at(0).argv == Paths{"go", "mod", "verify"});
}

TEST_CASE("go: what stands in the way is said in words") {
  Workspace workspace;
  workspace.write("go.mod", "module example.com/a\n\ngo 1.19\n");
  workspace.write("a.go", "package a\n\nimport _ \"example.com/a/nowhere\"\n");
  SUBCASE("an import that leads nowhere: go's own words") {
    const Resolved resolved = resolve(workspace, "kind = \"build\"\n");
    REQUIRE_FALSE(resolved.action.has_value());
    CHECK(resolved.action.error().kind == ErrorKind::tool_failed);
    CHECK(resolved.action.error().message.starts_with("`go list` failed: a.go:3:8: "));
  }
  SUBCASE("no go") {
    TargetText text("go", "it", "kind = \"build\"\n");
    FakeResolve context(*workspace.tree);
    const Node node = text.plan(*workspace.tree);
    const Result<Action> action = registry()[node.rule]->resolve(node, text.target, context);
    REQUIRE_FALSE(action.has_value());
    CHECK(action.error().kind == ErrorKind::tool_missing);
    CHECK(action.error().message == "`go` is not in PATH");
    CHECK(action.error().help ==
          "install it with `apt-get install golang-go`, or unpack a release from https://go.dev/dl");
  }
  SUBCASE("race without cgo") {
    const Resolved resolved = resolve(workspace, "kind = \"race\"\nenv = { CGO_ENABLED = \"0\" }\n");
    REQUIRE_FALSE(resolved.action.has_value());
    CHECK(resolved.action.error().message == "the race detector needs cgo, and CGO_ENABLED is 0");
  }
  SUBCASE("race without a C compiler") {
    const Resolved resolved = resolve(workspace, "kind = \"race\"\nenv = { CC = \"nocc -O2\" }\n");
    REQUIRE_FALSE(resolved.action.has_value());
    CHECK(resolved.action.error().kind == ErrorKind::tool_missing);
    CHECK(resolved.action.error().message == "the race detector needs a C compiler, and `nocc` is not in PATH");
  }
}

TEST_CASE("go: keys that make no sense together") {
  Workspace workspace;
  TargetText text("go", "it", "kind = \"verify\"\ntags = [\"x\"]\npackages = [\"-v\"]\n");
  (void)text.plan(*workspace.tree);
  CHECK(text.findings() == R"(error: `packages` has no meaning for kind `verify`
  --> trilock.toml:4:1
   |
 4 | packages = ["-v"]
   | ^^^^^^^^
error: `tags` has no meaning for kind `verify`
  --> trilock.toml:3:1
   |
 3 | tags = ["x"]
   | ^^^^
error: `-v` is a flag, no package
  --> trilock.toml:4:13
   |
 4 | packages = ["-v"]
   |             ^^^^
   = help: flags belong into `flags`
)");
}

}  // namespace trilock::test
