// What plan_node makes of the keys of every node: docs/pipeline.md.
#include <doctest/doctest.h>

#include "rules/condition.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/scene.hpp"

namespace trilock::test {
namespace {

struct Planned {
  Node node;
  std::string findings;
};

Planned plan(std::string_view lines, const std::vector<Pool>& pools = {}) {
  MemoryDisk disk;
  disk.put_directory("/ws");
  SourceTree tree(disk, "/ws");
  TargetText text("command", "x", "run = [\"true\"]\n" + std::string(lines));
  refer_all(text.target.table);
  text.pipeline.pools = pools;
  Node node = text.plan(tree);
  return {std::move(node), text.findings()};
}

std::string inputs_of(const Node& node) {
  std::string text;
  for (const InputPattern& input : node.inputs) text += (input.exclude ? "!" : "") + input.pattern + " ";
  return text;
}

std::string condition(std::string_view source) {
  const std::optional<Condition> parsed = parse_condition(refer(source));
  if (!parsed) return "no condition";
  return to_source(parsed->left) + (parsed->equal ? " is " : " is not ") + to_source(parsed->right);
}

}  // namespace

TEST_CASE("common keys of a node") {
  const auto [node, findings] = plan(R"(
description = "checks"
dir = "./tools/"
outputs = { report = "out/a.json", log = "../log" }
env = { B = 2, A = "${image.base.digest}" }
pass-env = ["Z", "C"]
secret-env = ["TOKEN"]
needs = ["go.build"]
after = ["image.base"]
when = "${image.base.digest} != \"\""
pool = "docker"
weight = 2
timeout = "1m30s"
retries = 3
cache = "local"
)",
                                     {{"docker", 2, {}}});
  CHECK(findings.empty());
  CHECK(node.label == "command.x");
  CHECK(registry()[node.rule]->name() == "command");
  CHECK(node.description == "checks");
  CHECK(node.dir == "tools");
  REQUIRE(node.outputs.size() == 2);
  CHECK(node.outputs[0].name == "report");
  CHECK(node.outputs[0].path == "tools/out/a.json");
  CHECK(node.outputs[1].path == "log");
  REQUIRE(node.env.size() == 2);
  CHECK(node.env[0].first == "A");
  CHECK(node.env[0].second.references.size() == 1);
  CHECK(node.env[1].second.literal == "2");
  CHECK(node.pass_env == std::vector<std::string>{"C", "Z"});
  CHECK(node.secret_env == std::vector<std::string>{"TOKEN"});
  REQUIRE(node.dependencies.size() == 3);
  CHECK(node.dependencies[0].label == "go.build");
  CHECK(node.dependencies[0].kind == DependencyKind::needs);
  CHECK(node.dependencies[1].label == "image.base");
  CHECK(node.dependencies[1].kind == DependencyKind::reference);  // twice in the text, once here
  CHECK(node.dependencies[2].kind == DependencyKind::after);
  REQUIRE(node.when.size() == 1);
  CHECK(node.pool == 0);
  CHECK(node.weight == 2);
  CHECK(node.timeout_ms == 90'000);
  CHECK(node.retries == 3);
  CHECK(node.cache == CachePolicy::local);
}

TEST_CASE("what is absent has the values that docs/pipeline.md names") {
  const auto [node, findings] = plan("");
  CHECK(findings.empty());
  CHECK(node.dir.empty());
  CHECK(node.timeout_ms == 0);
  CHECK(node.weight == 1);
  CHECK(node.cache == CachePolicy::shared);
  CHECK(node.when.empty());
  CHECK(plan("cache = false\n").node.cache == CachePolicy::none);
  CHECK(plan("cache = true\n").node.cache == CachePolicy::shared);
}

TEST_CASE("a node may weigh more than its pool has slots: it takes all of them") {
  const auto [node, findings] = plan("pool = \"two\"\nweight = 3\n", {{"two", 2, {}}});
  CHECK(findings.empty());
  CHECK(node.pool == 0);
  CHECK(node.weight == 3);
}

TEST_CASE("what a process with secrets writes leaves the machine only when the node says so") {
  const std::string secret = "secret-env = [\"TOKEN\"]\n";
  CHECK(plan(secret).node.cache == CachePolicy::local);
  CHECK(plan(secret + "cache = true\n").node.cache == CachePolicy::shared);
  CHECK(plan(secret + "cache = \"local\"\n").node.cache == CachePolicy::local);
  CHECK(plan(secret + "cache = false\n").node.cache == CachePolicy::none);
  CHECK(plan("secret-env = []\n").node.cache == CachePolicy::shared);
}

TEST_CASE("input patterns are seen from dir") {
  const auto inputs = [](std::string_view lines) { return inputs_of(plan(lines).node); };
  CHECK(inputs("inputs = [\"**/*.go\", \"go.mod\", \"!vendor/**\"]\n") == "**/*.go go.mod !vendor/** ");
  CHECK(inputs("dir = \"a\"\ninputs = [\"./*.go\", \"b/\", \"!./b/**/c\"]\n") == "a/*.go a/b !a/b/**/c ");
  CHECK(inputs("dir = \"a/b\"\ninputs = [\"../*.go\", \"../../x\"]\n") == "a/*.go x ");
  CHECK(inputs("inputs = [\".\"]\n") == "** ");
  CHECK(inputs("dir = \"a\"\ninputs = [\".\"]\n") == "a ");
  CHECK(inputs("dir = \"a[1]\"\ninputs = [\"*.go\"]\n") == "a\\[1\\]/*.go ");
  CHECK(inputs("inputs = [\"{a,b}/*.go\", '\\!x']\n") == "{a,b}/*.go \\!x ");
}

TEST_CASE("what is wrong with common keys is said with its place") {
  struct Case {
    std::string_view lines;
    std::string_view expected;  // the message of the one finding
  };
  const Case cases[] = {
      {"dir = \"/abs\"", "`/abs` is an absolute path"},
      {"dir = \"..\"", "`..` leaves the workspace"},
      {"inputs = [\"/etc/*\"]", "`/etc/*` is an absolute path"},
      {"inputs = [\"../x\"]", "`../x` leaves the workspace"},
      {"inputs = [\"*/../x\"]", "`..` follows a wildcard in `*/../x`"},
      {"inputs = [\"!\"]", "an input pattern is empty"},
      {"outputs = [\"\"]", "the path of an output is empty"},
      {"outputs = [\".\"]", "output `.` is the workspace itself"},
      {"outputs = [\"../x\"]", "`../x` leaves the workspace"},
      {"outputs = [\".trilock/x\"]", "output `.trilock/x` is in `.trilock`, which is not for nodes"},
      {"outputs = [\".git/hooks/pre-commit\"]", "output `.git/hooks/pre-commit` is in `.git`, which is not for nodes"},
      {"outputs = [\"vendor/lib/.git\"]", "output `vendor/lib/.git` is in `.git`, which is not for nodes"},
      {"outputs = [\"sub/.trilock\"]", "output `sub/.trilock` is in `.trilock`, which is not for nodes"},
      {"outputs = [\"*.txt\"]", "output `*.txt` is a pattern"},
      {"outputs = [\"out/part-?\"]", "output `out/part-?` is a pattern"},
      {"outputs = { a = \"out/[ab]\" }", "output `out/[ab]` is a pattern"},
      {"outputs = [\"out/{a,b}\"]", "output `out/{a,b}` is a pattern"},
      {"depfile = \"out/*.d\"", "depfile `out/*.d` is a pattern"},
      {"depfile = \".git/x\"", "depfile `.git/x` is in `.git`, which is not for nodes"},
      {"outputs = [\"a\", \"./a/\"]", "output `a` is named twice"},
      {"outputs = [\"a/b\", \"a\"]", "outputs `a/b` and `a` lie one in the other"},
      {"outputs = [\"a\", \"a/b\"]", "outputs `a` and `a/b` lie one in the other"},
      {"pass-env = [\"A=B\"]", "`A=B` is no name of an environment variable"},
      {"env = { A = \"1\" }\nsecret-env = [\"A\"]", "`A` is in both `env` and `secret-env`"},
      {"when = \"yes\"", "`yes` is no condition"},
  };
  for (const Case& each : cases) {
    const std::string findings = plan(std::string(each.lines) + "\n", {{"two", 2, {}}}).findings;
    CAPTURE(each.lines);
    CHECK(findings.substr(0, findings.find('\n')) == "error: " + std::string(each.expected));
    CHECK(findings.find("error:", 1) == std::string::npos);
  }
  CHECK(plan("outputs = [\"ab\", \"a\", \"a.b\"]\n").findings.empty());
  CHECK(plan("inputs = [\"[a\"]\n").findings.starts_with("error: malformed pattern `[a`: "));
}

TEST_CASE("a finding shows the line, and the other line it is about") {
  CHECK(plan("outputs = [\"out\",\n  \"out/log\"]\n").findings ==
        R"(error: outputs `out` and `out/log` lie one in the other
  --> trilock.toml:4:3
   |
 4 |   "out/log"]
   |   ^^^^^^^^^
note: the other one is here
  --> trilock.toml:3:12
   |
 3 | outputs = ["out",
   |            ^^^^^
)");
}

TEST_CASE("conditions") {
  CHECK(condition("${go.test.version} == \"1.22\"") == "${go.test.version} is 1.22");
  CHECK(condition("prod!='prod'") == "prod is not prod");
  CHECK(condition("  \"a b\"  ==  \"\"  ") == "a b is ");
  CHECK(condition(" == \"x\"") == " is x");
  CHECK(condition("a == \"${image.x.digest}\"") == "a is ${image.x.digest}");
  CHECK(condition("a == \"${image.x.digest}-${image.x.ref}\"") == "a is ${image.x.digest}-${image.x.ref}");
  // Values of variables stand in the text already; they may look like anything.
  CHECK(condition("a == b == \"c\"") == "a == b is c");
  CHECK(condition("it's == \"c\"") == "it's is c");
  CHECK(condition("a == \"say \"hi\"\"") == "a is say \"hi\"");
  for (const std::string_view wrong : {"", "a", "a = \"b\"", "a == b", "a == \"b", "\"a\"", "a == ${image.x.ref}\"b\"",
                                       "a == \"b\"${image.x.ref}", "\"b\" =="})
    CHECK_MESSAGE(condition(wrong) == "no condition", wrong);
}

}  // namespace trilock::test
