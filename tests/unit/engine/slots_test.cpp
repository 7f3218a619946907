// Who gets slots, in what order. Bodies are played by hand here, so that every step is known.
#include "engine/slots.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace trilock;

namespace {

// A pool `p` of some slots, and nodes in it that are asked for and end as the test says.
struct Scene {
  explicit Scene(std::vector<Node> given, std::uint32_t pool_slots, unsigned jobs = 100)
      : graph(link(std::move(given))), slots(graph, {{"p", pool_slots, {}}}, jobs) {}

  static Graph link(std::vector<Node> nodes) {
    Diagnostics diagnostics;
    return Graph::link(std::move(nodes), diagnostics);
  }
  NodeId id(const std::string& label) const {
    NodeId found{};
    REQUIRE(graph.find(label, found));
    return found;
  }
  // True when the node starts at once.
  bool ask(const std::string& label, std::uint64_t remaining = 1) { return start({remaining, id(label)}); }
  // The nodes that start because this one ended, in order.
  std::string end(const std::string& label) {
    std::vector<Turn> ready;
    slots.give_back(id(label), ready);
    started.clear();
    start_all(ready);
    return started;
  }

 private:
  bool start(const Turn& turn) {
    std::vector<Turn> ready;
    const bool taken = slots.take(turn, ready);
    if (taken) started += (started.empty() ? "" : " ") + graph.node(turn.id).label;
    start_all(ready);
    return taken;
  }
  void start_all(const std::vector<Turn>& ready) {
    std::priority_queue<Turn> best(ready.begin(), ready.end());
    for (; !best.empty(); best.pop()) start(best.top());
  }

  Graph graph;
  Slots slots;
  std::string started;
};

Node in_pool(std::string label, std::uint32_t weight = 1) {
  Node node;
  node.label = std::move(label);
  node.pool = 0;
  node.weight = weight;
  return node;
}

Node alone(std::string label, std::vector<std::string> things) {
  Node node;
  node.label = std::move(label);
  node.exclusive = std::move(things);
  return node;
}

}  // namespace

TEST_CASE("those who wait for a pool are served by the longest remaining path, then in the order of the file") {
  Scene scene({in_pool("a"), in_pool("b"), in_pool("c"), in_pool("d")}, 1);
  CHECK(scene.ask("a"));
  CHECK(!scene.ask("c"));
  CHECK(!scene.ask("b"));
  CHECK(!scene.ask("d", 50));
  CHECK(scene.end("a") == "d");
  CHECK(scene.end("d") == "b");
  CHECK(scene.end("b") == "c");
}

TEST_CASE("more weight than there are slots takes all of them") {
  Scene scene({in_pool("huge", 9), in_pool("small")}, 3);
  CHECK(scene.ask("huge"));
  CHECK(!scene.ask("small"));
  CHECK(scene.end("huge") == "small");
}

TEST_CASE("a heavy node collects the slots it waits for: none goes to who comes after it") {
  Scene scene({in_pool("a"), in_pool("b"), in_pool("heavy", 2), in_pool("c"), in_pool("d")}, 2);
  CHECK(scene.ask("a"));
  CHECK(scene.ask("b"));
  CHECK(!scene.ask("heavy"));
  CHECK(!scene.ask("c"));
  CHECK(scene.end("a") == "");  // one slot is free, and kept
  CHECK(!scene.ask("d"));
  CHECK(scene.end("b") == "heavy");
  CHECK(scene.end("heavy") == "c d");
}

TEST_CASE("light nodes with a longer path overtake a heavy one, but not for ever") {
  std::vector<Node> nodes{in_pool("heavy", 2), in_pool("first")};
  for (int i = 0; i < 20; ++i) nodes.push_back(in_pool("light" + std::to_string(i)));
  Scene scene(std::move(nodes), 2);
  CHECK(scene.ask("first"));
  CHECK(!scene.ask("heavy"));
  // One light node runs at any time, each with a longer path than the heavy one, so two slots are never free at once.
  int overtook = 0;
  while (overtook < 20 && scene.ask("light" + std::to_string(overtook), 100)) {
    if (overtook == 0) CHECK(scene.end("first") == "");
    if (overtook > 0) CHECK(scene.end("light" + std::to_string(overtook - 1)) == "");
    ++overtook;
  }
  CHECK(overtook == 8);
  CHECK(scene.end("light7") == "heavy");
  CHECK(scene.end("heavy") == "light8");
}

TEST_CASE("a node that waits for one thing does not hold another one back") {
  Scene scene({alone("x", {"X"}), alone("both", {"X", "Y"}), alone("y", {"Y"})}, 1);
  CHECK(scene.ask("x"));
  CHECK(!scene.ask("both", 10));
  CHECK(scene.ask("y"));
  CHECK(scene.end("x") == "");  // `both` waits for Y now
  CHECK(scene.end("y") == "both");
}

TEST_CASE("a node called up for one thing that then waits for another lets those behind it pass") {
  Scene scene({alone("x", {"X"}), alone("y", {"Y"}), alone("both", {"X", "Y"}), alone("next", {"X"})}, 1);
  CHECK(scene.ask("x"));
  CHECK(scene.ask("y"));
  CHECK(!scene.ask("both", 10));
  CHECK(!scene.ask("next"));
  CHECK(scene.end("x") == "next");
  CHECK(scene.end("y") == "");
  CHECK(scene.end("next") == "both");
}

TEST_CASE("weights count against the jobs too") {
  Node heavy;
  heavy.label = "heavy";
  heavy.weight = 3;
  Node light;
  light.label = "light";
  Scene scene({heavy, light}, 1, 3);
  CHECK(scene.ask("light"));
  CHECK(!scene.ask("heavy"));
  CHECK(scene.end("light") == "heavy");
}

TEST_CASE("a node that weighs more than its pool and the jobs have runs alone, and is not overtaken for ever") {
  std::vector<Node> nodes{in_pool("heavy", 9), in_pool("first")};
  for (int i = 0; i < 20; ++i) nodes.push_back(in_pool("light" + std::to_string(i)));
  Scene scene(std::move(nodes), 2, 3);
  CHECK(scene.ask("first"));
  CHECK(!scene.ask("heavy"));
  int overtook = 0;
  while (overtook < 20 && scene.ask("light" + std::to_string(overtook), 100)) {
    CHECK(scene.end(overtook == 0 ? "first" : "light" + std::to_string(overtook - 1)) == "");
    ++overtook;
  }
  CHECK(overtook == 8);
  CHECK(scene.end("light7") == "heavy");
  CHECK(!scene.ask("light9"));  // nothing beside it
  CHECK(scene.end("heavy") == "light8 light9");
}
