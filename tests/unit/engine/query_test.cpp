#include "engine/query.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace trilock;

namespace {

// c.lib <- c.app[os=linux], c.app[os=windows] <- c.pack <- c.ship, and g.other by itself; c.ship comes after g.other.
struct Scene {
  Scene() {
    add("command.ship", {"command.pack"}, {"go.other"});
    add("command.lib", {});
    add("command.app[os=linux]", {"command.lib"});
    add("command.app[os=windows]", {"command.lib"});
    add("command.pack", {"command.app[os=linux]", "command.app[os=windows]"});
    add("go.other", {});
    Diagnostics none;
    graph = Graph::link(std::move(nodes), none);
    REQUIRE(!none.has_errors());
    pipeline.build_index();
  }

  void add(const std::string& label, std::vector<std::string> needs, std::vector<std::string> after = {}) {
    Node node;
    node.label = label;
    node.target = static_cast<std::uint32_t>(pipeline.targets.size());
    for (std::string& other : needs) node.dependencies.push_back({std::move(other), DependencyKind::needs, {}});
    for (std::string& other : after) node.dependencies.push_back({std::move(other), DependencyKind::after, {}});
    nodes.push_back(std::move(node));
    Target target;
    target.label = label;
    target.rule = label.starts_with("go.") ? "go" : "command";
    if (const std::size_t equals = label.find('='); equals != std::string::npos)
      target.coordinates = {{"os", label.substr(equals + 1, label.size() - equals - 2)}};
    pipeline.targets.push_back(std::move(target));
  }

  // The labels of the answer in one line; of a mistake its message, column and help.
  std::string ask(const std::string& text) {
    SourceMap sources;
    Diagnostics found;
    const Query query = parse_query(sources.add("query", text), sources, found);
    QueryAnswer answer;
    if (!found.has_errors()) answer = answer_query(query, pipeline, graph, found);
    note = answer.note;
    if (found.has_errors()) {
      const Diagnostic& first = found.all().front();
      return std::to_string(first.place.column) + "+" + std::to_string(first.place.length) + " " + first.message +
             (first.help.empty() ? "" : " (" + first.help + ")");
    }
    std::string labels;
    for (const NodeId id : answer.nodes) labels += (labels.empty() ? "" : " ") + graph.node(id).label;
    return labels;
  }

  Pipeline pipeline;
  std::vector<Node> nodes;
  Graph graph;
  std::string note;
};

}  // namespace

TEST_CASE("deps and rdeps are transitive, hold the node itself, and come in graph order") {
  Scene scene;
  CHECK(scene.ask("deps(command.pack)") == "command.lib command.app[os=linux] command.app[os=windows] command.pack");
  CHECK(scene.ask("rdeps(command.app[os=linux])") == "command.app[os=linux] command.pack command.ship");
  CHECK(scene.ask("rdeps(go.other)") == "go.other command.ship");
  CHECK(scene.ask("deps(deps(command.lib))") == "command.lib");
}

TEST_CASE("a depth bounds the number of steps") {
  Scene scene;
  CHECK(scene.ask("deps(command.ship, 0)") == "command.ship");
  CHECK(scene.ask("deps(command.ship, 1)") == "command.pack go.other command.ship");
  CHECK(scene.ask("rdeps(command.lib, 1)") == "command.lib command.app[os=linux] command.app[os=windows]");
}

TEST_CASE("patterns are those of the command line") {
  Scene scene;
  CHECK(scene.ask("command.app") == "command.app[os=linux] command.app[os=windows]");
  CHECK(scene.ask("command.app[os=win*]") == "command.app[os=windows]");
  CHECK(scene.ask("go") == "go.other");
  CHECK(scene.ask("'*.other'") == "go.other");
  CHECK(scene.ask("*") ==
        "command.lib command.app[os=linux] command.app[os=windows] command.pack go.other command.ship");
}

TEST_CASE("operators bind alike, from left to right") {
  Scene scene;
  CHECK(scene.ask("deps(command.ship) - deps(command.app)") == "command.pack go.other command.ship");
  CHECK(scene.ask("deps(command.ship) except command.ship intersect go") == "go.other");
  CHECK(scene.ask("go + command.lib ^ go") == "go.other");
  CHECK(scene.ask("go + (command.lib ^ go)") == "go.other");
  CHECK(scene.ask("go union command.lib") == "command.lib go.other");
  CHECK(scene.ask("command.lib - (command.lib - command.lib)") == "command.lib");
  CHECK(scene.ask("command.lib - command.lib") == "");
}

TEST_CASE("a path is one shortest way in its own order") {
  Scene scene;
  CHECK(scene.ask("path(command.ship, command.lib)") == "command.ship command.pack command.app[os=linux] command.lib");
  CHECK(scene.ask("path(command.lib,command.ship)") == "command.lib command.app[os=linux] command.pack command.ship");
  CHECK(scene.ask("path(command.app[os=linux],command.app[os=linux])") == "command.app[os=linux]");
  CHECK(scene.ask("path(command.lib, go.other)") == "");
  CHECK(scene.note == "there is no path: neither of the two depends on the other");
  CHECK(scene.ask("path(command.ship, command.lib) - command.ship") ==
        "command.lib command.app[os=linux] command.pack");
  CHECK(scene.note == "");
}

TEST_CASE("mistakes have their place and advice") {
  Scene scene;
  CHECK(scene.ask("") == "1+1 the query is empty (write for example `deps(image)`)");
  CHECK(scene.ask("dep(go)") == "1+3 unknown function `dep` (did you mean `deps`?)");
  CHECK(scene.ask("somepath(go, go)") == "1+8 unknown function `somepath` (the functions are deps, rdeps and path)");
  CHECK(scene.ask("deps(go.othr)") == "6+7 no node is called `go.othr` (did you mean `go.other`?)");
  CHECK(scene.ask("deps(go") == "8+1 expected `)`, found the end of the query");
  CHECK(scene.ask("deps(go))") == "9+1 expected an operator or the end, found `)`");
  CHECK(scene.ask("deps()") == "6+1 expected a label, a function or `(`, found `)`");
  CHECK(scene.ask("path(go)") == "8+1 expected `,` and the node where the path ends, found `)`");
  CHECK(scene.ask("deps(go, one)") == "10+3 expected a number of steps, found `one`");
  CHECK(scene.ask("go go") == "4+2 expected an operator or the end, found `go`");
  CHECK(scene.ask("go +") == "5+1 expected a label, a function or `(`, found the end of the query");
  CHECK(scene.ask("command.app[os=linux") == "12+1 this bracket is not closed");
  CHECK(scene.ask("go + 'x") == "6+2 this quote is not closed");
  CHECK(scene.ask("+ go") == "1+1 expected a label, a function or `(`, found `+`");
}

TEST_CASE("places count in code points") {
  Scene scene;
  CHECK(scene.ask("'gö' + x") == "1+4 no node is called `gö` (`trilock list` shows all nodes)");
  CHECK(scene.ask("'ünö' dep") == "7+3 expected an operator or the end, found `dep`");
}

TEST_CASE("a query may be long but not deep") {
  Scene scene;
  std::string wide = "go";
  for (int i = 0; i < 50'000; ++i) wide += "+go";
  CHECK(scene.ask(wide) == "go.other");
  CHECK(scene.ask(std::string(100'000, '(')) == "202+1 the query is nested deeper than 200 levels");
  std::string calls;
  for (int i = 0; i < 100'000; ++i) calls += "deps(";
  CHECK(scene.ask(calls).contains("nested deeper than 200 levels"));
}
