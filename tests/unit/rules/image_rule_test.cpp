#include "rules/image/image_rule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "rules/image/context.hpp"
#include "tests/support/fake_resolve.hpp"
#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::FakeResolve;
using trilock::test::MemoryDisk;

namespace {

const std::string id_a = "sha256:" + std::string(64, 'a');
const std::string id_b = "sha256:" + std::string(64, 'b');

// A workspace at /w and a pipeline of image tables, planned and resolved without a loader.
struct Scene {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  SourceMap sources;
  Diagnostics diagnostics;
  Pipeline pipeline;
  ImageRule rule;
  FakeResolve context{tree};

  Scene() {
    context.tools["buildah"] = {"/usr/bin/buildah"};
    context.answers["buildah --version"] = {0, "buildah version 1.28.2 (image-spec 1.1.0)\n", ""};
  }

  void load(const std::string& text) {
    const SourceId source = sources.add("trilock.toml", text);
    const ConfigTable document = read_toml(source, sources, diagnostics);
    REQUIRE(document.find("image") != nullptr);
    for (const ConfigEntry& entry : document.find("image")->table()->entries) {
      Target target{.rule = "image", .label = "image." + entry.key};
      target.table = *entry.value.table();
      target.place = {source, entry.place.line, 1, 1};
      pipeline.targets.push_back(std::move(target));
    }
  }

  Target& target(std::string_view name) {
    const auto found = std::ranges::find(pipeline.targets, name, &Target::name);
    REQUIRE(found != pipeline.targets.end());
    return *found;
  }

  Node plan(std::string_view name) {
    Node node{.label = target(name).label};
    PlanContext plan_context{pipeline, tree, diagnostics};
    rule.plan(target(name), plan_context, node);
    return node;
  }

  Action resolve(std::string_view name) {
    const Node node = plan(name);
    REQUIRE(findings().empty());
    auto action = rule.resolve(node, target(name), context);
    if (!action) FAIL(action.error().message);
    return std::move(*action);
  }

  [[nodiscard]] std::string findings() const {
    std::string text;
    for (const Diagnostic& one : diagnostics.all()) {
      text +=
          one.message + " @" + std::to_string(one.place.line) + (one.help.empty() ? "" : " (" + one.help + ")") + "\n";
    }
    return text;
  }
};

std::string labels_of(const Node& node) {
  std::string text;
  for (const Dependency& each : node.dependencies) text += each.label + "\n";
  return text;
}

std::string written(const Action& action, std::string_view name) {
  for (const FileWrite& write : action.writes) {
    if (write.path.ends_with(name)) return write.content;
  }
  return "<not written>";
}

std::vector<std::string> destinations(const std::vector<StagedEntry>& entries) {
  std::vector<std::string> paths;
  for (const StagedEntry& entry : entries) paths.push_back(entry.destination);
  return paths;
}

bool has_words(const Process& process, const std::vector<std::string>& words) {
  return std::ranges::search(process.argv, words).begin() != process.argv.end();
}

}  // namespace

TEST_CASE("image: files that are missing or wrong") {
  Scene scene;
  scene.disk.put("/w/d/Dockerfile", "FROM scratch\n");
  scene.disk.put("/w/bad", "FROM scratch\nCOPPY a b\n");
  scene.disk.put("/w/ok", "FROM scratch AS one\nARG GO\n");
  scene.load(
      "[image.a]\n\n[image.b]\ndockerfile = \"docker/b\"\n\n[image.c]\ndockerfile = \"d\"\n\n"
      "[image.d]\ndockerfile = \"bad\"\n\n[image.e]\ndockerfile = \"ok\"\ncontext = \"none\"\n\n"
      "[image.f]\ndockerfile = \"ok\"\ntarget = \"oen\"\nargs = { GP = \"1\" }\npush = true\n"
      "[image.g]\ndockerfile = \"../x\"\n[image.h]\ndockerfile = \"ok\"\ntags = [\"Go\"]\n");
  for (const auto* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) (void)scene.plan(name);
  CHECK(scene.findings() ==
        "`Dockerfile` does not exist @1 (write it, or name another file by `dockerfile`)\n"
        "`docker/b` does not exist @4 (a path is relative to the workspace, or to `dir` where that is set)\n"
        "`d` is a directory, expected a Dockerfile @7\n"
        "`bad:2`: unknown instruction `COPPY` @10 (did you mean `COPY`?)\n"
        "context `none` does not exist @14 (name a directory of the workspace by `context`)\n"
        "`push` has no tag to push @20 (add `tags = [\"registry.example/name:tag\"]`)\n"
        "`../x` leaves the workspace @22 (the workspace is the directory of the pipeline and all below it)\n"
        "`Go` is no name for an image: its repository has the capital letter `G` @25\n");
}

TEST_CASE("image: stages and arguments that do not exist") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM scratch AS one\nARG GO\n");
  scene.load(
      "[image.f]\ntarget = \"oen\"\nargs = { GP = \"1\", HTTP_PROXY = \"x\" }\ncontexts = { one = \"image.z\" }\n");
  (void)scene.plan("f");
  CHECK(scene.findings() ==
        "`image.z` is no image of this pipeline @4 (name an image node of the pipeline, such as `image.base`, or write "
        "`${…}`)\n");
  Scene other;
  other.disk.put("/w/Dockerfile", "FROM scratch AS one\nARG VERSION\n");
  other.load("[image.f]\ntarget = \"onne\"\nargs = { VERSON = \"1\" }\n");
  (void)other.plan("f");
  CHECK(other.findings() ==
        "no `ARG` of `Dockerfile` declares `VERSON` @3 (did you mean `VERSION`?)\n"
        "`Dockerfile` has no stage `onne` @2 (did you mean `one`?)\n");
}

TEST_CASE("image: a Dockerfile that another node writes is not asked for") {
  Scene scene;
  scene.load("[image.a]\ndockerfile = \"gen/Dockerfile\"\ncontext = \"gen\"\n");
  Target writer{.rule = "command", .label = "command.gen"};
  const SourceId source = scene.sources.add("x.toml", "outputs = [\"gen\"]\n");
  writer.table = read_toml(source, scene.sources, scene.diagnostics);
  scene.pipeline.targets.push_back(std::move(writer));
  (void)scene.plan("a");
  CHECK(scene.findings().empty());
}

TEST_CASE("image: nodes that it builds on") {
  Scene scene;
  scene.disk.put("/w/Dockerfile",
                 "ARG FLAVOUR=base\nFROM ${FLAVOUR}:1 AS a\nFROM docker.io/library/unused AS unused\n"
                 "FROM go\nCOPY --from=me/tools /t /t\nRUN --mount=type=bind,from=mnt,target=/m x\n");
  scene.disk.put("/w/s", "FROM scratch\n");
  scene.load(
      "[image.base]\ndockerfile = \"s\"\ntags = [\"library/base:1\"]\n[image.unused]\ndockerfile = \"s\"\ntags = "
      "[\"unused:latest\"]\n[image.tools]\ndockerfile = \"s\"\ntags = [\"docker.io/me/tools:latest\"]\n"
      "[image.other]\ndockerfile = \"s\"\n[image.dev]\ncontexts = { go = \"image.other\", mnt = \"image.other\" }\n");
  CHECK(labels_of(scene.plan("dev")) == "image.other\nimage.other\nimage.tools\n");
  scene.target("dev").table.entries.push_back({"target", {}, Config{Text{.literal = "a"}, {}}});
  CHECK(labels_of(scene.plan("dev")) == "image.other\nimage.other\nimage.base\n");
  CHECK(scene.findings().empty());
}

TEST_CASE("image: variants with a common axis belong together") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM base\n");
  scene.load("[image.base]\n[image.base2]\n[image.dev]\ncontexts = { base = \"image.base\" }\n");
  scene.target("base").label = "image.base[go=1.21]";
  scene.target("base").coordinates = {{"go", "1.21"}};
  scene.target("base2").label = "image.base[go=1.22]";
  scene.target("dev").coordinates = {{"go", "1.22"}, {"libc", "musl"}};
  CHECK(labels_of(scene.plan("dev")) == "image.base[go=1.22]\n");
  scene.target("dev").coordinates = {{"libc", "musl"}};
  (void)scene.plan("dev");
  CHECK(scene.findings() ==
        "`image.base` does not say which variant is meant @4 (choose one of `image.base[go=1.21]`, "
        "`image.base[go=1.22]`)\n");
}

TEST_CASE("image: one tag, two nodes") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM scratch\n");
  scene.load(
      "[image.a]\ntags = [\"x\"]\n[image.b]\ntags = [\"docker.io/library/x:latest\"]\n[image.c]\nbuilder = "
      "\"docker\"\ntags = [\"x\"]\n");
  for (const auto* name : {"a", "b", "c"}) (void)scene.plan(name);
  CHECK(scene.findings() ==
        "`image.a` and `image.b` both give the tag `docker.io/library/x:latest` @4 (the tag would mean whichever was "
        "built last; give each its own)\n");
}

TEST_CASE("image: buildah is told what was declared, bases by their id") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "ARG V\nFROM go:${V} AS b\nFROM b\nCOPY --from=tools /t /\nCOPY . /\n");
  scene.disk.put("/w/s", "FROM scratch\n");
  scene.disk.put("/w/.dockerignore", "s\n*.log\n");
  scene.disk.put("/w/main.go", "x", 0600);
  scene.disk.put("/w/x.log", "x");
  scene.load(
      "[image.go]\ndockerfile = \"s\"\ntags = [\"go:1\"]\n[image.tools]\ndockerfile = \"s\"\n"
      "[image.dev]\nargs = { V = 1 }\ncontexts = { tools = \"image.tools\" }\ntags = [\"dev:1\"]\nlabels = { k = \"v\" "
      "}\n"
      "platform = \"linux/arm64\"\n");
  scene.context.values["image.go"]["digest"] = id_a;
  scene.context.values["image.tools"]["digest"] = id_b;
  const Action action = scene.resolve("dev");
  CHECK(written(action, "/Dockerfile") ==
        "ARG V\nFROM " + id_a.substr(7) + " AS b\nFROM b\nCOPY --from=" + id_b.substr(7) + " /t /\nCOPY . /\n");
  CHECK(written(action, "/ignore").empty());
  CHECK(destinations(action.staged) ==
        std::vector<std::string>{"context", "context/.dockerignore", "context/Dockerfile", "context/main.go"});
  CHECK(action.staged.back().mode == 0600);
  CHECK(action.inputs == std::vector<std::string>{".dockerignore", "Dockerfile", "main.go"});
  REQUIRE(action.processes.size() == 1);
  const Process& build = action.processes[0];
  CHECK(has_words(build, {"buildah", "build", "--format", "oci", "--timestamp", "0"}));
  CHECK(has_words(build, {"--layers"}));
  CHECK(has_words(build, {"--build-arg", "V=1"}));
  CHECK(has_words(build, {"--label", "k=v"}));
  CHECK(has_words(build, {"--platform", "linux/arm64"}));
  CHECK(has_words(build, {"--tag", "dev:1"}));
  REQUIRE(action.tools.size() == 1);
  CHECK(action.tools[0].identity == "buildah version 1.28.2 (image-spec 1.1.0)");
  CHECK(std::ranges::find(action.fields, Field{"image tools", id_b}) != action.fields.end());
}

TEST_CASE("image: what may share an intermediate image takes turns") {
  Scene scene;
  scene.disk.put("/w/1", "FROM scratch AS a\nCOPY x /\nFROM debian\nFROM a AS c\nRUN y\n");
  scene.disk.put("/w/2", "FROM scratch\nCOPY x /\nRUN z\n");
  scene.disk.put("/w/3", "FROM scratch\nCOPY y /\n");
  scene.load(
      "[image.a]\ndockerfile = \"1\"\n[image.b]\ndockerfile = \"2\"\n[image.c]\ndockerfile = "
      "\"3\"\n[image.d]\ndockerfile = \"2\"\nbuilder = \"docker\"\n");
  CHECK(scene.plan("a").exclusive == std::vector<std::string>{"buildah FROM scratch COPY x /"});
  CHECK(scene.plan("b").exclusive == std::vector<std::string>{"buildah FROM scratch COPY x /"});
  CHECK(scene.plan("c").exclusive == std::vector<std::string>{"buildah FROM scratch COPY y /"});
  CHECK(scene.plan("d").exclusive.empty());
}

TEST_CASE("image: a bind mount turns buildah's layer cache off") {
  Scene scene;
  scene.load("[image.a]\n");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"RUN --mount=type=bind,target=/m x", "--layers=false"},
      {"RUN --mount=target=/m x", "--layers=false"},
      {"RUN --mount=type=cache,target=/m x", "--layers"},
      {"RUN --mount=type=tmpfs,target=/m x", "--layers"},
      {"COPY a b", "--layers"},
  };
  for (const auto& [line, flag] : cases) {
    CAPTURE(line);
    scene.disk.put("/w/Dockerfile", "FROM scratch\n" + line + "\n");
    CHECK(has_words(scene.resolve("a").processes[0], {flag}));
  }
}

TEST_CASE("image: heredocs need a builder that reads them") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM scratch\nRUN <<E\nx\nE\n");
  scene.load("[image.a]\nbuilder = \"buildah\"\n");
  const Node node = scene.plan("a");
  const auto refused = scene.rule.resolve(node, scene.target("a"), scene.context);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "buildah 1.28.2 does not read heredocs (`Dockerfile:2`)");
  scene.context.answers["buildah --version"] = {0, "buildah version 1.33.0 (image-spec 1.1.0)\n", ""};
  CHECK(scene.rule.resolve(node, scene.target("a"), scene.context));
}

TEST_CASE("image: which builder") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM scratch\n");
  scene.load("[image.a]\n[image.d]\nbuilder = \"docker\"\n[image.p]\nbuilder = \"podman\"\n");
  const auto builder_field = [&](const char* name) -> std::string {
    const Node node = scene.plan(name);
    const auto action = scene.rule.resolve(node, scene.target(name), scene.context);
    if (!action) return "error: " + action.error().message + " (" + action.error().help + ")";
    return action->tools[0].path + " " + action->tools[0].identity;
  };
  auto& answers = scene.context.answers;
  CHECK(builder_field("a") == "/usr/bin/buildah buildah version 1.28.2 (image-spec 1.1.0)");
  CHECK(builder_field("d") == "error: `docker` is not in PATH (install it: `apt-get install docker.io`)");
  CHECK(builder_field("p") == "error: `podman` is not in PATH (install it: `apt-get install podman`)");

  // The first client has no buildx and is too new to have BuildKit in itself; the second is old enough.
  scene.context.tools["docker"] = {"/usr/local/bin/docker", "/usr/bin/docker"};
  answers["/usr/local/bin/docker --version"] = {0, "Docker version 28.2.2, build x\n", ""};
  answers["/usr/local/bin/docker --help"] = {0, "Management Commands:\n  builder     Manage builds\n", ""};
  answers["/usr/bin/docker --version"] = {0, "Docker version 20.10.24+dfsg1, build y\n", ""};
  answers["/usr/bin/docker --help"] = {0, "Management Commands:\n  builder     Manage builds\n", ""};
  answers["/usr/bin/docker version --format {{.Server.Version}}"] = {1, "", "Cannot connect\nmore"};
  CHECK(builder_field("d") ==
        "error: docker's daemon does not answer: Cannot connect (start it, or use `builder = \"buildah\"`, which needs "
        "none)");
  // No socket: `auto` does not even ask.
  scene.context.asked.clear();
  CHECK(builder_field("a").starts_with("/usr/bin/buildah"));
  CHECK(scene.context.asked.size() == 1);
  // A socket, but no daemon.
  scene.disk.put("/run/d.sock", "");
  scene.context.variables["DOCKER_HOST"] = "unix:///run/d.sock";
  scene.tree.forget("/run/d.sock");
  CHECK(builder_field("a").starts_with("/usr/bin/buildah"));
  answers["/usr/bin/docker version --format {{.Server.Version}}"] = {0, "20.10.24\n", ""};
  CHECK(builder_field("a") == "/usr/bin/docker Docker version 20.10.24+dfsg1, build y; server 20.10.24");
  answers.erase("/usr/bin/docker --version");
  answers["/usr/bin/docker --version"] = {0, "Docker version 23.0.1, build y\n", ""};
  CHECK(builder_field("d").starts_with(
      "error: no `docker` in PATH can use BuildKit (looked at `/usr/local/bin/docker`, `/usr/bin/docker`)"));
  answers["/usr/bin/docker --help"].out += "  buildx*     Docker Buildx\n";
  answers["/usr/bin/docker buildx version"] = {0, "github.com/docker/buildx v0.11\n", ""};
  CHECK(builder_field("d").ends_with("buildx v0.11; server 20.10.24"));
  scene.context.tools.clear();
  CHECK(builder_field("a") ==
        "error: no program that builds images was found: no docker with a daemon, no buildah, no podman (install one: "
        "`apt-get install buildah` needs no daemon)");
}

TEST_CASE("image: docker gets its bases as tags that name the content") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM go\n");
  scene.disk.put("/w/s", "FROM scratch\n");
  scene.load(
      "[image.Go_1]\ndockerfile = \"s\"\n[image.dev]\nbuilder = \"docker\"\ncontexts = { go = \"image.Go_1\" }\ntags = "
      "[\"dev\"]\n");
  scene.context.values["image.Go_1"]["digest"] = id_a;
  scene.context.tools["docker"] = {"/usr/bin/docker"};
  scene.context.answers["/usr/bin/docker --version"] = {0, "Docker version 20.10.24, build y\n", ""};
  scene.context.answers["/usr/bin/docker --help"] = {0, "", ""};
  scene.context.answers["/usr/bin/docker version --format {{.Server.Version}}"] = {0, "20.10.24\n", ""};
  const Action action = scene.resolve("dev");
  const std::string name = "localhost/trilock/image-go-1:" + id_a.substr(7);
  CHECK(written(action, "/Dockerfile") == "FROM " + name + "\n");
  CHECK(written(action, "/Dockerfile.dockerignore").empty());
  REQUIRE(action.processes.size() == 2);
  CHECK(action.processes[0].argv == std::vector<std::string>{"docker", "tag", id_a, name});
  CHECK(has_words(action.processes[1], {"--tag", "dev"}));
}

TEST_CASE("image: the context less what others write and what is ignored") {
  MemoryDisk disk;
  disk.put("/w/c/a", "1");
  disk.put("/w/c/.trilock/state.db", "1");
  disk.put("/w/c/out/bin/app", "1");
  disk.put("/w/c/out2/mine", "1");
  disk.put("/w/c/out2/theirs/x", "1");
  disk.put("/w/c/node_modules/x/y", "1");
  disk.put("/w/c/deep/er/keep.go", "1");
  disk.put("/w/c/deep/er/drop", "1");
  disk.put_directory("/w/c/empty");
  disk.put_directory("/w/c/later/on");
  disk.put_symlink("/w/c/link", "a");
  disk.put_fifo("/w/c/pipe");
  SourceTree tree(disk, "/w");
  const auto rules = IgnoreRules::parse("node_modules\ndeep\n!**/*.go\n");
  REQUIRE(rules);
  const std::vector<std::string> skip = {"c/later/on/x", "c/out/bin", "c/out2/theirs"};
  const auto listing = list_context(tree, "c", *rules, skip, "context");
  REQUIRE(listing);
  CHECK(destinations(listing->entries) ==
        std::vector<std::string>{"context", "context/a", "context/deep", "context/deep/er", "context/deep/er/keep.go",
                                 "context/empty", "context/link", "context/out2", "context/out2/mine"});
  CHECK(listing->entries[6].type == EntryType::symlink);
  CHECK(listing->inputs == std::vector<std::string>{"c/a", "c/deep", "c/deep/er", "c/deep/er/keep.go", "c/empty",
                                                    "c/link", "c/out2", "c/out2/mine"});
}

TEST_CASE("image: an ignored directory is not entered when nothing takes it in again") {
  MemoryDisk disk;
  disk.put("/w/node_modules/x/y", "1");
  SourceTree tree(disk, "/w");
  const auto rules = IgnoreRules::parse("node_modules\n");
  REQUIRE(list_context(tree, "", *rules, {}, "context"));
  CHECK(disk.lists() == std::vector<std::string>{"/w"});
}

TEST_CASE("image: the ignore file of a Dockerfile wins, even when it is empty") {
  MemoryDisk disk;
  disk.put("/w/c/.dockerignore", "a\n");
  SourceTree tree(disk, "/w");
  const auto both = read_ignore_rules(tree, "d/Dockerfile", "c");
  REQUIRE(both);
  CHECK(both->ignored("a"));
  disk.put("/w/d/Dockerfile.dockerignore", "");
  tree.forget("d/Dockerfile.dockerignore");
  const auto own = read_ignore_rules(tree, "d/Dockerfile", "c");
  REQUIRE(own);
  CHECK_FALSE(own->ignored("a"));
  disk.put("/w/d/Dockerfile.dockerignore", "x\n[a\n");
  tree.forget("d/Dockerfile.dockerignore");
  const auto bad = read_ignore_rules(tree, "d/Dockerfile", "c");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.starts_with("`d/Dockerfile.dockerignore`, line 2: `[a` is no pattern"));
}

TEST_CASE("image: what a build gave") {
  const ImageRule rule;
  const Node node{.label = "image.a"};
  Action action{.rule = "image"};
  action.fields = {{"builder", "buildah"}, {"tags", "me/a:1 b"}};
  Run run;
  CHECK(rule.collect(node, action, run).error().message == "the build of `image.a` gave no image id");
  run.files["iid"] = id_a + "\n";
  auto collected = rule.collect(node, action, run);
  REQUIRE(collected);
  CHECK(collected->values == std::vector<Field>{{"digest", id_a}, {"ref", id_a}});
  CHECK(collected->witness == std::vector<Field>{{"builder", "buildah"}, {"id", id_a}, {"tags", "me/a:1 b"}});
  run.files["manifest"] = id_b;
  CHECK(rule.collect(node, action, run)->values ==
        std::vector<Field>{{"digest", id_a}, {"manifest-digest", id_b}, {"ref", id_a}});
  action.fields.push_back({"push", "true"});
  CHECK(rule.collect(node, action, run)->values.back() == Field{"ref", "docker.io/me/a@" + id_b});
  run.files["metadata.json"] = "{\"containerimage.config.digest\": \"" + id_b + "\"}";
  CHECK(rule.collect(node, action, run)->values.front() == Field{"digest", id_b});
  run.files.erase("manifest");
  action.processes = {Process{.argv = {"docker", "push", "me/a:1"}}};
  run.processes = {ProcessRun{.out = "1: digest: " + id_a + " size: 529\n"}};
  CHECK(rule.collect(node, action, run)->values.back() == Field{"ref", "docker.io/me/a@" + id_a});
  // The manifest of an archive is not the one that docker pushed.
  run.files["manifest"] = id_b;
  CHECK(rule.collect(node, action, run)->values.back() == Field{"ref", "docker.io/me/a@" + id_a});
}

TEST_CASE("image: with `[cache] images` an image that other machines may use has an archive that nobody sees") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM scratch\n");
  scene.pipeline.cache.images = true;
  scene.load("[image.a]\n[image.b]\narchive = \"b.tar\"\n");
  const auto outputs = [&](const std::string& label, CachePolicy policy) {
    Target target = scene.target("a");
    target.label = label;
    Node node{.label = label, .cache = policy};
    PlanContext context{scene.pipeline, scene.tree, scene.diagnostics};
    scene.rule.plan(target, context, node);
    std::string paths;
    for (const OutputSpec& output : node.outputs) paths += output.path + "\n";
    return paths;
  };
  CHECK(outputs("image.a", CachePolicy::shared) == ".trilock/images/image.a.oci.tar\n");
  CHECK(outputs("image.a", CachePolicy::local).empty());
  CHECK(outputs("image.a", CachePolicy::none).empty());
  CHECK(outputs("image.a[os=linux/arm64,x=c:d %é]", CachePolicy::shared) ==
        ".trilock/images/image.a%5Bos=linux%2Farm64,x=c%3Ad%20%25%C3%A9%5D.oci.tar\n");
  const std::string one = outputs("image." + std::string(300, 'a') + "1", CachePolicy::shared);
  CHECK(one != outputs("image." + std::string(300, 'a') + "2", CachePolicy::shared));
  CHECK(one.size() < std::string(".trilock/images/").size() + 256);
  CHECK(scene.plan("b").outputs.front().path == "b.tar");
  CHECK(scene.plan("b").outputs.size() == 1);

  scene.context.tools["tar"] = {"/usr/bin/tar"};
  CHECK(scene.resolve("a").processes.back().argv.back() == std::string(state_marker) + "/images/image.a.oci.tar");
  scene.context.tools.erase("tar");
  const auto without = scene.rule.resolve(scene.plan("a"), scene.target("a"), scene.context);
  REQUIRE_FALSE(without);
  CHECK(without.error().message == "`tar` is not in PATH; `[cache] images` needs it");
  const auto declared = scene.rule.resolve(scene.plan("b"), scene.target("b"), scene.context);
  REQUIRE_FALSE(declared);
  CHECK(declared.error().message == "`tar` is not in PATH; `archive` needs it");
}

TEST_CASE("image: how one that was built before is brought back") {
  Scene scene;
  scene.disk.put("/w/Dockerfile", "FROM scratch\n");
  scene.load(
      "[image.plain]\ntags = [\"b\"]\n[image.bare]\narchive = \"out/a.tar\"\n"
      "[image.archived]\narchive = \"out/a.tar\"\ntags = [\"c\", \"localhost:5000/me/a:1\"]\n"
      "[image.odd]\narchive = \"a:b.tar\"\n"
      "[image.pushed]\npush = true\ntags = [\"localhost:5000/me/p:1\", \"d\"]\n"
      "[image.both]\npush = true\ntags = [\"e\"]\narchive = \"out/b.tar\"\n");
  scene.context.tools["docker"] = {"/opt/docker", "/usr/bin/docker"};
  scene.context.answers["/opt/docker --version"] = {0, "Docker version 28.0.0, build y\n", ""};
  scene.context.answers["/opt/docker --help"] = {0, "", ""};
  scene.context.answers["/usr/bin/docker --version"] = {0, "Docker version 20.10.24, build y\n", ""};
  scene.context.answers["/usr/bin/docker --help"] = {0, "", ""};
  ActionResult result;
  const auto lines = [&](std::string_view name, const std::string& builder, const std::string& id) {
    // What the cache says of tags counts for nothing.
    result.witness = {{"builder", builder}, {"id", id}, {"tags", "golang:latest"}};
    const auto processes = scene.rule.revive(scene.plan(name), scene.target(name), result, scene.context);
    REQUIRE(processes);
    std::string text;
    for (const Process& process : *processes) {
      CHECK(process.quiet);
      CHECK(process.dir.empty());
      for (const std::string& word : process.argv) text += word + " ";
      text.back() = '\n';
    }
    return text;
  };
  const std::string hex_a(64, 'a');
  result.values = {{"digest", id_a}, {"manifest-digest", id_b}, {"ref", "other/name@" + id_b}};
  CHECK(lines("plain", "buildah", id_a).empty());
  CHECK(lines("archived", "buildah", id_a).empty());  // the result has no archive
  result.outputs = {{.path = "a:b.tar"}, {.path = "out/a.tar"}, {.path = "out/b.tar"}};
  CHECK(lines("bare", "buildah", id_a) == "buildah pull --quiet oci-archive:out/a.tar\n");
  CHECK(lines("archived", "buildah", id_a) == "buildah pull --quiet oci-archive:out/a.tar\nbuildah tag " + hex_a +
                                                  " c\nbuildah tag " + hex_a + " localhost:5000/me/a:1\n");
  CHECK(lines("archived", "docker", id_a) == "/usr/bin/docker load --quiet --input " + std::string(workspace_marker) +
                                                 "/out/a.tar\n/usr/bin/docker tag " + id_a +
                                                 " c\n/usr/bin/docker tag " + id_a + " localhost:5000/me/a:1\n");
  // The containers tools take the `:` for the end of the path.
  CHECK(lines("odd", "buildah", id_a).empty());
  CHECK_FALSE(lines("odd", "docker", id_a).empty());
  CHECK(lines("pushed", "buildah", id_a) == "buildah pull --quiet localhost:5000/me/p@" + id_b + "\nbuildah tag " +
                                                hex_a + " localhost:5000/me/p:1\nbuildah tag " + hex_a + " d\n");
  CHECK(lines("pushed", "docker", id_a) == "/usr/bin/docker pull --quiet localhost:5000/me/p@" + id_b +
                                               "\n/usr/bin/docker tag " + id_a +
                                               " localhost:5000/me/p:1\n/usr/bin/docker tag " + id_a + " d\n");
  CHECK(lines("both", "buildah", id_a).starts_with("buildah pull --quiet oci-archive:out/b.tar\n"));
  // Nor is it trusted with a command line.
  CHECK(lines("archived", "buildah", "--all").empty());
  result.values = {{"digest", id_a}, {"manifest-digest", "--all"}};
  CHECK(lines("pushed", "buildah", id_a).empty());
  result.outputs = {{.path = "out/a.tar", .type = EntryType::symlink}};
  CHECK(lines("archived", "buildah", id_a).empty());
}

TEST_CASE("image: one question tells of all images of a store, and costs nothing while its index is unchanged") {
  Scene scene;
  scene.disk.put("/store/overlay-images/images.json", "[]");
  scene.context.answers["buildah info"] = {
      0, "{\"store\": {\"GraphRoot\": \"/store\", \"GraphDriverName\": \"overlay\"}}", ""};
  const std::string list = "buildah images -a --no-trunc -n --format {{.ID}} {{.Name}}:{{.Tag}}";
  scene.context.answers[list] = {0, id_a + "   localhost/me/a:1\n" + id_b + "   <none>:<none>\n", ""};
  const auto probe = [&](const std::string& id, const std::string& tags) {
    ActionResult result;
    result.witness = {{"builder", "buildah"}, {"id", id}, {"tags", tags}};
    const auto there = scene.rule.probe({}, {}, result, scene.context);
    REQUIRE(there);
    return *there;
  };
  CHECK(probe(id_a, ""));
  CHECK(probe(id_a, "me/a:1"));
  CHECK_FALSE(probe(id_a, "me/a:1 me/a:2"));
  CHECK(probe(id_b, ""));
  CHECK_FALSE(probe(id_b, "me/a:1"));
  CHECK_FALSE(probe("sha256:" + std::string(64, 'c'), ""));
  const Question& asked = scene.context.asked.back();
  CHECK(asked.stat_of == std::vector<std::string>{"/store/overlay-images/images.json"});
  CHECK_FALSE(asked.every_run);
  scene.context.answers["buildah info"].out = "{}";
  CHECK(probe(id_a, ""));
  CHECK(scene.context.asked.back().every_run);
}
