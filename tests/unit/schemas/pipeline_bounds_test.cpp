// What a small file may become. Times are generous for a busy machine: what is guarded against takes minutes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>

#include "schemas/expansion_budget.hpp"
#include "tests/unit/schemas/pipeline_fixture.hpp"

using namespace trilock;

namespace {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string times(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("bounds: variables that hold each other ten times are an error at the one that is too long") {
  std::string text = "[vars]\nv0 = \"xxxxxxxxxx\"\n";
  for (int i = 1; i <= 11; ++i) text += fmt::format("v{} = \"{}\"\n", i, times(10, fmt::format("${{var.v{}}}", i - 1)));
  const Loaded loaded = load(text + "[command.a]\nscript = \"echo ${var.v11}\"\n");
  CHECK(loaded.diagnostics.error_count() == 1);
  CHECK(loaded.findings.find("error: the text becomes longer than 1 MiB here\n  --> trilock.toml:8:") == 0);
}

TEST_CASE("bounds: all texts together") {
  const std::string half = times(512 * 1024, "x");
  std::string text = "[vars]\nv = \"" + half + "\"\n";
  for (int i = 0; i < 600; ++i) text += fmt::format("[command.n{}]\nscript = \"${{var.v}}\"\n", i);
  const Loaded loaded = load(text);
  CHECK(loaded.diagnostics.error_count() == 1);
  CHECK(loaded.findings.find("error: the pipeline becomes larger than 256 MiB here") == 0);
}

TEST_CASE("bounds: a default in every node") {
  std::string text = "[defaults]\nenv = { A = \"" + times(64 * 1024, "x") + "\" }\n";
  for (int i = 0; i < 5000; ++i) text += fmt::format("[command.n{}]\nscript = \"true\"\n", i);
  const Loaded loaded = load(text);
  CHECK(loaded.diagnostics.has_errors());
  CHECK(loaded.findings.find("larger than 256 MiB") != std::string::npos);
}

TEST_CASE("bounds: matrices, of one table and of many") {
  const auto axis = [](std::size_t values) {
    std::string text;
    for (std::size_t i = 0; i < values; ++i) text += fmt::format("\"{}\",", i);
    return text;
  };
  const std::string hundred = axis(100);
  const Loaded product =
      load(fmt::format("[command.a]\nscript = \"true\"\nmatrix = {{ a = [{0}], b = [{0}], c = [{0}], "
                       "d = [{0}], e = [{0}] }}\n",
                       hundred));
  CHECK(product.findings.find("error: the matrix of [command.a] has more than 1000000 nodes") == 0);
  CHECK(product.pipeline.targets.empty());

  std::string many;
  for (int i = 0; i < 50; ++i)
    many += fmt::format("[command.t{}]\nscript = \"true\"\nmatrix = {{ a = [{}], b = [{}] }}\n", i, hundred, hundred);
  const Loaded sum = load(many);
  CHECK(sum.diagnostics.error_count() == 1);
  CHECK(sum.findings.find("larger than 256 MiB") != std::string::npos);

  std::string axes;
  for (int i = 0; i < 101; ++i) axes += fmt::format("a{} = [\"x\"]\n", i);
  CHECK(load("[command.a]\nscript = \"true\"\n[command.a.matrix]\n" + axes)
            .findings.find("error: the matrix of [command.a] has more than 100 axes") == 0);
}

TEST_CASE("bounds: edges between all nodes and all nodes") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("[command.n{}]\nscript = \"true\"\nneeds = [\"command.*\"]\n", i);
  const Loaded loaded = load(text);
  CHECK(loaded.findings.find("larger than 256 MiB") != std::string::npos);
}

TEST_CASE("bounds: many references in a string, on a line and in a file take time in proportion") {
  const Stopwatch watch;
  const std::string forty_thousand = times(40'000, "${var.v}");
  const Loaded one = load("[vars]\nv = \"x\"\n[command.a]\nscript = \"" + forty_thousand + "\"\n");
  CHECK(one.findings.empty());
  CHECK(one.text("command.a", "script") == std::string(40'000, 'x'));
  const Loaded wide = load("[vars]\nv = \"é\"\n[command.a]\nscript = \"é" + forty_thousand + "\"\n");
  CHECK(wide.findings.empty());
  const Loaded line = load("[vars]\nv = \"x\"\n[command.a]\nrun = [" + times(40'000, "\"${var.v}\",") + "]\n");
  CHECK(line.findings.empty());
  CHECK(line.strings("command.a", "run").size() == 40'000);
  std::string numbers;
  for (int i = 0; i < 40'000; ++i) numbers += fmt::format("{},", i);
  const Loaded scalars = load("[command.a]\nscript = \"true\"\nmatrix = { é = [1], n = [" + numbers + "] }\n");
  CHECK(scalars.diagnostics.error_count() == 1);  // no name for an axis
  CHECK(watch.seconds() < 30);
}

TEST_CASE("bounds: many mistakes are counted, and the first are told") {
  const Stopwatch watch;
  std::string keys = "[command.a]\nscript = \"true\"\n";
  for (int i = 0; i < 50'000; ++i) keys += fmt::format("dockerfiel{} = 1\n", i);
  const Loaded unknown = load(keys);
  CHECK(unknown.diagnostics.error_count() == 50'000);
  CHECK(unknown.diagnostics.all().size() == most_findings);
  REQUIRE(unknown.diagnostics.left_out().size() == 1);
  CHECK(unknown.diagnostics.left_out()[0].message == "49900 more errors are not shown");

  std::string references = "[vars]\n";
  for (int i = 0; i < 20'000; ++i) references += fmt::format("variable{} = 1\n", i);
  references += "[command.a]\nscript = \"";
  for (int i = 0; i < 20'000; ++i) references += fmt::format("${{var.variablo{}}}", i);
  CHECK(load(references + "\"\n").diagnostics.error_count() == 20'000);
  CHECK(watch.seconds() < 60);
}

TEST_CASE("bounds: errors are not crowded out by warnings") {
  FakeWorld world;
  std::string patterns;
  for (int i = 0; i < 150; ++i) patterns += fmt::format("\"none{}/*.toml\",", i);
  world.files["trilock.toml"] = "include = [" + patterns + "]\n[command.a]\nscrip = \"\"\n";
  const Loaded loaded = load(world);
  CHECK(loaded.diagnostics.all().size() == most_findings + 1);
  CHECK(loaded.findings.find("error: unknown key `scrip`") != std::string::npos);
  CHECK(loaded.diagnostics.left_out()[0].message == "50 more warnings are not shown");
}

TEST_CASE("bounds: files that all include each other are walked once") {
  constexpr int count = 3000;
  const Stopwatch watch;
  FakeWorld world;
  world.files["trilock.toml"] = "include = [\"parts/*.toml\"]\n";
  for (int i = 0; i < count; ++i) {
    const std::string name = fmt::format("parts/{:04}.toml", i);
    world.files[name] = fmt::format("include = [\"*.toml\"]\n[command.n{}]\nscript = \"true\"\n", i);
    world.globs["parts/*.toml"].push_back(name);
  }
  const Loaded loaded = load(world);
  CHECK(loaded.findings.empty());
  CHECK(loaded.pipeline.targets.size() == count);
  CHECK(loaded.pipeline.targets.front().label == "command.n0");
  CHECK(world.asked("glob parts/*.toml") == 1);
  CHECK(watch.seconds() < 20);
}

TEST_CASE("bounds: a long chain of variables is an error, one of nodes is not") {
  std::string vars = "[vars]\nv0 = \"x\"\n";
  std::string nodes = "[command.n0]\nscript = \"true\"\n";
  for (int i = 1; i < 20'000; ++i) {
    vars += fmt::format("v{} = \"${{var.v{}}}\"\n", i, i - 1);
    nodes += fmt::format("[command.n{}]\nscript = \"echo ${{command.n{}.key}}\"\n", i, i - 1);
  }
  CHECK(load(vars + "[command.a]\nscript = \"${var.v19999}\"\n").findings.find("in a chain") != std::string::npos);
  CHECK(load(nodes).findings.empty());
}

TEST_CASE("bounds: what one string may be made of is counted, not what it says itself") {
  const std::string long_script = times(3 << 20, "x");
  const Loaded loaded = load("[vars]\nv = \"y\"\n[command.a]\nscript = \"" + long_script + "${var.v}\"\n");
  CHECK(loaded.findings.empty());
  CHECK(load("[vars]\nv = \"" + long_script + "\"\n[command.a]\nscript = \"${var.v}\"\n")
            .findings.find("error: the value of variable `v` is longer than 1 MiB") == 0);
}

TEST_CASE("secrets: their names are known whatever else is wrong") {
  FakeWorld world;
  world.files["trilock.toml"] =
      "include = [\"more.toml\", \"missing.toml\"]\n[defaults]\nsecret-env = [\"A\"]\n[command.a]\nsecret-env = \"B\"\n"
      "[comand.b]\nsecret-env = [\"C\", 7]\n[command.c]\nsecret-env = [\"TOK_${matrix.x}\", \"${var.any}\"]\n"
      "matrix = { x = [] }\n";
  world.files["more.toml"] = "[defaults.command]\nsecret-env = [\"D\"]\n";
  const Loaded loaded = load(world);
  CHECK(loaded.diagnostics.has_errors());
  CHECK(loaded.pipeline.secret_names == Strings{"A", "B", "C", "D"});
  CHECK(loaded.pipeline.secret_patterns == Strings{"TOK_*"});

  const Loaded good = load(
      "[vars]\nn = \"V\"\n[command.a]\nscript = \"true\"\nsecret-env = [\"${var.n}_${matrix.x}\"]\n"
      "matrix = { x = [\"1\", \"2\"] }\n");
  CHECK(good.findings.empty());
  CHECK(good.pipeline.secret_names == Strings{"V_1", "V_2"});
  CHECK(good.pipeline.secret_patterns.empty());
}

TEST_CASE("labels hold nothing that a terminal would obey") {
  FakeWorld world;
  world.files["trilock.toml"] = "[command.a]\nscript = \"true\"\nmatrix = { x = [\"${env.X}\"] }\n";
  for (const std::string_view bad : {"a\x1b[31m", "a\xc2\x9b", "a\xe2\x80\xae", "a\xff", "a\xe2\x80\x8b", "a\nb"}) {
    world.env["X"] = bad;
    CHECK(load(world).findings.find("cannot be a value of axis `x`") != std::string::npos);
  }
  world.env["X"] = "größe 漢字";
  CHECK(load(world).labels() == Strings{"command.a[x=größe 漢字]"});
}
