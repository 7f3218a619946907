// The terraform rule against a fake terraform. What the real one does with it: terraform_real_test.cpp.
#include "rules/terraform/terraform_rule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "cache/hash.hpp"
#include "rules/terraform/plan_review.hpp"
#include "rules/terraform/state_questions.hpp"
#include "tests/support/fake_resolve.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/scene.hpp"

using namespace trilock;
using namespace trilock::test;

namespace {

constexpr std::string_view configuration = R"(
variable "env" {}
variable "image" {}
variable "secret" { sensitive = true }
variable "list" { default = [] }
output "ip" { value = 1 }
output "token" {
  value     = 2
  sensitive = true
}
)";

struct Scene : TargetText {
  explicit Scene(std::string_view lines) : TargetText("terraform", "stg", "dir = \"tf\"\n" + std::string(lines)) {
    disk.put("/w/tf/main.tf", configuration);
    context.tools["terraform"] = {"/usr/bin/terraform"};
    context.answers["/usr/bin/terraform version -json"] = {
        0, R"({"terraform_version": "1.11.4", "platform": "linux_amd64", "provider_selections": {}})", "a warning"};
  }

  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  FakeResolve context{tree};
  TerraformRule rule;

  Action action() {
    const Node node = plan(tree);
    INFO(findings());
    REQUIRE_FALSE(diagnostics.has_errors());
    auto result = rule.resolve(node, target, context);
    REQUIRE(result);
    return std::move(*result);
  }

  std::string errors() {
    (void)plan(tree);
    std::string out;
    for (const auto& finding : diagnostics.all()) {
      out += (finding.severity == Severity::warning ? "warning: " : "") + finding.message + "|" + finding.help + "\n";
    }
    return out;
  }
};

std::string show(const std::vector<std::string>& argv) {
  std::string out;
  for (std::string word : argv) {
    if (const auto at = word.find(scratch_marker); at != std::string::npos)
      word.replace(at, scratch_marker.size(), "S");
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

std::string commands(const Action& action) {
  std::string out;
  for (const auto& process : action.processes) {
    out += show(process.argv) + (process.quiet ? " [quiet]" : "") + (process.review ? " [review]" : "") + "\n";
  }
  return out;
}

const EnvVar* variable(const Action& action, std::string_view name) {
  const auto found = std::find_if(action.env.begin(), action.env.end(), [&](const auto& v) { return v.name == name; });
  return found == action.env.end() ? nullptr : &*found;
}

std::string field(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? "-" : found->value;
}

bool has_input(const Action& action, const char* path) {
  return std::find(action.inputs.begin(), action.inputs.end(), path) != action.inputs.end();
}

}  // namespace

TEST_CASE("the processes of an apply") {
  Scene scene("workspace = \"staging\"\nexports = [\"ip\"]\nvar-files = [\"stg.tfvars\"]\nvars = { env = \"x\" }\n");
  scene.disk.put("/w/tf/stg.tfvars", "");
  const Action action = scene.action();
  CHECK(commands(action) ==
        "terraform init -input=false -no-color\n"
        "terraform workspace select -no-color -or-create=true staging\n"
        "terraform plan -input=false -no-color -detailed-exitcode -var-file=stg.tfvars -var-file=S/trilock.tfvars.json "
        "-out=S/plan\n"
        "terraform show -no-color -json S/plan [quiet] [review]\n"
        "terraform apply -input=false -no-color S/plan\n"
        "terraform output -no-color -json [quiet]\n"
        "terraform state pull [quiet]\n");
  for (const auto& process : action.processes) CHECK(process.dir == "tf");
  CHECK(action.processes[2].ok_codes == std::vector<int>{0, 2});
  CHECK(action.processes[4].ok_codes == std::vector<int>{0});
  CHECK(action.cache == CachePolicy::machine);
  REQUIRE(action.tools.size() == 1);
  CHECK(action.tools[0].identity == "1.11.4 linux_amd64");
}

TEST_CASE("the processes of the other actions") {
  Scene validate("action = \"validate\"\n");
  CHECK(commands(validate.action()) ==
        "terraform init -input=false -no-color -backend=false\nterraform validate -no-color\n");
  CHECK(Scene("action = \"validate\"\n").action().cache == CachePolicy::shared);
  CHECK(commands(Scene("action = \"plan\"\n").action()) ==
        "terraform init -input=false -no-color\n"
        "terraform plan -input=false -no-color -detailed-exitcode\n"
        "terraform state pull [quiet]\n");
  CHECK(commands(Scene("action = \"destroy\"\n").action()) ==
        "terraform init -input=false -no-color\n"
        "terraform plan -input=false -no-color -detailed-exitcode -destroy -out=S/plan\n"
        "terraform show -no-color -json S/plan [quiet] [review]\n"
        "terraform apply -input=false -no-color S/plan\n"
        "terraform state pull [quiet]\n");
}

TEST_CASE("variables keep their types and stay out of the arguments") {
  Scene scene(
      "vars = { env = \"a\\\"b\", list = [1, \"2\", true, { k = 1.5 }], image = \"${image.dev.digest}\", secret = "
      "\"hush\" }\nbackend-config = { key = \"s3cret\" }\n");
  refer_all(scene.target.table);
  scene.context.values["image.dev"]["digest"] = "sha256:1";
  const Action action = scene.action();
  REQUIRE(action.writes.size() == 2);
  CHECK(action.writes[0].path == std::string(scratch_marker) + "/trilock.tfbackend.json");
  CHECK(action.writes[0].mode == 0600);
  CHECK(action.writes[1].mode == 0600);
  CHECK(
      action.writes[1].content ==
      "{\n  \"env\": \"a\\\"b\",\n  \"list\": [\n    1,\n    \"2\",\n    true,\n    {\n      \"k\": 1.5\n    }\n  ],\n"
      "  \"image\": \"sha256:1\",\n  \"secret\": \"hush\"\n}\n");
  CHECK(commands(action).find("hush") == std::string::npos);
  CHECK(commands(action).find("s3cret") == std::string::npos);
  CHECK(field(action.fields, "var.env") == "\"a\\\"b\"");
  CHECK(field(action.fields, "var.image") == "\"sha256:1\"");
  CHECK(field(action.fields, "var.secret") == "sha256:" + strong_digest("\"hush\"").hex());
}

TEST_CASE("inputs are what terraform reads, never the state") {
  Scene scene("var-files = [\"stg.tfvars\"]\ninputs = [\"**\"]\n");
  for (const char* path :
       {"stg.tfvars", "terraform.tfvars", "a.auto.tfvars", ".terraform.lock.hcl", "terraform.tfstate",
        "terraform.tfstate.backup", "terraform.tfstate.d/x/terraform.tfstate", "other.tfvars"}) {
    scene.disk.put("/w/tf/" + std::string(path), "");
  }
  scene.disk.put("/w/tf/.terraform/modules/modules.json", "");
  const Action action = scene.action();
  CHECK(action.inputs == std::vector<std::string>{"tf/.terraform.lock.hcl", "tf/a.auto.tfvars", "tf/main.tf",
                                                  "tf/stg.tfvars", "tf/terraform.tfvars"});
  const auto selected = scene.tree.select(scene.plan(scene.tree).inputs, {});
  REQUIRE(selected);
  CHECK(*selected == std::vector<std::string>{"tf/.terraform.lock.hcl", "tf/a.auto.tfvars", "tf/main.tf",
                                              "tf/other.tfvars", "tf/stg.tfvars", "tf/terraform.tfvars"});

  Scene validate("action = \"validate\"\nvar-files = [\"stg.tfvars\"]\n");
  validate.disk.put("/w/tf/stg.tfvars", "");
  validate.disk.put("/w/tf/x.tftest.hcl", "");
  const Action checked = validate.action();
  CHECK(checked.inputs == std::vector<std::string>{"tf/main.tf", "tf/x.tftest.hcl"});
}

TEST_CASE("a configured state path is no input either") {
  Scene scene("inputs = [\"**\"]\n");
  scene.disk.put("/w/tf/b.tf", "terraform {\n backend \"local\" {\n path = \"here.json\"\n }\n}\n");
  scene.disk.put("/w/tf/here.json", "");
  const Action action = scene.action();
  CHECK(field(action.fields, "state") == "tf/here.json");
  const auto selected = scene.tree.select(scene.plan(scene.tree).inputs, {});
  REQUIRE(selected);
  CHECK(*selected == std::vector<std::string>{"tf/b.tf", "tf/main.tf"});
}

TEST_CASE("a symlinked file counts with its target") {
  Scene scene("");
  scene.disk.put("/w/common/versions.tf", "");
  scene.disk.put_symlink("/w/tf/versions.tf", "../common/versions.tf");
  const Action action = scene.action();
  CHECK(has_input(action, "tf/versions.tf"));
  CHECK(has_input(action, "common/versions.tf"));
}

TEST_CASE("the environment") {
  Scene scene("vars = { env = \"x\" }\nsecret-env = [\"AWS_SECRET_ACCESS_KEY\"]\n");
  scene.context.variables = {{"TF_VAR_image", "i"},          {"TF_VAR_secret", "s"},        {"TF_VAR_env", "other"},
                             {"TF_VAR_undeclared", "u"},     {"TF_CLI_CONFIG_FILE", "/rc"}, {"AWS_ACCESS_KEY_ID", "id"},
                             {"AWS_SECRET_ACCESS_KEY", "k"}, {"AWS_REGION", "eu"},          {"TF_WORKSPACE", "evil"},
                             {"TF_CLI_ARGS", "-destroy"},    {"TF_DATA_DIR", "/evil"}};
  const Action action = scene.action();
  const auto kind = [&](const char* name) {
    REQUIRE_MESSAGE(variable(action, name) != nullptr, name);
    return variable(action, name)->kind;
  };
  CHECK(kind("TF_VAR_image") == EnvClass::passed);
  CHECK(kind("TF_VAR_secret") == EnvClass::secret);
  CHECK(kind("AWS_ACCESS_KEY_ID") == EnvClass::ambient);
  CHECK(kind("AWS_REGION") == EnvClass::passed);
  CHECK(kind("TF_CLI_CONFIG_FILE") == EnvClass::ambient);
  CHECK(kind("TF_IN_AUTOMATION") == EnvClass::ambient);
  for (const char* name : {"TF_VAR_env", "TF_VAR_undeclared", "TF_CLI_ARGS", "AWS_SECRET_ACCESS_KEY"}) {
    CHECK_MESSAGE(variable(action, name) == nullptr, name);
  }
  CHECK(variable(action, "TF_WORKSPACE")->value == "default");
  CHECK(variable(action, "TF_DATA_DIR")->value == std::string(state_marker) + "/terraform/terraform.stg");
  CHECK(std::is_sorted(action.env.begin(), action.env.end(),
                       [](const EnvVar& a, const EnvVar& b) { return a.name < b.name; }));

  Scene other("workspace = \"x\"\n");
  const Action selected = other.action();
  CHECK(variable(selected, "TF_WORKSPACE") == nullptr);
  other.target.label = "terraform.stg[env=a/b]";
  const Action matrix = other.action();
  const auto& dir = variable(matrix, "TF_DATA_DIR")->value;
  CHECK(dir.starts_with(std::string(state_marker) + "/terraform/terraform.stg_env_a_b_-"));
}

TEST_CASE("one node at a time may use a state") {
  Scene scene("workspace = \"x\"\n");
  CHECK(scene.plan(scene.tree).exclusive == std::vector<std::string>{"terraform state tf/x"});
  Scene validate("action = \"validate\"\n");
  CHECK(validate.plan(validate.tree).exclusive.empty());
}

TEST_CASE("terraform is missing") {
  Scene scene("");
  scene.context.tools.clear();
  const auto action = scene.rule.resolve(scene.plan(scene.tree), scene.target, scene.context);
  REQUIRE_FALSE(action);
  CHECK(action.error().kind == ErrorKind::tool_missing);
  CHECK(action.error().message == "`terraform` is not in PATH");
  CHECK(action.error().help.find("HashiCorp's Debian repository") != std::string::npos);
}

TEST_CASE("what is wrong with the table") {
  const auto errors = [](std::string_view lines) { return Scene(lines).errors(); };
  CHECK(errors("vars = { envv = 1 }\n") == "the configuration declares no variable `envv`|did you mean `env`?\n");
  CHECK(errors("exports = [\"ipp\"]\n").starts_with("the configuration declares no output `ipp`|"));
  CHECK(errors("exports = [\"token\"]\n").starts_with("output `token` is sensitive and cannot be exported|"));
  CHECK(errors("exports = [\"ip\"]\naction = \"plan\"\n") == "only `action = \"apply\"` has outputs to export|\n");
  CHECK(errors("var-files = [\"no.tfvars\"]\n") ==
        "file `tf/no.tfvars` does not exist|`var-files` are relative to `tf`\n");
  CHECK(errors("workspace = \"a/b\"\n").starts_with("`a/b` is no name of a workspace|"));
  CHECK(errors("workspace = \"\"\n").starts_with("`` is no name of a workspace|"));
  CHECK(errors("env = { TF_WORKSPACE = \"x\" }\n") ==
        "`TF_WORKSPACE` cannot be set for a terraform node: trilock sets it|the key `workspace` names the workspace\n");
  Scene opaque("");
  opaque.disk.put("/w/tf/o.tf", "locals { x = file(var.env) }");
  CHECK(opaque.errors().starts_with("warning: a file is read at tf/o.tf:1 whose path only terraform knows|"));
}

TEST_CASE("collect: exports, serial and lineage") {
  Scene scene("exports = [\"ip\"]\n");
  const Action action = scene.action();
  const Node node = scene.plan(scene.tree);
  const auto collect = [&](std::string outputs, std::string state) {
    Run run;
    run.processes.resize(action.processes.size());
    for (std::size_t i = 0; i < action.processes.size(); ++i) {
      if (action.processes[i].name == "terraform output") run.processes[i].out = outputs;
      if (action.processes[i].name == "terraform state pull") run.processes[i].out = state;
    }
    return scene.rule.collect(node, action, run);
  };
  const std::string state = R"({"version": 4, "serial": 7, "lineage": "l"})";
  const auto text = collect(R"({"ip": {"sensitive": false, "type": "string", "value": "10.0.0.1"}})", state);
  REQUIRE(text);
  CHECK(text->values == std::vector<Field>{{"lineage", "l"}, {"output.ip", "10.0.0.1"}, {"serial", "7"}});
  CHECK(field(text->witness, "serial") == "7");
  CHECK(field(text->witness, "lineage") == "l");
  CHECK(field(text->witness, "backend") == "local");
  CHECK(field(text->witness, "state") == "tf/terraform.tfstate");
  const auto list = collect(R"({"ip": {"sensitive": false, "value": [1, {"a": null}]}})", state);
  REQUIRE(list);
  CHECK(field(list->values, "output.ip") == R"([1,{"a":null}])");
  CHECK(collect("{}", state).error().message == "terraform has no output `ip` after the apply");
  CHECK(collect(R"({"ip": {"sensitive": true, "value": "x"}})", state).error().message ==
        "output `ip` is sensitive and cannot be exported");
  CHECK_FALSE(collect(R"({"ip": {"value": "x"}})", "not json"));
}

TEST_CASE("probe: the state is what the last apply left") {
  Scene scene("");
  const Node node = scene.plan(scene.tree);
  ActionResult result;
  result.witness = {{"backend", "local"}, {"lineage", "l"}, {"serial", "7"}, {"state", "tf/terraform.tfstate"}};
  const auto probe = [&] { return scene.rule.probe(node, scene.target, result, scene.context); };
  CHECK(probe() == false);
  scene.disk.put("/w/tf/terraform.tfstate", R"({"version": 4, "serial": 7, "lineage": "l", "outputs": {}})");
  CHECK(probe() == true);
  scene.disk.put("/w/tf/terraform.tfstate", R"({"version": 4, "serial": 8, "lineage": "l", "outputs": {}})");
  CHECK(probe() == false);
  scene.disk.put("/w/tf/terraform.tfstate", R"({"version": 4, "serial": 7, "lineage": "other"})");
  CHECK(probe() == false);
  scene.disk.put("/w/tf/terraform.tfstate", "{");
  CHECK_FALSE(probe());
  CHECK(scene.context.asked.empty());
  result.witness.clear();
  CHECK(probe() == false);
}

TEST_CASE("probe: the state of a remote backend is asked for in every run") {
  Scene scene("workspace = \"x\"\nenv = { A = \"b\" }\n");
  scene.context.variables = {{"AWS_ACCESS_KEY_ID", "id"}};
  const Node node = scene.plan(scene.tree);
  ActionResult result;
  result.witness = {{"backend", "s3"}, {"lineage", "l"}, {"serial", "7"}};
  scene.context.answers["terraform state pull"] = {0, R"({"version": 4, "serial": 7, "lineage": "l"})", ""};
  CHECK(scene.rule.probe(node, scene.target, result, scene.context) == true);
  REQUIRE(scene.context.asked.size() == 1);
  const Question& question = scene.context.asked[0];
  CHECK(question.every_run);
  CHECK(question.dir == "tf");
  std::string env;
  for (const auto& entry : question.env) env += entry.name + "=" + entry.value + "\n";
  CHECK(env.find("TF_DATA_DIR=/w/.trilock/terraform/terraform.stg\n") != std::string::npos);
  CHECK(env.find("AWS_ACCESS_KEY_ID=id\n") != std::string::npos);
  CHECK(env.find("A=b\n") != std::string::npos);
  scene.context.answers["terraform state pull"] = {0, R"({"version": 4, "serial": 8, "lineage": "l"})", ""};
  CHECK(scene.rule.probe(node, scene.target, result, scene.context) == false);
  scene.context.answers["terraform state pull"] = {1, "", "Error"};
  CHECK_FALSE(scene.rule.probe(node, scene.target, result, scene.context));
}

namespace {

std::string judged(Approval approval, std::string_view plan) {
  const auto summary = read_plan(plan);
  REQUIRE(summary);
  const auto verdict = judge(*summary, approval);
  const char* kinds[] = {"proceed", "wait", "fail"};
  return std::string(kinds[static_cast<int>(verdict.kind)]) + (verdict.message.empty() ? "" : ": ") + verdict.message;
}

std::string plan_of(std::string_view changes, std::string_view more = "") {
  return R"({"format_version": "1.2", "errored": false, "complete": true, "resource_changes": [)" +
         std::string(changes) + "]" + std::string(more) + "}";
}

constexpr std::string_view create = R"({"address": "a.new", "change": {"actions": ["create"]}})";
constexpr std::string_view update = R"({"address": "a.up", "change": {"actions": ["update"]}})";
constexpr std::string_view replace = R"({"address": "a.rep[\"x\"]", "change": {"actions": ["delete", "create"]}})";
constexpr std::string_view gone = R"({"address": "a.old", "change": {"actions": ["delete"]}})";
constexpr std::string_view same = R"({"address": "a.same", "change": {"actions": ["no-op"]}})";
constexpr std::string_view data_read = R"({"address": "data.x", "change": {"actions": ["read"]}})";

}  // namespace

TEST_CASE("leftovers: the lock file of the local backend, when it is there") {
  Scene scene("vars = { env = \"a\", image = \"b\", secret = \"c\" }\n");
  const Action action = scene.action();
  const Node node = scene.plan(scene.tree);
  CHECK(action.leaves == std::vector<Field>{{"backend", "local"}, {"lock file", "tf/.terraform.tfstate.lock.info"}});
  auto left = scene.rule.leftovers(node, scene.target, action.leaves, 0, scene.context);
  REQUIRE(left);
  CHECK(left->empty());
  scene.disk.put("/w/tf/.terraform.tfstate.lock.info", "{}");
  scene.tree.forget("tf/.terraform.tfstate.lock.info");
  left = scene.rule.leftovers(node, scene.target, action.leaves, 0, scene.context);
  REQUIRE(left);
  REQUIRE(left->size() == 1);
  CHECK(left->front().what == "the lock file `tf/.terraform.tfstate.lock.info` of its state");
}

TEST_CASE("leftovers: the lock of another backend is asked for by its id") {
  Scene scene("vars = { env = \"a\", image = \"b\", secret = \"c\" }\n");
  scene.disk.put("/w/tf/backend.tf", "terraform {\n  backend \"http\" {}\n}\n");
  const Action action = scene.action();
  const Node node = scene.plan(scene.tree);
  CHECK(action.leaves == std::vector<Field>{{"backend", "http"}});
  Answer& answer =
      scene.context.answers["terraform untaint -no-color -lock-timeout=0s -allow-missing terraform_data.trilock"];
  CHECK(scene.rule.leftovers(node, scene.target, action.leaves, 0, scene.context)->empty());
  // As terraform 1.11.4 says it.
  answer = {1, "",
            "\nError: Error acquiring the state lock\n\nError message: HTTP remote state already locked:\nID=held-1\n"
            "Lock Info:\n  ID:        asked-for-2\n  Path:      \n"};
  const auto left = scene.rule.leftovers(node, scene.target, action.leaves, 0, scene.context);
  REQUIRE(left);
  REQUIRE(left->size() == 1);
  CHECK(left->front().what == "the lock held-1 on its state");
  CHECK(left->front().help.find(
            "cd /w/tf && TF_DATA_DIR=/w/.trilock/terraform/terraform.stg terraform force-unlock held-1") !=
        std::string::npos);
  CHECK(held_lock("Error: Error acquiring the state lock\n\nLock Info:\n  ID:        abc-3\n  Path:  x\n") == "abc-3");
  CHECK(!held_lock("Error: No value for required variable\n  ID: x\n"));
}

TEST_CASE("review: what may be applied without asking") {
  const auto both = std::string(create) + "," + std::string(update);
  const auto all = both + "," + std::string(replace) + "," + std::string(gone);
  CHECK(judged(Approval::no_destroy, plan_of(both)) == "proceed");
  CHECK(judged(Approval::automatic, plan_of(all)) == "proceed");
  CHECK(judged(Approval::manual, plan_of(std::string(same) + "," + std::string(data_read))) == "proceed");
  CHECK(judged(Approval::manual, plan_of(both)) ==
        "wait: the plan waits for approval: 1 to add, 1 to change, 0 to destroy; `approve = \"no-destroy\"` or "
        "`approve = \"auto\"` applies it");
  CHECK(
      judged(Approval::no_destroy, plan_of(all)) ==
      "wait: the plan waits for approval: 2 to add, 1 to change, 2 to destroy; it destroys `a.rep[\"x\"]` (replaced), "
      "`a.old`; `approve = \"auto\"` allows that");
  CHECK(judged(Approval::manual, plan_of("", R"(, "output_changes": {"o": {"actions": ["update"]}})"))
            .starts_with("wait"));
  CHECK(judged(Approval::manual, plan_of("", R"(, "applyable": true)")).starts_with("wait"));
  const std::string drift = R"(, "resource_drift": [{"address": "a.up", "change": {"actions": ["update"]}}])";
  CHECK(judged(Approval::no_destroy, plan_of(update, drift)) ==
        "wait: the plan waits for approval: 0 to add, 1 to change, 0 to destroy; `a.up` changed outside terraform; "
        "`approve = \"auto\"` applies over it");
  CHECK(judged(Approval::automatic, plan_of(update, drift)) == "proceed");
  CHECK(judged(Approval::automatic, R"({"format_version": "1.2", "errored": true})").starts_with("fail"));
  CHECK(judged(Approval::automatic, R"({"format_version": "1.2", "complete": false})").starts_with("fail"));
  CHECK_FALSE(read_plan("{}"));
  CHECK_FALSE(read_plan("Error: no plan"));
  std::string many;
  for (int i = 0; i < 7; ++i) many += (i > 0 ? "," : "") + std::string(gone);
  CHECK(judged(Approval::no_destroy, plan_of(many)).find("`a.old` and 2 more;") != std::string::npos);
}

TEST_CASE("review: the rule reads the approval from the table") {
  Scene scene("approve = \"auto\"\n");
  Run run;
  run.processes.resize(3);
  run.processes[2].out = plan_of(gone);
  const Node node = scene.plan(scene.tree);
  CHECK(scene.rule.review(node, scene.target, run, 2).kind == Verdict::Kind::proceed);
  Scene careful("");
  CHECK(careful.rule.review(node, careful.target, run, 2).kind == Verdict::Kind::wait);
  run.processes[2].out = "no json";
  CHECK(careful.rule.review(node, careful.target, run, 2).kind == Verdict::Kind::fail);
}
