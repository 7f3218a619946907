// What the rendered file must be: the Dev Container metadata reference, and docs/design/0003-devcontainer-terraform.md.
#include "rules/devcontainer/devcontainer_rule.hpp"

#include <doctest/doctest.h>

#include <string>

#include "cache/hash.hpp"
#include "schemas/json.hpp"
#include "tests/support/fake_resolve.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/scene.hpp"

using namespace trilock;
using namespace trilock::test;

namespace {

struct Scene : TargetText {
  explicit Scene(std::string_view lines) : TargetText("devcontainer", "dev", lines) {}

  MemoryDisk disk;
  SourceTree tree{disk, "/w"};

  void add_target(std::string_view rule, const std::string& name, Coordinates coordinates = {}) {
    Target other;
    other.label = make_label(std::string(rule) + "." + name, coordinates);
    other.rule = rule;
    other.coordinates = std::move(coordinates);
    pipeline.targets.push_back(std::move(other));
  }

  Node plan_and_show() {
    Node node = plan(tree);
    INFO(findings());
    REQUIRE_FALSE(diagnostics.has_errors());
    return node;
  }

  Action resolve(const Node& node, FakeResolve& context) {
    auto action = DevcontainerRule().resolve(node, target, context);
    REQUIRE(action);
    return std::move(*action);
  }

  std::string render() {
    FakeResolve context(tree);
    return resolve(plan_and_show(), context).writes.at(0).content;
  }

  // "message|help" of every error.
  std::string errors() {
    (void)plan(tree);
    std::string out;
    for (const auto& finding : diagnostics.all()) {
      out += (finding.severity == Severity::warning ? "warning: " : "") + finding.message + "|" + finding.help + "\n";
    }
    return out;
  }
};

}  // namespace

TEST_CASE("a template is rendered as plain JSON in the order of its keys") {
  Scene scene("template = \"t.json\"\nimage = \"app@sha256:1\"\ntools = { gopls = \"v0.16.1\" }\n");
  scene.disk.put(
      "/w/t.json",
      "\xEF\xBB\xBF// ours\n{\n  \"name\": \"dev\", /* x */\n  \"remoteUser\": null,\n"
      "  \"runArgs\": [\"--init\",],\n  \"customizations\": {\"vscode\": {\"extensions\": [\"golang.go\"]}},\n"
      "  \"forwardPorts\": [8080, \"db:5432\"],\n}\n");
  CHECK(
      scene.render() ==
      "{\n  \"name\": \"dev\",\n  \"image\": \"app@sha256:1\",\n  \"remoteUser\": null,\n  \"runArgs\": [\n"
      "    \"--init\"\n  ],\n  \"customizations\": {\n    \"vscode\": {\n      \"extensions\": [\n"
      "        \"golang.go\"\n      ]\n    },\n    \"trilock\": {\n      \"tools\": {\n        \"gopls\": \"v0.16.1\"\n"
      "      }\n    }\n  },\n  \"forwardPorts\": [\n    8080,\n    \"db:5432\"\n  ]\n}\n");
}

TEST_CASE("the image is pinned where the template names one") {
  Scene scene("template = \"t.json\"\nimage = \"new\"\n");
  scene.disk.put("/w/t.json", R"({"a": 1, "image": "old:latest", "b": 2})");
  CHECK(scene.render() == "{\n  \"a\": 1,\n  \"image\": \"new\",\n  \"b\": 2\n}\n");
}

TEST_CASE("our references are replaced, those of devcontainer.json stay") {
  Scene scene("template = \"t.json\"\nimage = \"${image.dev.ref}\"\n");
  refer_all(scene.target.table);
  scene.target.table.entries[0].value.data = Text{"t.json", {}};
  scene.add_target("image", "dev");
  scene.pipeline.vars = {{"go", "1.22"}};
  scene.disk.put("/w/t.json", R"json({
    "a": "${var.go} ${localEnv:HOME} ${localEnv:X:a.b} ${containerEnv:PATH} ${env:USER}",
    "b": "${containerWorkspaceFolder}/${localWorkspaceFolderBasename}-${devcontainerId}",
    "c": "sha ${image.dev.digest} and \" ${image.dev.ref}",
    "d": "$${var.go}"
  })json");
  const Node node = scene.plan_and_show();
  REQUIRE(node.dependencies.size() == 1);
  CHECK(node.dependencies[0].label == "image.dev");
  CHECK(node.dependencies[0].kind == DependencyKind::reference);
  FakeResolve context(scene.tree);
  context.values["image.dev"] = {{"digest", "sha256:0"}, {"ref", "with \"quote\"\n"}};
  const Action action = scene.resolve(node, context);
  const auto json = parse_json(action.writes.at(0).content);
  REQUIRE(json);
  const auto text = [&](const char* key) { return *json->at(key)->string(); };
  CHECK(text("a") == "1.22 ${localEnv:HOME} ${localEnv:X:a.b} ${containerEnv:PATH} ${env:USER}");
  CHECK(text("b") == "${containerWorkspaceFolder}/${localWorkspaceFolderBasename}-${devcontainerId}");
  CHECK(text("c") == "sha sha256:0 and \" with \"quote\"\n");
  CHECK(text("d") == "${var.go}");
  CHECK(text("image") == "with \"quote\"\n");
  CHECK(action.writes[0].path == ".devcontainer/devcontainer.json");
  CHECK(action.writes[0].mode == 0644);
  const auto collected = DevcontainerRule().collect(node, action, {});
  REQUIRE(collected);
  CHECK(collected->values == std::vector<Field>{{"sha256", strong_digest(action.writes[0].content).hex()}});
}

TEST_CASE("coordinates of the matrix reach the template") {
  Scene scene("template = \"t.json\"\n");
  scene.target.coordinates = {{"go", "1.22"}};
  for (const char* go : {"1.21", "1.22"}) {
    for (const char* libc : {"musl", "glibc"}) scene.add_target("image", "dev", {{"go", go}, {"libc", libc}});
  }
  scene.disk.put("/w/t.json", R"({"image": "${image.dev[libc=musl].ref}", "go": "${matrix.go}"})");
  const Node node = scene.plan_and_show();
  REQUIRE(node.dependencies.size() == 1);
  CHECK(node.dependencies[0].label == "image.dev[go=1.22,libc=musl]");
  FakeResolve context(scene.tree);
  CHECK(scene.resolve(node, context).writes[0].content.find("\"go\": \"1.22\"") != std::string::npos);
}

TEST_CASE("an inline table keeps its types and order") {
  Scene scene(
      "config = { z = 1, name = \"dev\", init = true, a = [1, 2.5, \"x\"], e = {}, l = [] }\noutput = \"x/d.json\"\n");
  CHECK(scene.render() ==
        "{\n  \"z\": 1,\n  \"name\": \"dev\",\n  \"init\": true,\n  \"a\": [\n    1,\n    2.5,\n    \"x\"\n  ],\n"
        "  \"e\": {},\n  \"l\": []\n}\n");
  Scene second("config = { name = \"dev\" }\noutput = \"x/d.json\"\ndir = \"sub\"\n");
  const Node node = second.plan_and_show();
  REQUIRE(node.outputs.size() == 1);
  CHECK(node.outputs[0].path == "sub/x/d.json");
  CHECK(node.exclusive == std::vector<std::string>{"sub/x/d.json"});
}

TEST_CASE("the template is an input, the rendered file an output") {
  Scene scene("template = \"t[1].json\"\n");
  scene.disk.put("/w/t[1].json", "{}");
  const Node node = scene.plan_and_show();
  const auto selected = scene.tree.select(node.inputs, {});
  REQUIRE(selected);
  CHECK(*selected == std::vector<std::string>{"t[1].json"});
  CHECK(node.outputs.at(0).path == ".devcontainer/devcontainer.json");
  CHECK(node.cache == CachePolicy::shared);
}

TEST_CASE("faults of a template are reported with line and column") {
  const auto errors = [](std::string_view content) {
    Scene scene("template = \"t.json\"\n");
    scene.add_target("image", "dev");
    scene.disk.put("/w/t.json", content);
    return scene.errors();
  };
  CHECK(errors("{\n  \"a\" 1\n}").starts_with("`t.json:2:7`: "));
  CHECK(errors("[1]") == "`t.json:1:1`: expected an object|\n");
  CHECK(errors("{\n  \"a\": \"é ${var.nope}\"\n}").starts_with("`t.json:2:11`: unknown variable `nope`|"));
  CHECK(errors("{\"k\": [\"x\", \"${image.dve.ref}\"]}") ==
        "`t.json:1:14`: unknown node `image.dve`|did you mean `image.dev`?\n");
  CHECK(errors("{\"k\": \"${image.dev.colour}\"}").starts_with("`t.json:1:8`: "));
  CHECK(
      errors("{\"k\": \"${git.tag}\"}") ==
      "`t.json:1:8`: `${git.tag}` cannot stand in a template|give it to a variable in [vars], and write `${var.NAME}` "
      "here\n");
  CHECK(errors("{\"k\": \"${env.USER}\"}").starts_with("`t.json:1:8`: `${env.USER}` cannot stand in a template|"));
}

TEST_CASE("what is wrong with the table") {
  const auto errors = [](std::string_view lines, std::string_view content = "{}") {
    Scene scene(lines);
    scene.disk.put("/w/t.json", content);
    scene.disk.put("/w/.devcontainer/ok/devcontainer-feature.json", "{}");
    scene.disk.put("/w/elsewhere/devcontainer-feature.json", "{}");
    return scene.errors();
  };
  CHECK(errors("") ==
        "[devcontainer.dev] has neither `template` nor `config`|`template` names a devcontainer.json with references, "
        "`config` is a table instead\n");
  CHECK(errors("template = \"t.json\"\nconfig = {}\n") ==
        "`template` and `config` exclude each other|keep one of them\n");
  CHECK(errors("template = \"no.json\"\n") == "template `no.json` does not exist|\n");
  CHECK(errors("template = \"../t.json\"\n").starts_with("`../t.json` leaves the workspace|"));
  CHECK(errors("template = \"t.json\"\nimage = \"x\"\n", R"({"build": {"dockerfile": "D"}})") ==
        "the configuration has `build`, which wins over `image`|remove `build` there, or `image` here\n");
  CHECK(errors("template = \"t.json\"\ntools = { gopls = \"\" }\n") == "`` is no version of `gopls`|\n");
  CHECK(errors("template = \"t.json\"\ntools = { gopls = \"latest\" }\n")
            .starts_with("warning: `latest` pins no version of `gopls`|"));
  const auto feature = [&](const std::string& id) {
    return errors("template = \"t.json\"\n", "{\"features\": {\"" + id + "\": {}}}");
  };
  CHECK(feature("./ok") == "");
  CHECK(feature("ghcr.io/devcontainers/features/go:1") == "");
  CHECK(feature("./gone") ==
        "feature `./gone` has no `.devcontainer/gone/devcontainer-feature.json`|its path is seen from "
        "`.devcontainer/devcontainer.json`\n");
  CHECK(feature("../elsewhere") ==
        "feature `../elsewhere` lies in `elsewhere`, outside of `.devcontainer`|local features must be below "
        "`.devcontainer`\n");
  CHECK(feature("/abs/x").starts_with("feature `/abs/x` is an absolute path|"));
}
