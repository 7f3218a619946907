#include "engine/key.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <map>
#include <random>

using namespace trilock;

namespace {

struct Case {
  Action action;
  std::vector<InputState> inputs;
  std::vector<DiscoveredInput> discovered;
  std::vector<Field> upstream;
  std::string platform = "linux/amd64";
  [[nodiscard]] KeyMaterial material() const { return {action, inputs, discovered, upstream, platform}; }
  [[nodiscard]] FastDigest key() const { return fast_key(material()); }
};

Case base() {
  Case c;
  c.action.rule = "command";
  c.action.processes.push_back({.name = "cc",
                                .argv = {"cc", "-I", "-O2", "main.c"},
                                .dir = "src",
                                .env = {{"LC_ALL", "C", EnvClass::declared}}});
  c.action.env = {
      {"CFLAGS", "-g", EnvClass::declared}, {"TOKEN", "secret", EnvClass::secret}, {"HOME", "/root", EnvClass::base}};
  c.action.tools = {{"cc", "/usr/bin/cc", "c0ffee", "12.2.0"}};
  c.action.fields = {{"builder", "buildah"}};
  c.action.writes = {{"Dockerfile", "FROM x", 0644}};
  c.action.staged = {{EntryType::file, "a", "context/a", 0644}};
  c.action.depfile = "out/a.d";
  c.action.outputs = {{"", "out/a", {}}};
  c.inputs = {{"src/main.c", EntryType::file, 0644, FastDigest{{1}}, ""},
              {"src/link", EntryType::symlink, 0777, {}, "main.c"},
              {"src/dir", EntryType::directory, 0755, {}, ""}};
  c.discovered = {{"src/a.h", FastDigest{{2}}}};
  c.upstream = {{"image.base.digest", "sha256:1"}};
  return c;
}

template <class Change>
FastDigest key_after(Change change) {
  Case c = base();
  change(c);
  return c.key();
}

struct Named {
  std::string_view name;
  void (*change)(Case&);
};

// Every field of an action that decides its result, changed in every way that keeps the rest alone.
constexpr Named deciding[] = {
    {"rule", [](Case& c) { c.action.rule = "go"; }},
    {"rule version", [](Case& c) { c.action.rule_version = 2; }},
    {"platform", [](Case& c) { c.platform = "linux/arm64"; }},
    {"arguments joined",
     [](Case& c) {
       c.action.processes[0].argv = {"cc", "-I-O2", "main.c"};
     }},
    {"a byte moved between arguments",
     [](Case& c) {
       c.action.processes[0].argv = {"cc", "-", "I-O2", "main.c"};
     }},
    {"an empty argument more", [](Case& c) { c.action.processes[0].argv.emplace_back(); }},
    {"the order of arguments",
     [](Case& c) { std::swap(c.action.processes[0].argv[1], c.action.processes[0].argv[2]); }},
    {"the name of a process", [](Case& c) { c.action.processes[0].name = "c"; }},
    {"working directory", [](Case& c) { c.action.processes[0].dir = ""; }},
    {"a byte moved from the directory",
     [](Case& c) {
       c.action.processes[0].dir = "sr";
       c.action.processes[0].env[0].name = "cLC_ALL";
     }},
    {"another process", [](Case& c) { c.action.processes.push_back({.name = "cc", .argv = {"cc"}}); }},
    {"a process cut in two",
     [](Case& c) {
       c.action.processes[0].argv = {"cc", "-I"};
       c.action.processes.push_back({.name = "cc", .argv = {"-O2", "main.c"}});
     }},
    {"env of a process", [](Case& c) { c.action.processes[0].env[0].value = "POSIX"; }},
    {"env of a process, for all",
     [](Case& c) {
       c.action.env.push_back(c.action.processes[0].env[0]);
       c.action.processes[0].env.clear();
     }},
    {"env value", [](Case& c) { c.action.env[0].value = ""; }},
    {"env name", [](Case& c) { c.action.env[0].name = "CXXFLAGS"; }},
    {"a byte moved between env name and value",
     [](Case& c) {
       c.action.env[0].name = "CFLAG";
       c.action.env[0].value = "S-g";
     }},
    {"env removed", [](Case& c) { c.action.env.erase(c.action.env.begin()); }},
    {"name of a secret", [](Case& c) { c.action.env[1].name = "TOKEN2"; }},
    {"a secret that is declared", [](Case& c) { c.action.env[1].kind = EnvClass::declared; }},
    {"tool content", [](Case& c) { c.action.tools[0].identity = "c0ffef"; }},
    {"tool version", [](Case& c) { c.action.tools[0].version = "12.2.1"; }},
    {"a byte moved between tool identity and version",
     [](Case& c) {
       c.action.tools[0].identity = "c0ffe";
       c.action.tools[0].version = "e12.2.0";
     }},
    {"tool name", [](Case& c) { c.action.tools[0].name = "gcc"; }},
    {"field", [](Case& c) { c.action.fields[0].value = "docker"; }},
    {"a byte moved between fields",
     [](Case& c) {
       c.action.fields[0] = {"builderb", "uildah"};
     }},
    {"written content", [](Case& c) { c.action.writes[0].content = "FROM y"; }},
    {"written mode", [](Case& c) { c.action.writes[0].mode = 0755; }},
    {"written path", [](Case& c) { c.action.writes[0].path = "Containerfile"; }},
    {"staged source", [](Case& c) { c.action.staged[0].source = "b"; }},
    {"staged destination", [](Case& c) { c.action.staged[0].destination = "context/b"; }},
    {"staged mode", [](Case& c) { c.action.staged[0].mode = 0755; }},
    {"staged type", [](Case& c) { c.action.staged[0].type = EntryType::symlink; }},
    {"depfile", [](Case& c) { c.action.depfile = "out/b.d"; }},
    {"no depfile", [](Case& c) { c.action.depfile.clear(); }},
    {"output path", [](Case& c) { c.action.outputs[0].path = "out/b"; }},
    {"output name", [](Case& c) { c.action.outputs[0].name = "a"; }},
    {"another output",
     [](Case& c) {
       c.action.outputs.push_back({"", "out/b", {}});
     }},
    {"an input renamed", [](Case& c) { c.inputs[0].path = "src/other.c"; }},
    {"input mode", [](Case& c) { c.inputs[0].mode = 0755; }},
    {"input content", [](Case& c) { c.inputs[0].content.data[15] = 1; }},
    {"target of a symlink", [](Case& c) { c.inputs[1].symlink_target = "other.c"; }},
    {"mode of a directory", [](Case& c) { c.inputs[2].mode = 0700; }},
    {"a file instead of a directory", [](Case& c) { c.inputs[2].type = EntryType::file; }},
    {"an input removed", [](Case& c) { c.inputs.pop_back(); }},
    {"contents of two inputs exchanged",
     [](Case& c) {
       c.inputs[2] = {"src/dir", EntryType::file, 0644, c.inputs[0].content, ""};
       c.inputs[0].content = {};
     }},
    {"discovered content", [](Case& c) { c.discovered[0].content.data[0] = 3; }},
    {"discovered path", [](Case& c) { c.discovered[0].path = "src/b.h"; }},
    {"nothing discovered", [](Case& c) { c.discovered.clear(); }},
    {"upstream value", [](Case& c) { c.upstream[0].value = "sha256:2"; }},
    {"upstream name", [](Case& c) { c.upstream[0].name = "image.base.ref"; }},
};

}  // namespace

TEST_CASE("equal material gives equal keys") {
  CHECK(base().key() == base().key());
}

TEST_CASE("every field that decides a result changes the key, each to another one, and is named") {
  std::map<std::string, std::string_view> keys{{base().key().hex(), "nothing"}};
  for (const Named& named : deciding) {
    CAPTURE(named.name);
    const auto [other, added] = keys.emplace(key_after(named.change).hex(), named.name);
    INFO("the same key as after: ", other->second);
    CHECK(added);
    Case c = base();
    named.change(c);
    CHECK(!compare_explanations(explain_key(base().material()), explain_key(c.material())).empty());
  }
}

TEST_CASE("a variable is told from one of a process, whatever it is called") {
  CHECK(base().key() != key_after([](Case& c) {
          c.action.env.insert(c.action.env.begin(), {"LC_ALL of cc", "C", EnvClass::declared});
          c.action.processes[0].env.clear();
        }));
}

TEST_CASE("what does not decide a result leaves the key alone") {
  const FastDigest key = base().key();
  CHECK(key == key_after([](Case& c) { c.action.env[1].value = "another secret"; }));
  CHECK(key == key_after([](Case& c) { c.action.env[2].value = "/home/other"; }));
  CHECK(key == key_after([](Case& c) { c.action.tools[0].path = "/opt/cc"; }));
  CHECK(key == key_after([](Case& c) { c.inputs[1].mode = 0; }));  // of a symlink
  const auto behind = [](std::string_view bytes, std::uint32_t mode) {
    return key_after([&](Case& c) {
      c.inputs[1].content = fast_digest(bytes);
      c.inputs[1].mode = mode;
    });
  };
  CHECK(behind("a", 0644) != key);  // of one that leads to a file
  CHECK(behind("a", 0644) != behind("b", 0644));
  CHECK(behind("a", 0644) != behind("a", 0755));
  CHECK(key == key_after([](Case& c) { c.action.env.push_back({"DOCKER_HOST", "unix:///x", EnvClass::ambient}); }));
  CHECK(key == key_after([](Case& c) { c.action.cache = CachePolicy::local; }));
}

TEST_CASE("any two argument lists have different keys") {
  const auto with = [](const std::vector<std::string>& argv) {
    return key_after([&](Case& c) { c.action.processes[0].argv = argv; });
  };
  CHECK(with({"a b"}) != with({"a", "b"}));
  CHECK(with({}) != with({""}));
  CHECK(with({""}) != with({"", ""}));
  CHECK(with({"a", ""}) != with({"a"}));
  CHECK(with({"'a'"}) != with({"a"}));
  CHECK(with({"a'", "'b"}) != with({"a' 'b"}));
  CHECK(with({"a\\"}) != with({"a\\\\"}));
  CHECK(with({"a\nb"}) != with({"a", "b"}));
  // Lists over few, awkward words: all of them up to four long.
  const std::vector<std::string> words = {"", " ", "'", "\\", "a", "a b", "\n", std::string(1, '\0')};
  std::map<std::string, std::vector<std::size_t>> seen;
  std::vector<std::vector<std::size_t>> lists{{}};
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const std::vector<std::size_t> list = lists[i];
    std::vector<std::string> argv;
    for (const std::size_t w : list) argv.push_back(words[w]);
    REQUIRE(seen.emplace(with(argv).hex(), list).second);
    if (list.size() == 4) continue;
    for (std::size_t w = 0; w < words.size(); ++w) {
      lists.push_back(list);
      lists.back().push_back(w);
    }
  }
  CHECK(seen.size() == 1 + 8 + 64 + 512 + 4096);
}

// What a sink is given, delimited as no text of a field could fake it.
TEST_CASE("the walk is injective: equal fields come from equal materials") {
  struct Record final : KeySink {
    std::vector<std::vector<std::string>> fields;
    void field(KeyTag tag, std::string_view name, std::span<const std::string_view> values) override {
      fields.push_back({std::string(1, static_cast<char>(tag)), std::string(name)});
      for (const std::string_view value : values) fields.back().emplace_back(value);
    }
  };
  std::map<std::vector<std::vector<std::string>>, std::string_view> seen;
  for (const Named& named : deciding) {
    Case c = base();
    named.change(c);
    Record record;
    walk_key(c.material(), record);
    CHECK(seen.emplace(std::move(record.fields), named.name).second);
  }
  Record record;
  walk_key(base().material(), record);
  CHECK(record.fields[2] == std::vector<std::string>{"a", "cc", "cc", "-I", "-O2", "main.c"});
  CHECK(record.fields.back() == std::vector<std::string>{"h", "src/a.h", std::string("\2") + std::string(15, '\0')});
}

TEST_CASE("the explanation has the fields of the walk, and no secret") {
  const std::vector<Field> fields = explain_key(base().material());
  std::string text;
  for (const Field& field : fields) text += field.name + "=" + field.value + "\n";
  CHECK(text ==
        "rule version command=3.1\nplatform=linux/amd64\ncommand cc=cc -I -O2 main.c\ndirectory of cc=src\n"
        "env LC_ALL of cc=C\nenv CFLAGS=-g\nsecret TOKEN=\ntool cc=12.2.0\nidentity of cc=c0ffee\nbuilder=buildah\n"
        "writes Dockerfile=644 " +
            fast_digest("FROM x").hex() +
            "\ncontext context/a=file 644 a\ndepfile=out/a.d\n"
            "input src/main.c=644 01000000000000000000000000000000\n"
            "input src/link=-> main.c\ninput src/dir=755 directory\nfrom image.base.digest=sha256:1\noutput out/a=\n"
            "input src/a.h=02000000000000000000000000000000\n");
}

TEST_CASE("markers are shown as words, names on one line") {
  Case c = base();
  c.action.processes[0].argv = {"cc", std::string(scratch_marker) + "/iid", std::string(workspace_marker) + "/x"};
  c.inputs[0].path = "two\nlines";
  const std::vector<Field> fields = explain_key(c.material());
  CHECK(fields[2].value == "cc <scratch>/iid <workspace>/x");
  CHECK(fields[13].name == "input two\\nlines");
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
  CHECK(change({"input main.go", "644 " + a}, {"input main.go", "755 " + b}) == "input main.go: content changed");
  CHECK(change({"input d", "755 directory"}, {"input d", "700 directory"}) == "input d: mode 755 -> 700");
  CHECK(change({"input l", "-> x"}, {"input l", "-> y z"}) == "input l: target \"x\" -> \"y z\"");
  CHECK(change({"input l", "-> x"}, {"input l", "644 " + a}) == "input l: symlink -> file");
  CHECK(change({"input d", "755 directory"}, {"input d", "644 " + a}) == "input d: directory -> file");
  CHECK(change({"input a.h", a}, {"input a.h", b}) == "input a.h: content changed");
  CHECK(change({"input a.h", a}, {"input a.h", "absent"}) == "input a.h: deleted");
  CHECK(change({"input a.h", "absent"}, {"input a.h", a}) == "input a.h: added");
  CHECK(change({"env GOFLAGS", ""}, {"env GOFLAGS", "-mod=vendor"}) == "env GOFLAGS: \"\" -> \"-mod=vendor\"");
  CHECK(change({"tool go", "1.21.0"}, {"tool go", "1.22.5"}) == "tool go: 1.21.0 -> 1.22.5");
  CHECK(change({"tool cc", a}, {"tool cc", b}) == "tool cc: aaaaaaaaaaaa -> bbbbbbbbbbbb");
  CHECK(change({"from command.gen", a}, {"from command.gen", b}) == "from command.gen: content changed");
  CHECK(change({"x", "1"}, {"x", "1"}).empty());
  const std::vector<FieldChange> both = compare_explanations({{"input a", "1"}}, {{"input b", "1"}});
  REQUIRE(both.size() == 2);
  CHECK(describe(both[0]) == "input b: added");
  CHECK(describe(both[1]) == "input a: removed");
}

TEST_CASE("a tool of another version is one change; another build of the same version is one as well") {
  const std::vector<Field> was = {{"tool go", "1.21.0"}, {"identity of go", std::string(32, 'a')}};
  std::vector<Field> now = {{"tool go", "1.22.5"}, {"identity of go", std::string(32, 'b')}};
  std::vector<FieldChange> changes = compare_explanations(was, now);
  REQUIRE(changes.size() == 1);
  CHECK(describe(changes[0]) == "tool go: 1.21.0 -> 1.22.5");
  now[0].value = "1.21.0";
  changes = compare_explanations(was, now);
  REQUIRE(changes.size() == 1);
  CHECK(describe(changes[0]) == "identity of go: aaaaaaaaaaaa -> bbbbbbbbbbbb");
}

TEST_CASE("of long values the part that differs is shown, on one line and in whole characters") {
  const std::string head(200, 'x');
  const FieldChange change{"command script", head + "one\ntwo\xc3\xa4", head + "ONE\ntwo\xc3\xa4", false, false};
  CHECK(describe(change) == "command script: \"…xxxxxxxxxxxxxxxxone\\ntwoä\" -> \"…xxxxxxxxxxxxxxxxONE\\ntwoä\"");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xa4";
  const std::string line = describe({"env X", umlauts + "a", umlauts + "b", false, false});
  CHECK(line == fmt::format("env X: \"…{0}a\" -> \"…{0}b\"", umlauts.substr(0, 16)));
}
