// Which files make up a Terraform module. Expectations: Terraform's language documentation, and what
// terraform_real_test.cpp sees terraform open.
#include <doctest/doctest.h>

#include <string>

#include "rules/terraform/configuration.hpp"
#include "rules/terraform/state.hpp"
#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;

namespace {

struct Files {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  Files& put(const std::string& path, std::string_view content = "") {
    disk.put("/w/" + path, content);
    return *this;
  }
};

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : " ") + item;
  return out;
}

std::string messages(const TerraformConfiguration& configuration) {
  std::string out;
  for (const auto& problem : configuration.problems) out += problem.message + "|" + problem.help + "\n";
  return out;
}

}  // namespace

TEST_CASE("a module behind a symlink counts as any other") {
  Files files;
  files.put("tf/main.tf", "module \"m\" {\n  source = \"./mod\"\n}\n").put("shared/inner.tf");
  files.disk.put_symlink("/w/tf/mod", "../shared");
  const auto found = read_terraform(files.tree, "tf", false);
  CHECK(messages(found).empty());
  CHECK(list(found.files) == "tf/main.tf tf/mod/inner.tf");
}

TEST_CASE("the files of a root module") {
  Files files;
  files.put("tf/main.tf").put("tf/x.tf.json", "{}").put("tf/x_override.tf").put("tf/.hidden.tf").put("tf/a.tf~");
  files.put("tf/#b.tf#")
      .put("tf/notes.md")
      .put("tf/sub/no.tf")
      .put("tf/terraform.tfstate")
      .put("tf/.terraform.lock.hcl");
  files.put("tf/a.tftest.hcl").put("tf/tests/b.tftest.hcl").put("tf/tests/c.txt");
  CHECK(list(read_terraform(files.tree, "tf", false).files) ==
        "tf/.terraform.lock.hcl tf/main.tf tf/x.tf.json tf/x_override.tf");
  CHECK(list(read_terraform(files.tree, "tf", true).files) ==
        "tf/.terraform.lock.hcl tf/a.tftest.hcl tf/main.tf tf/tests/b.tftest.hcl tf/x.tf.json tf/x_override.tf");
}

TEST_CASE("variable files that terraform loads by itself, in its order") {
  Files files;
  files.put("b.auto.tfvars").put("a.auto.tfvars.json").put("terraform.tfvars.json").put("terraform.tfvars");
  files.put("staging.tfvars").put(".x.auto.tfvars");
  CHECK(list(automatic_variable_files(files.tree, "")) ==
        "terraform.tfvars terraform.tfvars.json a.auto.tfvars.json b.auto.tfvars");
}

TEST_CASE("local modules are entered, remote ones are named") {
  Files files;
  files.put("tf/main.tf",
            "module \"net\" {\n  source = \"./modules/net\"\n}\nmodule \"net2\" {\n source = \"./modules/net\"\n}\n"
            "module \"far\" { source = \"hashicorp/consul/aws\" }\nmodule \"odd\" { source = var.x }\n");
  files.put("tf/modules/net/net.tf", "module \"sub\" { source = \"../sub\" }");
  files.put("tf/modules/sub/s.tf.json", R"({"module": {"up": {"source": "../../../common"}}})");
  files.put("common/x.tf", "module \"self\" { source = \"../common\" }");
  const auto found = read_terraform(files.tree, "tf", false);
  CHECK(list(found.files) == "common/x.tf tf/main.tf tf/modules/net/net.tf tf/modules/sub/s.tf.json");
  std::string modules;
  for (const auto& module : found.modules) modules += module.key + "=" + module.dir + "\n";
  CHECK(modules ==
        "net=tf/modules/net\nnet.sub=tf/modules/sub\nnet.sub.up=common\nnet.sub.up.self=common\n"
        "net2=tf/modules/net\nnet2.sub=tf/modules/sub\nnet2.sub.up=common\nnet2.sub.up.self=common\n"
        "far=\nodd=\n");
  CHECK(messages(found) == "");
}

TEST_CASE("modules outside of the workspace count too") {
  Files files;
  files.put("main.tf", "module \"m\" { source = \"../lib/m\" }");
  files.disk.put("/lib/m/m.tf", "locals { a = file(\"${path.module}/a.txt\") }");
  files.disk.put("/lib/m/a.txt", "");
  const auto found = read_terraform(files.tree, "", false);
  CHECK(list(found.files) == "/lib/m/m.tf main.tf");
  CHECK(list(found.read_files) == "/lib/m/a.txt");
}

TEST_CASE("what the root module declares") {
  Files files;
  files.put("main.tf", R"(
terraform {
  required_version = ">= 1.5"
  backend "local" {
    path = "state/x.tfstate"
  }
}
variable "a" {}
variable "b" {
  default   = { x = 1 }
  sensitive = true
}
output "o" { value = 1 }
resource "variable" "no" { default = 1 }
)");
  files.put("more.tf.json", R"({"variable": {"c": {"default": null, "sensitive": true}, "d": [{}]},
                                "output": {"p": {"value": 1, "sensitive": true}}})");
  files.put("m_override.tf", "variable \"a\" { default = 1 }\nterraform {\n backend \"s3\" {}\n}\n");
  const auto found = read_terraform(files.tree, "", false);
  CHECK(found.required_version == ">= 1.5");
  REQUIRE(found.backend);
  CHECK(found.backend->type == "s3");
  std::string variables;
  for (const auto& v : found.variables) {
    variables += v.name + (v.sensitive ? " sensitive" : "") + (v.has_default ? " default" : "") + "\n";
  }
  CHECK(variables == "a default\nb sensitive default\nc sensitive default\nd\n");
  REQUIRE(found.output("p") != nullptr);
  CHECK(found.output("p")->sensitive);
  CHECK_FALSE(found.output("o")->sensitive);
  CHECK(found.output("x") == nullptr);
}

TEST_CASE("files that functions read") {
  Files files;
  files.put("tf/main.tf", R"(
locals {
  a = file("a.txt")
  b = file("${path.module}/b.txt")
  c = file("absent.txt")
  d = fileset(path.module, "conf/*.json")
  e = file(var.x)
}
module "m" { source = "./m" }
)");
  files.put("tf/m/m.tf",
            "locals {\n x = filesha256(\"${path.module}/in-m.txt\")\n y = file(\"${path.root}/a.txt\")\n}");
  files.put("tf/m/x.tf.json",
            R"({"locals": {"z": "${templatefile(\"${path.module}/t.tftpl\", {})}", "v": "${file(var.v)}"}})");
  for (const char* path : {"tf/a.txt", "tf/b.txt", "tf/m/in-m.txt", "tf/m/t.tftpl", "tf/conf/x.json"}) files.put(path);
  const auto found = read_terraform(files.tree, "tf", false);
  CHECK(list(found.read_files) == "tf/a.txt tf/b.txt tf/m/in-m.txt tf/m/t.tftpl");
  REQUIRE(found.filesets.size() == 1);
  CHECK(found.filesets[0].pattern == "tf/conf/*.json");
  CHECK(list(found.opaque_reads) == "tf/m/x.tf.json tf/main.tf:7");
}

TEST_CASE("what keeps a module from being planned") {
  Files files;
  files.put("empty/readme.md").put("tf/main.tf", "\nmodule \"m\" {\n source = \"./gone\"\n}\n");
  CHECK(messages(read_terraform(files.tree, "nowhere", false)) == "folder `nowhere` does not exist|\n");
  CHECK(messages(read_terraform(files.tree, "empty", false)) ==
        "folder `empty` has no Terraform files|`dir` must name the folder that holds the `*.tf` files of the root "
        "module\n");
  CHECK(messages(read_terraform(files.tree, "tf", false)) ==
        "module `m` in tf/main.tf:2 has no folder `tf/gone`|`source` is `./gone`, seen from `tf`\n");
}

TEST_CASE("where the local backend keeps a state") {
  Files files;
  const auto path = [&](const char* dir, TerraformBackend backend, const char* workspace) {
    return local_state_path(files.tree, dir, backend, workspace);
  };
  CHECK(path("", {"local", {}, {}}, "default") == "terraform.tfstate");
  CHECK(path("tf", {"local", {}, {}}, "default") == "tf/terraform.tfstate");
  CHECK(path("tf", {"local", {}, {}}, "stg") == "tf/terraform.tfstate.d/stg/terraform.tfstate");
  CHECK(path("tf", {"local", "x/y.tfstate", {}}, "default") == "tf/x/y.tfstate");
  CHECK(path("tf", {"local", "../y.tfstate", "d"}, "stg") == "tf/d/stg/terraform.tfstate");
  CHECK(path("tf", {"local", "../y.tfstate", {}}, "default") == "y.tfstate");
  CHECK(path("tf", {"local", "/var/y.tfstate", {}}, "default") == "/var/y.tfstate");
}

TEST_CASE("versions of a state") {
  const auto version = read_state(R"({"version": 4, "serial": 18446744073709551615, "lineage": "l-1", "outputs": {}})");
  REQUIRE(version);
  CHECK(version->lineage == "l-1");
  CHECK(version->serial == "18446744073709551615");
  CHECK(read_state("") == StateVersion{});
  CHECK(read_state("\n") == StateVersion{});
  CHECK_FALSE(read_state("{}"));
  CHECK_FALSE(read_state("{\"serial\": 1"));
}
