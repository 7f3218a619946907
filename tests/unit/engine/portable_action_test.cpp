#include "engine/portable_action.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cache/hash.hpp"
#include "engine/command_text.hpp"
#include "tests/support/memory_disk.hpp"

using namespace trilock;
using test::MemoryDisk;

namespace {

using Words = std::vector<std::string>;

// An action of two processes in a workspace in memory.
struct Scene {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  Action action;
  std::vector<InputState> inputs;
  std::vector<DiscoveredInput> discovered;
  std::vector<Field> upstream = {{"image.base.digest", "sha256:1"}};
  std::string platform = "linux/amd64";
  std::string name_space;

  Scene() {
    disk.put("/w/src/main.c", "int main;", 0644);
    disk.put("/w/src/a.h", "// a", 0644);
    disk.next_tick();
    action.rule = "command";
    action.processes = {{.name = "cc", .argv = {"cc", "-o", "out/a", "main.c"}, .dir = "src", .env = {{"LC_ALL", "C"}}},
                        {.name = "strip", .argv = {"strip", "out/a b"}, .dir = "", .env = {}}};
    action.env = {{"CFLAGS", "-g"}, {"HOME", "/root", EnvClass::base}, {"TOKEN", "abcd", EnvClass::secret}};
    action.tools = {{"cc", "/usr/bin/cc", "c0ffee", "12.2.0"}};
    action.fields = {{"builder", "buildah"}};
    action.writes = {{"Dockerfile", "FROM x", 0644}};
    action.staged = {{EntryType::file, "a", "context/a", 0644}};
    action.outputs = {{"b", "out/b", {}}, {"", "out/a", {}}};
    inputs = {{"src/main.c", EntryType::file, 0644, fast_digest("int main;"), ""},
              {"src/link", EntryType::symlink, 0777, {}, "main.c"}};
    discovered = {{"src/a.h", fast_digest("// a")}, {"src/none.h", {}}};
  }
  Result<PortableAction> portable() {
    return portable_action({action, inputs, discovered, upstream, platform}, tree, name_space);
  }
  std::string digest() { return encode_action(portable().value()).digest.hex(); }
};

template <class Change>
std::string digest_after(Change change) {
  Scene scene;
  change(scene);
  return scene.digest();
}

}  // namespace

TEST_CASE("what a symlink leads to counts, and is no part of the directory that it is in") {
  Scene scene;
  const std::string before = scene.digest();
  const auto look = [&] {
    scene.inputs.back().content = scene.tree.digest("src/link").value();
    scene.inputs.back().mode = 0644;
  };
  scene.disk.put_symlink("/w/src/link", "main.c");
  look();
  const std::string with = scene.digest();
  CHECK(with != before);
  scene.disk.put("/w/src/main.c", "int other;");
  scene.tree.forget("src/main.c");
  scene.inputs[0].content = fast_digest("int main;");
  CHECK(!scene.portable());  // of the file itself, which changed
  scene.inputs.erase(scene.inputs.begin());
  look();
  const std::string changed = scene.digest();
  scene.inputs[0].mode = 0755;
  CHECK(scene.digest() != changed);
  const auto fields = explain(*scene.portable());
  CHECK(std::ranges::find(fields, "behind src/link", &Field::name) != fields.end());
  CHECK(scene.portable()->inputs[0].content == StrongDigest{});
}

TEST_CASE("portable actions: what the API has a field for stands there, and nothing names this machine") {
  Scene scene;
  scene.name_space = "pr";
  const PortableAction action = scene.portable().value();
  CHECK(action.arguments == Words{"cc", "-o", "out/a", "main.c"});
  CHECK(action.working_directory == "src");
  CHECK(action.environment == std::vector<Field>{{"CFLAGS", "-g"}});
  CHECK(action.output_paths == Words{"out/a", "out/b"});
  CHECK(action.salt == "pr");
  REQUIRE(action.inputs.size() == 2);
  CHECK(action.inputs[0].content == strong_digest("int main;"));
  CHECK(action.inputs[0].size == 9);
  CHECK(action.inputs[1].mode == 0);
  for (const Field& property : action.properties) {
    CHECK(!property.value.contains("/usr/bin"));
    CHECK(!property.value.contains("abcd"));
    CHECK(!property.name.contains("HOME"));
  }
  const std::vector<Field> fields = explain(action);
  const auto has = [&](const Field& field) { return std::ranges::find(fields, field) != fields.end(); };
  CHECK(has({"command cc", "cc -o out/a main.c"}));
  CHECK(has({"command strip", "strip 'out/a b'"}));
  CHECK(has({"directory of cc", "src"}));
  CHECK(has({"tool cc", "12.2.0"}));
  CHECK(has({"builder", "buildah"}));
  CHECK(has({"from image.base.digest", "sha256:1"}));
  CHECK(has({"input src/main.c", "644 " + strong_digest("int main;").hex()}));
  CHECK(has({"input src/a.h", strong_digest("// a").hex()}));
  CHECK(has({"input src/none.h", "absent"}));
  CHECK(has({"secret TOKEN", ""}));
}

TEST_CASE("portable actions: each part of an action changes its digest") {
  std::set<std::string> digests{digest_after([](Scene&) {})};
  const auto changes = [&](auto change) { return digests.insert(digest_after(change)).second; };
  CHECK(changes([](Scene& s) { s.action.rule = "go"; }));
  CHECK(changes([](Scene& s) { s.action.rule_version = 2; }));
  CHECK(changes([](Scene& s) { s.platform = "linux/arm64"; }));
  CHECK(changes([](Scene& s) { s.name_space = "pr"; }));
  CHECK(changes([](Scene& s) { s.action.processes[0].argv[1] = "-oout/a"; }));
  CHECK(changes([](Scene& s) { s.action.processes[1].argv = {"strip", "out/a", "b"}; }));
  CHECK(changes([](Scene& s) { std::swap(s.action.processes[0], s.action.processes[1]); }));
  CHECK(changes([](Scene& s) { s.action.processes[1].name = "cc"; }));
  CHECK(changes([](Scene& s) { s.action.processes[1].dir = "src"; }));
  CHECK(changes([](Scene& s) { s.action.processes[0].env[0].value = "de"; }));
  CHECK(changes([](Scene& s) { s.action.env[0].value = "-O"; }));
  CHECK(changes([](Scene& s) { s.action.env[2].name = "OTHER"; }));
  CHECK(changes([](Scene& s) { s.action.tools[0].identity = "beef"; }));
  CHECK(changes([](Scene& s) { s.action.tools[0].version = "13"; }));
  CHECK(changes([](Scene& s) { s.action.fields[0].value = "docker"; }));
  CHECK(changes([](Scene& s) { s.action.fields = {}; }));
  CHECK(changes([](Scene& s) { s.action.writes[0].content = "FROM y"; }));
  CHECK(changes([](Scene& s) { s.action.writes[0].mode = 0600; }));
  CHECK(changes([](Scene& s) { s.action.staged[0].source = "b"; }));
  CHECK(changes([](Scene& s) { s.action.outputs[0].name = ""; }));
  CHECK(changes([](Scene& s) { s.action.depfile = "a.d"; }));
  CHECK(changes([](Scene& s) { s.upstream[0].value = "sha256:2"; }));
  CHECK(changes([](Scene& s) { s.inputs[0].mode = 0600; }));
  CHECK(changes([](Scene& s) { s.inputs[1].symlink_target = "a.h"; }));
  CHECK(changes([](Scene& s) { s.discovered.pop_back(); }));
  CHECK(changes([](Scene& s) {
    s.disk.put("/w/src/main.c", "int two;", 0644);
    s.inputs[0].content = fast_digest("int two;");
  }));
  // What is no part of the key changes nothing.
  const auto same = [&](auto change) { return digest_after(change) == digest_after([](Scene&) {}); };
  CHECK(same([](Scene& s) { s.action.env[1].value = "/home/other"; }));
  CHECK(same([](Scene& s) { s.action.env[2].value = "other secret"; }));
  CHECK(same([](Scene& s) { s.action.tools[0].path = "/opt/bin/cc"; }));
}

TEST_CASE("portable actions: an input that changed meanwhile names nothing") {
  Scene scene;
  scene.disk.put("/w/src/main.c", "int other;", 0644);
  CHECK(scene.portable().error().kind == ErrorKind::corrupt);
  Scene second;
  second.disk.put("/w/src/none.h", "now there", 0644);
  CHECK(second.portable().error().kind == ErrorKind::corrupt);
}

TEST_CASE("portable actions: notes have names of their own") {
  Scene scene;
  scene.discovered.clear();
  const PortableAction action = scene.portable().value();
  CHECK(encode_action(discovery_action(action)).digest != encode_action(action).digest);
  CHECK(encode_action(latest_action("a", "")).digest != encode_action(latest_action("b", "")).digest);
  CHECK(encode_action(latest_action("a", "")).digest != encode_action(latest_action("a", "pr")).digest);
}

TEST_CASE("a command line can be typed into a shell") {
  CHECK(command_line(Words{"go", "vet", "./..."}) == "go vet ./...");
  CHECK(command_line(Words{"sh", "-c", "echo 'a b' $X", ""}) == R"(sh -c 'echo '\''a b'\'' $X' '')");
}
