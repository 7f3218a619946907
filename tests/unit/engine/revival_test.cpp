// What a result had outside of the file system, brought back: whole runs of image nodes in memory, with a builder that
// is a few functions, and a store for each machine.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "cache/hash.hpp"
#include "engine/resolver.hpp"
#include "tests/support/memory_build.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::MemoryBuild;
using trilock::test::TemporaryDirectory;

namespace {

ProcessResult exited(int code, std::string out = {}, std::string err = {}) {
  return {.exit_code = code, .out = std::move(out), .err = std::move(err)};
}

// buildah, as far as trilock uses it. An image is the text of its Dockerfile; its archive is that text, wrapped.
struct Machines {
  TemporaryDirectory programs;
  MemoryBuild build;
  std::map<std::string, std::set<std::string>> store;  // of the machine at hand: id without `sha256:` -> names
  std::map<std::string, std::string> registry;         // manifest digest -> text
  std::vector<std::string> lines;                      // of processes that were not asked a question
  std::map<std::string, ProcessResult> endings;        // by the first two words: how such a process ends
  std::uint64_t limit_ms = 0;                          // of the last `buildah pull`
  std::string wrapping = "|";                          // in an archive: a `|`, and what comes after the text

  explicit Machines(std::string_view pipeline) {
    for (const char* name : {"buildah", "tar", "true"}) {
      std::ofstream(programs / name) << "a program\n";
      std::filesystem::permissions(programs / name, std::filesystem::perms::owner_all);
      build.disk.put(programs / name, "a program\n", 0755);
    }
    build.environment["PATH"] = programs.path() + ":/usr/bin:/bin";
    build.disk.put("/w/trilock.toml", fmt::format("[defaults.image]\nbuilder = \"buildah\"\n{}", pipeline));
    build.disk.put("/w/Dockerfile", "FROM scratch\n");
    build.disk.put("/w/c/file", "in the context");
    build.instead_of_process = [this](const ProcessSpec& spec) { return run(spec); };
    keep_index();
  }

  // Another checkout, with another store: only the cache is the same.
  void other_machine() {
    build.forget_state();
    build.disk.erase("/w/.trilock");
    build.disk.erase("/w/out");
    store.clear();
    keep_index();
    lines.clear();
  }

  void forget_images() {
    store.clear();
    keep_index();
    lines.clear();
  }

  [[nodiscard]] bool ran(std::string_view part) const {
    return std::ranges::any_of(lines, [&](const std::string& line) { return line.contains(part); });
  }

  [[nodiscard]] std::string reason(const std::string& label) const { return build.reports.at(label).reason; }

 private:
  static std::string id_of(const std::string& text) { return strong_digest(text).hex(); }

  void keep_index() {
    std::string index;
    for (const auto& [id, names] : store) {
      index += id + "\n";
      for (const std::string& name : names) index += name + "\n";
    }
    build.disk.next_tick();
    build.disk.put("/store/vfs-images/images.json", index);
  }

  std::string add(const std::string& text) {
    store[id_of(text)];
    keep_index();
    return id_of(text);
  }

  std::optional<ProcessResult> run(const ProcessSpec& spec) {
    const std::vector<std::string>& argv = spec.argv;
    std::string line;
    for (const std::string& word : argv) line += (line.empty() ? "" : " ") + word;
    if (line == "buildah --version") return exited(0, "buildah version 1.28.2 (image-spec 1.1.0)\n");
    if (line == "buildah info")
      return exited(0, R"({"store": {"GraphRoot": "/store", "RunRoot": "/run", "GraphDriverName": "vfs"}})");
    if (line.starts_with("buildah images")) return exited(0, listing());
    if (argv[0] == "true") return std::nullopt;
    lines.push_back(line);
    if (argv[0] == "sh") return pack(spec);
    if (argv[1] == "pull") limit_ms = spec.timeout_ms;
    if (const auto ending = endings.find(argv[0] + " " + argv[1]); ending != endings.end()) return ending->second;
    if (argv[1] == "build") return make(argv);
    if (argv[1] == "pull") return pull(spec);
    if (argv[1] == "tag") return tag(argv);
    if (argv[1] == "push") return push(argv);
    return exited(125, {}, "unknown command\n");
  }

  std::string listing() {
    std::string text;
    for (const auto& [id, names] : store) {
      text += fmt::format("sha256:{} <none>:<none>\n", id);
      for (const std::string& name : names) text += fmt::format("sha256:{} {}\n", id, name);
    }
    return text;
  }

  static std::string after(const std::vector<std::string>& argv, std::string_view flag) {
    const auto found = std::ranges::find(argv, flag);
    return found == argv.end() ? "" : *(found + 1);
  }

  ProcessResult make(const std::vector<std::string>& argv) {
    const std::string text = build.disk.content(after(argv, "--file"));
    const std::string id = add(text);
    for (std::size_t i = 0; i + 1 < argv.size(); ++i)
      if (argv[i] == "--tag") store[id].insert(argv[i + 1]);
    keep_index();
    build.disk.put(after(argv, "--iidfile"), "sha256:" + id);
    texts_[id] = text;
    return exited(0);
  }

  // The script that writes an archive.
  ProcessResult pack(const ProcessSpec& spec) {
    const std::string id = build.disk.content(spec.dir + "/iid").substr(7);
    build.disk.put(spec.argv.back(), texts_[id] + wrapping);
    build.disk.put(spec.dir + "/manifest", "sha256:" + std::string(64, '1'));
    return exited(0);
  }

  ProcessResult pull(const ProcessSpec& spec) {
    const std::string& from = spec.argv.back();
    if (from.starts_with("oci-archive:")) {
      const std::string archive = build.disk.content(fmt::format("{}/{}", spec.dir, from.substr(12)));
      add(archive.substr(0, archive.find('|')));
      return exited(0);
    }
    const auto found = registry.find(from.substr(from.find('@') + 1));
    if (found == registry.end()) return exited(125, {}, "trying\nError: manifest unknown\n\n");
    add(found->second);
    return exited(0);
  }

  ProcessResult tag(const std::vector<std::string>& argv) {
    if (!store.contains(argv[2])) return exited(125, {}, "Error: image not known\n");
    store[argv[2]].insert(argv[3]);
    keep_index();
    return exited(0);
  }

  ProcessResult push(const std::vector<std::string>& argv) {
    for (const auto& [id, names] : store) {
      if (!names.contains(argv.back())) continue;
      const std::string manifest = "sha256:" + std::string(64, '2');
      registry[manifest] = texts_[id];
      build.disk.put(after(argv, "--digestfile"), manifest);
      return exited(0);
    }
    return exited(125);
  }

  std::map<std::string, std::string> texts_;  // id -> Dockerfile
};

constexpr std::string_view archived = R"(
[image.a]
context = "c"
tags = ["me/a:1", "localhost:5000/a:2"]
archive = "out/a.oci.tar"
)";

}  // namespace

TEST_CASE("revival: another machine gets the image out of its archive, once") {
  Machines machines(archived);
  REQUIRE(machines.build.run() == 0);
  REQUIRE(machines.build.outcome("image.a") == Outcome::ran);
  const auto values = machines.build.reports["image.a"].values;

  machines.other_machine();
  const std::vector<Forecast> forecasts = machines.build.look();
  CHECK(forecasts.front().decision.next == Next::restore);
  CHECK(machines.store.empty());
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::restored);
  CHECK(machines.build.reports["image.a"].values == values);
  CHECK(machines.build.reports["image.a"].out.empty());
  CHECK_FALSE(machines.ran("build "));
  REQUIRE(machines.store.size() == 1);
  CHECK(machines.store.begin()->second == std::set<std::string>{"localhost:5000/a:2", "me/a:1"});
  CHECK(machines.build.disk.has("/w/out/a.oci.tar"));

  const std::size_t processes = machines.build.processes;
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::unchanged);
  CHECK(machines.build.processes == processes);  // the probe after the revival has told the next run
}

TEST_CASE("revival: an image that is gone from the store comes out of the archive beside it, without any cache") {
  Machines machines(archived);
  REQUIRE(machines.build.run() == 0);
  machines.build.disk.erase("/cache");
  machines.forget_images();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::restored);
  CHECK(machines.reason("image.a") == "what it made is no longer there");
  CHECK(machines.store.size() == 1);
  CHECK_FALSE(machines.ran("build "));

  // Without the one and the other there is nothing to bring it back from.
  machines.forget_images();
  machines.build.disk.erase("/w/out");
  machines.build.disk.erase("/cache");
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::ran);
}

TEST_CASE("revival: whatever goes wrong, the node runs, and says why") {
  for (const bool elsewhere : {true, false}) {
    const auto after = [&](const std::string& words, ProcessResult ending) {
      Machines machines(archived);
      REQUIRE(machines.build.run() == 0);
      if (elsewhere)
        machines.other_machine();
      else
        machines.forget_images();
      if (words == "buildah pull") machines.endings[words] = std::move(ending);
      if (words == "tag")
        machines.build.before_process = [&](const std::vector<std::string>& argv) {
          if (argv.size() > 1 && argv[1] == "tag") machines.store.clear();
        };
      REQUIRE(machines.build.run() == 0);
      CHECK(machines.build.outcome("image.a") == Outcome::ran);
      CHECK(machines.store.size() == 1);
      CHECK(machines.build.disk.has("/w/out/a.oci.tar"));
      const std::string reason = machines.reason("image.a");
      REQUIRE(machines.build.run() == 0);
      CHECK(machines.build.outcome("image.a") == Outcome::unchanged);
      return reason;
    };
    CHECK(after("buildah pull", exited(125, "", "trying\nError: no such thing\n\n")) ==
          "cannot be restored: `buildah pull` failed with exit code 125: Error: no such thing");
    CHECK(after("buildah pull", {.end = ProcessEnd::timed_out, .exit_code = 143}) ==
          "cannot be restored: `buildah pull` took longer than 60 s");
    // It went well, and nothing came.
    CHECK(after("tag", {}) == "cannot be restored: `buildah tag` failed with exit code 125: Error: image not known");
  }
}

TEST_CASE("revival: another image than the recorded one is none") {
  Machines machines("[image.a]\ncontext = \"c\"\narchive = \"out/a.oci.tar\"\n");  // no tag that would fail
  REQUIRE(machines.build.run() == 0);
  machines.other_machine();
  machines.endings["buildah pull"] = exited(0);
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::ran);
  CHECK(machines.reason("image.a") == "cannot be restored: what came back is not what it made");
}

TEST_CASE("revival: time limits and interruption") {
  Machines machines(fmt::format("{}timeout = \"5s\"\n", archived));
  REQUIRE(machines.build.run() == 0);
  machines.other_machine();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.limit_ms == 5000);

  machines.other_machine();
  machines.endings["buildah pull"] = {.end = ProcessEnd::cancelled, .exit_code = 143};
  static_cast<void>(machines.build.run());
  CHECK(machines.build.outcome("image.a") == Outcome::cancelled);
  CHECK_FALSE(machines.ran("build "));
}

TEST_CASE("revival: a pushed image is pulled by its digest, and built when the registry has lost it") {
  Machines machines("[image.a]\ncontext = \"c\"\ntags = [\"r.example:5000/a:1\"]\npush = true\n");
  REQUIRE(machines.build.run() == 0);
  machines.other_machine();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::restored);
  CHECK(machines.lines.front() == "buildah pull --quiet r.example:5000/a@sha256:" + std::string(64, '2'));
  CHECK(machines.limit_ms == 60'000);

  machines.other_machine();
  machines.registry.clear();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::ran);
  CHECK(machines.reason("image.a") ==
        "cannot be restored: `buildah pull` failed with exit code 125: Error: manifest unknown");
  CHECK(machines.ran("push"));
}

TEST_CASE("revival: an image that is kept nowhere is built by every machine") {
  Machines machines("[image.a]\ncontext = \"c\"\ntags = [\"a\"]\n");
  REQUIRE(machines.build.run() == 0);
  machines.other_machine();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::ran);
  CHECK(machines.reason("image.a") == "no earlier result");
}

TEST_CASE("revival: an archive that is damaged in the cache is none") {
  Machines machines(archived);
  REQUIRE(machines.build.run() == 0);
  for (const std::string& path : machines.build.disk.paths())
    if (path.starts_with("/cache/cas/") && machines.build.disk.content(path) == "FROM scratch\n|")
      machines.build.disk.put(path, "FROM scretch\n|");
  machines.other_machine();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.outcome("image.a") == Outcome::ran);
  CHECK(machines.reason("image.a").starts_with("cannot restore outputs: "));
  CHECK_FALSE(machines.ran("buildah pull"));
}

TEST_CASE("revival: the archive that `[cache] images` adds means nothing to other nodes") {
  Machines machines(R"(
[image.a]
context = "c"
matrix = { at = ["x/y", "z"] }

[command.all]
run = ["true", "out/all"]
inputs = ["**", ".trilock", "!out"]
outputs = ["out/all"]

[command.after]
run = ["true", "out/after"]
needs = ["image.a"]
outputs = ["out/after"]

[cache]
images = true
)");
  REQUIRE(machines.build.run() == 0);
  REQUIRE(machines.build.findings.empty());
  CHECK(machines.build.disk.content("/w/.trilock/images/image.a%5Bat=x%2Fy%5D.oci.tar") == "FROM scratch\n|");
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.ran.empty());

  machines.other_machine();
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.ran.empty());
  CHECK(machines.build.outcome("image.a[at=x/y]") == Outcome::restored);
  CHECK(machines.build.disk.has("/w/.trilock/images/image.a%5Bat=z%5D.oci.tar"));

  // The same image in another wrapping: what needs the image stays as it is.
  machines.wrapping = "| in other paper";
  REQUIRE(machines.build.run({.force = true}, {"image.a[at=x/y]", "image.a[at=z]"}) == 0);
  CHECK(machines.build.disk.content("/w/.trilock/images/image.a%5Bat=z%5D.oci.tar").ends_with("paper"));
  REQUIRE(machines.build.run() == 0);
  CHECK(machines.build.ran.empty());
}

TEST_CASE("revival: `out` means no private output") {
  Node node{.label = "image.a"};
  node.outputs = {{"", ".trilock/images/image.a.oci.tar", {}}};
  CHECK(output_value(node, "out") == nullptr);
  node.outputs.push_back({"", "out/a", {}});
  REQUIRE(output_value(node, "out") != nullptr);
  CHECK(*output_value(node, "out") == "out/a");
  node.outputs.push_back({"", "out/b", {}});
  CHECK(output_value(node, "out") == nullptr);
}
