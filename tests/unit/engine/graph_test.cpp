#include "engine/graph.hpp"

#include "engine/output_conflicts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace trilock;

namespace {

Node make_node(std::string label, std::vector<std::string> needs = {}, std::vector<std::string> outputs = {},
               std::vector<std::string> inputs = {}) {
  Node node;
  node.label = std::move(label);
  for (std::string& other : needs) node.dependencies.push_back({std::move(other), DependencyKind::needs, {}});
  for (std::string& path : outputs) node.outputs.push_back({"", std::move(path), {}});
  for (std::string& pattern : inputs) {
    const bool exclude = pattern.starts_with('!');
    node.inputs.push_back({exclude ? pattern.substr(1) : pattern, exclude, {}});
  }
  return node;
}

std::vector<std::string> errors_of(std::vector<Node> nodes) {
  Diagnostics diagnostics;
  static_cast<void>(Graph::link(std::move(nodes), diagnostics));
  std::vector<std::string> messages;
  for (const Diagnostic& found : diagnostics.all()) messages.push_back(found.message);
  return messages;
}

}  // namespace

TEST_CASE("edges run both ways and each is there once") {
  Diagnostics diagnostics;
  const Graph graph =
      Graph::link({make_node("a"), make_node("b", {"a", "a"}), make_node("c", {"a", "b"})}, diagnostics);
  REQUIRE(!diagnostics.has_errors());
  CHECK(graph.dependencies(NodeId{1}).size() == 1);
  CHECK(graph.dependencies(NodeId{2}).size() == 2);
  CHECK(graph.dependents(NodeId{0}).size() == 2);
  CHECK(graph.dependents(NodeId{2}).empty());
}

TEST_CASE("the order is the file's wherever references leave a choice") {
  Diagnostics diagnostics;
  const Graph graph =
      Graph::link({make_node("last", {"first"}), make_node("x"), make_node("first"), make_node("y")}, diagnostics);
  std::vector<std::string> labels;
  for (const NodeId id : graph.order()) labels.push_back(graph.node(id).label);
  CHECK(labels == std::vector<std::string>{"x", "first", "last", "y"});
}

TEST_CASE("a cycle is named from the node that the file names first") {
  CHECK(errors_of({make_node("a", {"c"}), make_node("b", {"a"}), make_node("c", {"b"}), make_node("d", {"c"})}) ==
        std::vector<std::string>{"nodes depend on each other: a -> c -> b -> a"});
  CHECK(errors_of({make_node("x"), make_node("a", {"a"})}) ==
        std::vector<std::string>{"nodes depend on each other: a -> a"});
}

TEST_CASE("of a long cycle the beginning is shown") {
  std::vector<Node> nodes;
  for (int i = 0; i < 50'000; ++i) nodes.push_back(make_node(std::to_string(i), {std::to_string((i + 1) % 50'000)}));
  Diagnostics diagnostics;
  static_cast<void>(Graph::link(std::move(nodes), diagnostics));
  REQUIRE(diagnostics.all().size() == 1);
  CHECK(diagnostics.all()[0].message.starts_with("nodes depend on each other: 0 -> 1 -> 2 -> "));
  CHECK(diagnostics.all()[0].message.ends_with("19 -> 49980 more -> 0"));
  CHECK(diagnostics.all()[0].notes.size() == 19);
}

TEST_CASE("outputs that are equal or inside one another") {
  CHECK(errors_of({make_node("a", {}, {"out/x"}), make_node("b", {}, {"out/x"})}) ==
        std::vector<std::string>{"two nodes have the output `out/x`: a and b"});
  CHECK(errors_of({make_node("a", {}, {"out"}), make_node("b", {}, {"out/x/y"})}) ==
        std::vector<std::string>{"the output `out/x/y` of b lies inside the output `out` of a"});
  CHECK(errors_of({make_node("a", {}, {"out"}), make_node("b", {}, {"out-b"}), make_node("c", {}, {"out.c"})}).empty());
}

TEST_CASE("outputs that are equal or inside one another by a symlink") {
  const auto linked = [](std::string label, std::string path, std::string real) {
    Node node = make_node(std::move(label), {}, {std::move(path)});
    node.outputs[0].real = std::move(real);
    return node;
  };
  CHECK(errors_of({make_node("a", {}, {"d/x"}), linked("b", "e/x", "d/x")}) ==
        std::vector<std::string>{"the outputs `d/x` of a and `e/x` of b are one file, by a symlink"});
  CHECK(errors_of({linked("a", "f/x", "/elsewhere/x"), linked("b", "e/x", "/elsewhere/x")}) ==
        std::vector<std::string>{"the outputs `f/x` of a and `e/x` of b are one file, by a symlink"});
  CHECK(errors_of({make_node("a", {}, {"d"}), linked("b", "e/x", "d/x")}) ==
        std::vector<std::string>{"the output `e/x` of b lies inside the output `d` of a, by a symlink"});
  CHECK(errors_of({linked("a", "e/x", "d/x"), linked("b", "e/x", "d/x")}) ==
        std::vector<std::string>{"two nodes have the output `e/x`: a and b"});
  CHECK(errors_of({linked("a", "e/x", "d/x"), linked("b", "e/y", "d/y")}).empty());
  CHECK(errors_of({linked("a", "e/x", "d/x"), make_node("b", {}, {}, {"d/*"})}) ==
        std::vector<std::string>{"`d/*` selects `d/x`, an output of a"});
}

TEST_CASE("several outputs inside one directory are all found") {
  CHECK(errors_of({make_node("a", {}, {"out"}), make_node("b", {}, {"out/1"}), make_node("c", {}, {"out/2"})}).size() ==
        2);
}

TEST_CASE("two equal outputs inside a third are two findings") {
  CHECK(errors_of({make_node("a", {}, {"out/x"}), make_node("b", {}, {"out/x"}), make_node("c", {}, {"out"})}) ==
        std::vector<std::string>{"the output `out/x` of a lies inside the output `out` of c",
                                 "two nodes have the output `out/x`: a and b"});
}

TEST_CASE("an output that another node selects without depending on its producer") {
  const auto one = [](std::string pattern) {
    return errors_of({make_node("a", {}, {"gen/api.go"}), make_node("b", {}, {}, {pattern})}).size();
  };
  CHECK(one("gen/api.go") == 1);
  CHECK(one("gen") == 1);
  CHECK(one("**/*.go") == 1);
  CHECK(one("gen/*.go") == 1);
  CHECK(one("gen/*.txt") == 0);
  CHECK(one("other/**") == 0);
  CHECK(errors_of({make_node("a", {}, {"gen/api.go"}), make_node("b", {"a"}, {}, {"**/*.go"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"gen/api.go"}), make_node("m", {"a"}), make_node("b", {"m"}, {}, {"**/*.go"})})
            .empty());
  CHECK(errors_of({make_node("a", {}, {"gen/api.go"}), make_node("b", {}, {}, {"**/*.go", "!gen/**"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"gen/api.go"}), make_node("b", {}, {}, {"!gen/**", "**/*.go"})}).size() == 1);
}

TEST_CASE("an output directory is selected by what is named inside it") {
  CHECK(errors_of({make_node("a", {}, {"dist"}), make_node("b", {}, {}, {"dist/app/main.js"})}).size() == 1);
  CHECK(errors_of({make_node("a", {}, {"dist"}), make_node("b", {}, {}, {"dist/**/*.js"})}).size() == 1);
  CHECK(errors_of({make_node("a", {}, {"dist"}), make_node("b", {}, {}, {"distribution/x"})}).empty());
}

TEST_CASE("a pattern that begins above a node's own outputs means the rest") {
  CHECK(errors_of({make_node("a", {}, {"out/x"}, {"**"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"out"}, {"**", "!out/**"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"src/gen"}, {"src/**/*.go", "src"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"src/gen.go"}, {"src/*.go"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"cmdline"}, {"cmd/*.go", "cmd"})}).empty());
}

TEST_CASE("an output that holds what its node reads") {
  using Errors = std::vector<std::string>;
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"cmd/*.go"})}) ==
        Errors{"`cmd/*.go` selects what lies in `cmd`, an output of a itself"});
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"go.mod", "cmd/app/main.go"})}) ==
        Errors{"`cmd/app/main.go` selects what lies in `cmd`, an output of a itself"});
  CHECK(errors_of({make_node("a", {}, {"data.json"}, {"data.json"})}) ==
        Errors{"`data.json` is an input and an output of a"});
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"**", "cmd"})}) == Errors{"`cmd` is an input and an output of a"});
  // Said once for an output.
  CHECK(errors_of({make_node("a", {}, {"cmd", "pkg"}, {"cmd/a", "cmd/b", "pkg/**"})}).size() == 2);
}

TEST_CASE("what is left out again lies in no output") {
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"cmd/*.go", "!cmd/**"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"cmd/main.go", "!cmd"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"cmd/main.go", "!**/*.go"})}).empty());
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"!cmd/**", "cmd/main.go"})}).size() == 1);
  CHECK(errors_of({make_node("a", {}, {"cmd"}, {"cmd/*.go", "!cmd/gen.go"})}).size() == 1);
}

TEST_CASE("an output that is a file of the pipeline, or holds one") {
  Diagnostics diagnostics;
  const Graph graph = Graph::link({make_node("a", {}, {"conf"}), make_node("b", {}, {"trilock.toml"}),
                                   make_node("c", {}, {"configuration", "env.toml.out"})},
                                  diagnostics);
  const LoadedFile files[] = {{"trilock.toml", "the pipeline"}, {"conf/more/x.toml", "included by the pipeline"}};
  report_outputs_over_files(graph, files, diagnostics);
  std::vector<std::string> messages;
  for (const Diagnostic& found : diagnostics.all()) messages.push_back(found.message);
  CHECK(messages ==
        std::vector<std::string>{"the output `conf` of a holds `conf/more/x.toml`, which is included by the pipeline",
                                 "the output `trilock.toml` of b is the pipeline"});
}

TEST_CASE("property: every order respects every edge, and closure is what can be reached") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t count = 1 + random() % 40;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::string> needs;
      for (std::size_t k = 0; k < i; ++k)
        if (random() % 5 == 0) needs.push_back("n" + std::to_string(k));
      nodes.push_back(make_node("n" + std::to_string(i), std::move(needs)));
    }
    std::shuffle(nodes.begin(), nodes.end(), random);
    Diagnostics diagnostics;
    const Graph graph = Graph::link(std::move(nodes), diagnostics);
    REQUIRE(!diagnostics.has_errors());
    std::vector<std::size_t> place(count);
    for (std::size_t i = 0; i < count; ++i) place[index_of(graph.order()[i])] = i;
    for (std::size_t i = 0; i < count; ++i) {
      const NodeId id = static_cast<NodeId>(i);
      for (const NodeId dependency : graph.dependencies(id)) CHECK(place[index_of(dependency)] < place[i]);
      const std::vector<bool> closure = graph.closure({&id, 1});
      for (std::size_t k = 0; k < count; ++k) {
        if (!closure[k] || k == i) continue;
        const auto dependents = graph.dependents(static_cast<NodeId>(k));
        CHECK(std::any_of(dependents.begin(), dependents.end(), [&](NodeId d) { return closure[index_of(d)]; }));
      }
    }
  }
}
