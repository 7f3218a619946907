#include "engine/key.hpp"

#include <doctest/doctest.h>

using namespace trilock;

namespace {

struct Case {
  Action action;
  std::vector<InputState> inputs;
  std::vector<Field> upstream;
  std::string platform = "linux/amd64";
  [[nodiscard]] KeyMaterial material() const { return {action, inputs, upstream, platform}; }
  [[nodiscard]] FastDigest key() const { return fast_key(material()); }
};

Case base() {
  Case c;
  c.action.rule = "command";
  c.action.processes.push_back({.name = "cc", .argv = {"cc", "-I", "-O2", "main.c"}, .dir = "src"});
  c.action.env = {
      {"CFLAGS", "-g", EnvClass::declared}, {"TOKEN", "secret", EnvClass::secret}, {"HOME", "/root", EnvClass::base}};
  c.action.tools = {{"cc", "/usr/bin/cc", "12.2.0"}};
  c.action.fields = {{"builder", "buildah"}};
  c.action.outputs = {{"", "out/a", {}}};
  c.inputs = {{"src/main.c", EntryType::file, 0644, FastDigest{{1}}, ""},
              {"src/link", EntryType::symlink, 0777, {}, "main.c"},
              {"src/dir", EntryType::directory, 0755, {}, ""}};
  c.upstream = {{"image.base.digest", "sha256:1"}};
  return c;
}

template <class Change>
FastDigest key_after(Change change) {
  Case c = base();
  change(c);
  return c.key();
}

}  // namespace

TEST_CASE("equal material gives equal keys") {
  CHECK(base().key() == base().key());
}

TEST_CASE("every field that decides a result changes the key") {
  const FastDigest key = base().key();
  CHECK(key != key_after([](Case& c) { c.action.rule = "go"; }));
  CHECK(key != key_after([](Case& c) { c.action.rule_version = 2; }));
  CHECK(key != key_after([](Case& c) { c.platform = "linux/arm64"; }));
  CHECK(key != key_after([](Case& c) { c.action.processes[0].argv = {"cc", "-I-O2", "main.c"}; }));
  CHECK(key != key_after([](Case& c) { c.action.processes[0].argv = {"cc", "-I", "-O2main.c"}; }));
  CHECK(key != key_after([](Case& c) { c.action.processes[0].argv = {"cc", "-I", "-O2", "main.c", ""}; }));
  CHECK(key != key_after([](Case& c) { c.action.processes[0].dir = ""; }));
  CHECK(key != key_after([](Case& c) { c.action.processes.push_back({.name = "cc", .argv = {"cc"}}); }));
  CHECK(key != key_after([](Case& c) { c.action.env[0].value = ""; }));
  CHECK(key != key_after([](Case& c) {
          c.action.env[0].name = "CFLAG";
          c.action.env[0].value = "S-g";
        }));
  CHECK(key != key_after([](Case& c) { c.action.env[1].name = "TOKEN2"; }));
  CHECK(key != key_after([](Case& c) { c.action.tools[0].identity = "12.2.1"; }));
  CHECK(key != key_after([](Case& c) { c.action.fields[0].value = "docker"; }));
  CHECK(key != key_after([](Case& c) { c.action.outputs[0].path = "out/b"; }));
  CHECK(key != key_after([](Case& c) { c.action.writes.push_back({"x", "y", 0644}); }));
  CHECK(key != key_after([](Case& c) { c.action.staged.push_back({EntryType::file, "a", "context/a", 0644}); }));
  CHECK(key != key_after([](Case& c) { c.inputs[0].path = "src/other.c"; }));
  CHECK(key != key_after([](Case& c) { c.inputs[0].mode = 0755; }));
  CHECK(key != key_after([](Case& c) { c.inputs[0].content.data[15] = 1; }));
  CHECK(key != key_after([](Case& c) { c.inputs[1].symlink_target = "other.c"; }));
  CHECK(key != key_after([](Case& c) { c.inputs[2].mode = 0700; }));
  CHECK(key != key_after([](Case& c) { c.inputs.pop_back(); }));
  CHECK(key != key_after([](Case& c) { c.upstream[0].value = "sha256:2"; }));
}

TEST_CASE("what does not decide a result leaves the key alone") {
  const FastDigest key = base().key();
  CHECK(key == key_after([](Case& c) { c.action.env[1].value = "another secret"; }));
  CHECK(key == key_after([](Case& c) { c.action.env[2].value = "/home/other"; }));
  CHECK(key == key_after([](Case& c) { c.action.tools[0].path = "/opt/cc"; }));
  CHECK(key == key_after([](Case& c) { c.action.env.push_back({"DOCKER_HOST", "unix:///x", EnvClass::ambient}); }));
}

TEST_CASE("arguments that look alike once joined are told apart") {
  const auto with = [](std::vector<std::string> argv) {
    return key_after([&](Case& c) { c.action.processes[0].argv = argv; });
  };
  CHECK(with({"a b"}) != with({"a", "b"}));
  CHECK(with({"a", ""}) != with({"a"}));
  CHECK(with({"'a'"}) != with({"a"}));
  CHECK(with({"a'", "'b"}) != with({"a' 'b"}));
  CHECK(with({"a\\"}) != with({"a\\\\"}));
}

TEST_CASE("the explanation has the fields of the walk, and no secret") {
  const std::vector<Field> fields = explain_key(base().material());
  std::string text;
  for (const Field& field : fields) text += field.name + "=" + field.value + "\n";
  CHECK(text ==
        "rule version command=1.1\nplatform=linux/amd64\ncommand cc=cc -I -O2 main.c\ndirectory of cc=src\nenv "
        "CFLAGS=-g\n"
        "secret TOKEN=\ntool cc=12.2.0\nbuilder=buildah\ninput src/main.c=644 01000000000000000000000000000000\n"
        "input src/link=-> main.c\ninput src/dir=755 directory\nfrom image.base.digest=sha256:1\noutput out/a=\n");
}

TEST_CASE("markers are shown as words") {
  Case c = base();
  c.action.processes[0].argv = {"cc", std::string(scratch_marker) + "/iid", std::string(workspace_marker) + "/x"};
  const std::vector<Field> fields = explain_key(c.material());
  CHECK(fields[2].value == "cc <scratch>/iid <workspace>/x");
}

TEST_CASE("changes are described by name") {
  const auto change = [](const Field& was, const Field& now) {
    const std::vector<FieldChange> changes = compare_explanations({was}, {now});
    return changes.empty() ? std::string() : describe(changes[0]);
  };
  const std::string a(32, 'a');
  const std::string b(32, 'b');
  CHECK(change({"input main.go", "644 " + a}, {"input main.go", "644 " + b}) == "input main.go: content changed");
  CHECK(change({"input main.go", "644 " + a}, {"input main.go", "755 " + a}) == "input main.go: mode 644 -> 755");
  CHECK(change({"env GOFLAGS", ""}, {"env GOFLAGS", "-mod=vendor"}) == "env GOFLAGS: \"\" -> \"-mod=vendor\"");
  CHECK(change({"tool go", "1.21.0"}, {"tool go", "1.22.5"}) == "tool go: \"1.21.0\" -> \"1.22.5\"");
  CHECK(change({"x", "1"}, {"x", "1"}).empty());
  const std::vector<FieldChange> both = compare_explanations({{"input a", "1"}}, {{"input b", "1"}});
  REQUIRE(both.size() == 2);
  CHECK(describe(both[0]) == "input b: added");
  CHECK(describe(both[1]) == "input a: removed");
}
