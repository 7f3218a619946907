// The terraform rule with the real terraform, on its builtin resource: no network is needed.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "cache/disk.hpp"
#include "rules/terraform/configuration.hpp"
#include "rules/terraform/terraform_rule.hpp"
#include "schemas/json.hpp"
#include "tests/support/fake_resolve.hpp"
#include "tests/support/real_tools.hpp"
#include "tests/support/scene.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using namespace trilock::test;
namespace fs = std::filesystem;

namespace {

void put(const std::string& path, std::string_view content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string replaced(std::string text, std::string_view marker, const std::string& with) {
  for (auto at = text.find(marker); at != std::string::npos; at = text.find(marker, at)) {
    text.replace(at, marker.size(), with);
  }
  return text;
}

// What the engine does with an action, as far as these tests need it: markers, files, processes, review, collect.
struct Workspace {
  TemporaryDirectory root;
  std::unique_ptr<Disk> disk = make_real_disk();
  TerraformRule rule;
  std::string output;  // of all processes
  Verdict verdict;

  Workspace& file(const std::string& path, std::string_view content) {
    put(root / path, content);
    return *this;
  }

  ActionResult run(std::string_view table, std::size_t expected_processes = 99) {
    TargetText text("terraform", "stg", table);
    SourceTree tree(*disk, root.path());
    FakeResolve context(tree);
    use_real_tools(context, {"terraform"});
    REQUIRE_MESSAGE(!context.tools["terraform"].empty(), "terraform is not in PATH");
    const Node node = text.plan(tree);
    INFO(text.findings());
    REQUIRE_FALSE(text.diagnostics.has_errors());
    const auto action = rule.resolve(node, text.target, context);
    REQUIRE(action);
    Run run = execute(*action, node, text.target);
    ActionResult result;
    if (run.processes.size() < std::min(expected_processes, action->processes.size())) return result;
    if (run.processes.size() < action->processes.size()) return result;
    const auto collected = rule.collect(node, *action, run);
    REQUIRE(collected);
    result.values = collected->values;
    result.witness = collected->witness;
    return result;
  }

  Run execute(const Action& action, const Node& node, const Target& target) {
    const TemporaryDirectory scratch;
    const auto absolute = [&](std::string value) {
      value = replaced(replaced(std::move(value), scratch_marker, scratch.path()), workspace_marker, root.path());
      return replaced(std::move(value), state_marker, root.path() + "/.trilock");
    };
    for (const FileWrite& write : action.writes) put(absolute(write.path), write.content);
    std::vector<EnvVar> env = action.env;
    for (EnvVar& entry : env) entry.value = absolute(entry.value);
    Run run;
    verdict = {};
    for (std::size_t i = 0; i < action.processes.size(); ++i) {
      const Process& process = action.processes[i];
      std::vector<std::string> argv = process.argv;
      for (std::string& word : argv) word = absolute(word);
      const Answer answer = run_tool(argv, root / process.dir, env);
      output += answer.out + answer.err;
      run.processes.push_back({answer.exit_code, answer.out, answer.err, 0});
      const auto& ok = process.ok_codes;
      if (std::find(ok.begin(), ok.end(), answer.exit_code) == ok.end()) return run;
      if (process.review) verdict = rule.review(node, target, run, i);
      if (verdict.kind != Verdict::Kind::proceed) return run;
    }
    return run;
  }

  Result<bool> probe(std::string_view table, const ActionResult& result) {
    TargetText text("terraform", "stg", table);
    SourceTree tree(*disk, root.path());
    FakeResolve context(tree);
    use_real_tools(context, {"terraform"});
    const Node node = text.plan(tree);
    return rule.probe(node, text.target, result, context);
  }
};

std::string value(const ActionResult& result, std::string_view name) {
  for (const Field& field : result.values) {
    if (field.name == name) return field.value;
  }
  return "-";
}

constexpr std::string_view box = R"(
variable "hash" { type = string }
variable "tags" { type = map(string) }
resource "terraform_data" "box" {
  triggers_replace = var.hash
  input            = var.tags
}
output "hash" { value = terraform_data.box.triggers_replace }
output "tags" { value = var.tags }
)";

}  // namespace

TEST_CASE("apply, leave alone, notice another state, replace with approval, destroy") {
  Workspace work;
  work.file("tf/main.tf", box);
  const std::string head = "dir = \"tf\"\nexports = [\"hash\", \"tags\"]\n";
  const std::string first = head + "vars = { hash = \"one\", tags = { a = \"$${x}\" } }\n";
  const ActionResult applied = work.run(first);
  INFO(work.output);
  CHECK(value(applied, "output.hash") == "one");
  CHECK(value(applied, "output.tags") == R"({"a":"$${x}"})");
  CHECK(value(applied, "lineage").size() == 36);
  CHECK(work.probe(first, applied) == true);
  CHECK(fs::exists(work.root / "tf/terraform.tfstate"));
  CHECK_FALSE(fs::exists(work.root / "tf/.terraform"));

  // Nothing to do: the state keeps its serial.
  CHECK(value(work.run(first), "serial") == value(applied, "serial"));

  const std::string second = head + "vars = { hash = \"two\", tags = {} }\n";
  CHECK(work.run(second, 0).values.empty());
  CHECK(work.verdict.kind == Verdict::Kind::wait);
  CHECK(
      work.verdict.message ==
      "the plan waits for approval: 1 to add, 0 to change, 1 to destroy; it destroys `terraform_data.box` (replaced); "
      "`approve = \"auto\"` allows that");
  CHECK(work.probe(first, applied) == true);

  const ActionResult changed = work.run(second + "approve = \"auto\"\n");
  CHECK(value(changed, "output.hash") == "two");
  CHECK(value(changed, "serial") != value(applied, "serial"));
  CHECK(work.probe(first, applied) == false);
  CHECK(work.probe(second, changed) == true);

  const std::string down = "dir = \"tf\"\naction = \"destroy\"\nvars = { hash = \"two\", tags = {} }\n";
  CHECK(work.run(down, 0).values.empty());
  CHECK(work.verdict.kind == Verdict::Kind::wait);
  const ActionResult destroyed = work.run(down + "approve = \"auto\"\n");
  CHECK(value(destroyed, "lineage") == value(applied, "lineage"));
  CHECK(work.probe(down, destroyed) == true);
  CHECK(work.probe(second, changed) == false);
}

TEST_CASE("a workspace of its own, a backend that is configured, validate and plan") {
  Workspace work;
  work.file("tf/main.tf", "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"x\" {}\n");
  const std::string table = "dir = \"tf\"\nbackend-config = { workspace_dir = \"../states\" }\nworkspace = \"stg\"\n";
  const ActionResult applied = work.run(table);
  INFO(work.output);
  CHECK(fs::exists(work.root / "states/stg/terraform.tfstate"));
  CHECK(work.probe(table, applied) == true);
  put(work.root / "states/stg/terraform.tfstate", R"({"version": 4, "serial": 99, "lineage": "x"})");
  CHECK(work.probe(table, applied) == false);

  CHECK(work.run("dir = \"tf\"\naction = \"validate\"\n").values.empty());
  Workspace planned;
  planned.file("main.tf", box);
  const ActionResult plan = planned.run("action = \"plan\"\nvars = { hash = \"x\", tags = {} }\n");
  CHECK(planned.output.find("Plan: 1 to add, 0 to change, 0 to destroy.") != std::string::npos);
  CHECK(value(plan, "serial").empty());
  CHECK_FALSE(fs::exists(planned.root / "terraform.tfstate"));
  CHECK(planned.probe("action = \"plan\"\n", plan) == true);
}

namespace {

// Below `root`, relative to it, what a traced process opened for reading.
std::set<std::string> opened(const std::string& trace, const std::string& root, const std::string& dir) {
  std::set<std::string> paths;
  std::istringstream lines(read_whole(trace));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("openat(AT_FDCWD, \"") == std::string::npos || line.find(" = -1") != std::string::npos) continue;
    if (line.find("O_RDONLY") == std::string::npos) continue;
    const auto begin = line.find('"') + 1;
    const auto path = fs::path(root) / dir / line.substr(begin, line.find('"', begin) - begin);
    const auto clean = path.lexically_normal().string();
    if (clean.starts_with(root + "/") && fs::is_regular_file(clean)) paths.insert(clean.substr(root.size() + 1));
  }
  return paths;
}

}  // namespace

TEST_CASE("the files that terraform opens are the inputs of the action") {
  Workspace work;
  work.file("tf/main.tf", R"(
variable "a" { default = "" }
variable "b" { default = "" }
module "net" { source = "./modules/net" }
module "up" { source = "../common" }
locals {
  x = file("plain.txt")
  y = templatefile("${path.module}/t.tftpl", { v = "/* module \"no\" { source = \"./no\" } */" })
  z = <<-EOT
    module "no" { source = "./no" }
    ${filesha256("${path.root}/in-heredoc.txt")}
  EOT
  s = [for name in fileset(path.module, "conf/*.json") : filemd5("${path.module}/conf/a.json")]
  # file("in-comment.txt")
}
resource "terraform_data" "x" { input = [local.x, local.y, local.z, local.s, var.a] }
)");
  work.file("tf/x_override.tf", "variable \"a\" { default = \"o\" }\n")
      .file("tf/.hidden.tf", "{{{")
      .file("tf/b.tf~", "{");
  work.file("tf/more.tf.json", R"({"locals": {"j": "${filesha1(\"${path.module}/from-json.txt\")}"}})");
  work.file("tf/modules/net/n.tf", "module \"deep\" {\n  source = \"../deep\" // here\n}\n");
  work.file("tf/modules/deep/d.tf", "output \"o\" { value = file(\"${path.module}/d.txt\") }\n");
  work.file("tf/modules/deep/d.txt", "d").file("common/s.tf", "locals { v = file(\"${path.root}/plain.txt\") }");
  work.file("tf/no/n.tf", "").file("tf/other.tfvars", "").file("tf/in-comment.txt", "").file("tf/notes.md", "");
  for (const char* name : {"plain.txt", "t.tftpl", "in-heredoc.txt", "conf/a.json", "from-json.txt"}) {
    work.file(std::string("tf/") + name, "1");
  }
  work.file("tf/terraform.tfvars", "a = 1\n").file("tf/z.auto.tfvars.json", "{}").file("tf/stg.tfvars", "b = 2\n");

  SourceTree tree(*work.disk, work.root.path());
  FakeResolve context(tree);
  use_real_tools(context, {"terraform", "strace"});
  REQUIRE_MESSAGE(!context.tools["strace"].empty(), "strace is not in PATH: install the Debian package `strace`");
  TargetText text("terraform", "stg", "dir = \"tf\"\nvar-files = [\"stg.tfvars\"]\n");
  const Node node = text.plan(tree);
  INFO(text.findings());
  REQUIRE_FALSE(text.diagnostics.has_errors());
  const auto action = work.rule.resolve(node, text.target, context);
  REQUIRE(action);

  const TemporaryDirectory scratch;
  const std::vector<EnvVar> env = {{"TF_DATA_DIR", scratch / "data"}, {"CHECKPOINT_DISABLE", "1"}};
  const Answer init = run_tool({"terraform", "init", "-input=false", "-no-color"}, work.root / "tf", env);
  REQUIRE_MESSAGE(init.exit_code == 0, init.err);
  const Answer plan = run_tool({"strace", "-f", "-e", "trace=openat", "-o", scratch / "trace", "terraform", "plan",
                                "-input=false", "-no-color", "-var-file=stg.tfvars"},
                               work.root / "tf", env);
  REQUIRE_MESSAGE(plan.exit_code == 0, plan.err);
  const auto seen = opened(scratch / "trace", work.root.path(), "tf");
  const std::set<std::string> known(action->inputs.begin(), action->inputs.end());
  CHECK(seen == known);
  std::string difference;
  for (const auto& path : seen) difference += known.contains(path) ? "" : "only terraform reads " + path + "\n";
  for (const auto& path : known) difference += seen.contains(path) ? "" : "only trilock reads " + path + "\n";
  CHECK(difference == "");

  const auto manifest = parse_json(read_whole(scratch / "data/modules/modules.json"));
  REQUIRE(manifest);
  std::set<std::string> modules;
  for (const Json& module : *manifest->at("Modules")->array()) {
    if (!module.at("Key")->string()->empty()) {
      modules.insert(*module.at("Key")->string() + "=" +
                     (fs::path("tf") / *module.at("Dir")->string()).lexically_normal().string());
    }
  }
  std::set<std::string> found;
  for (const auto& module : read_terraform(tree, "tf", false).modules) found.insert(module.key + "=" + module.dir);
  CHECK(found == modules);
}
