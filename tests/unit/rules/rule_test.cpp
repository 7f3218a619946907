#include <doctest/doctest.h>

#include <algorithm>

#include "rules/rule.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/scene.hpp"

namespace trilock::test {
namespace {

std::string path(std::string_view dir, std::string_view written) {
  Diagnostics diagnostics;
  const std::string result = workspace_path(dir, written, {}, diagnostics);
  return diagnostics.has_errors() ? "error: " + diagnostics.all().front().message : result;
}

}  // namespace

TEST_CASE("workspace_path cleans and keeps to the workspace") {
  CHECK(path("", "a/b") == "a/b");
  CHECK(path("a", "./b//c/") == "a/b/c");
  CHECK(path("a/b", "../c") == "a/c");
  CHECK(path("a", "..").empty());
  CHECK(path("", "").empty());
  CHECK(path("a", ".") == "a");
  CHECK(path("a", "b/../../c") == "c");
  CHECK(path("a", "../../c") == "error: `../../c` leaves the workspace");
  CHECK(path("", "a/../../a") == "error: `a/../../a` leaves the workspace");
  CHECK(path("a", "/etc/passwd") == "error: `/etc/passwd` is an absolute path");
  CHECK(path("", "..a/...") == "..a/...");
}

TEST_CASE("relative_to is the way from a directory to a path") {
  CHECK(relative_to("a/b", "a/c/x") == "../c/x");
  CHECK(relative_to("", "a/b") == "a/b");
  CHECK(relative_to("a", "a/b") == "b");
  CHECK(relative_to("a/b", "a") == "..");
  CHECK(relative_to("a", "a") == ".");
  CHECK(relative_to("", "") == ".");
  CHECK(relative_to("ab", "a") == "../a");
}

TEST_CASE("tree_path is relative inside the workspace and absolute outside") {
  MemoryDisk disk;
  const SourceTree tree(disk, "/home/u/ws");
  CHECK(tree_path(tree, "/home/u/ws/a/../b") == "b");
  CHECK(tree_path(tree, "/home/u/ws").empty());
  CHECK(tree_path(tree, "/home/u/ws/").empty());
  CHECK(tree_path(tree, "/home/u/ws2/a") == "/home/u/ws2/a");
  CHECK(tree_path(tree, "/home/u/ws/../x") == "/home/u/x");
}

TEST_CASE("add_file follows symlinks, names what is outside by the way there, and ends in a loop") {
  MemoryDisk disk;
  disk.put("/ws/real.txt", "x");
  disk.put("/outside.txt", "y");
  disk.put_symlink("/ws/d/one", "../two");
  disk.put_symlink("/ws/two", "/ws/real.txt");
  disk.put_symlink("/ws/out", "../outside.txt");
  disk.put_symlink("/ws/loop", "loop");
  SourceTree tree(disk, "/ws");
  Action action;
  REQUIRE(add_file(tree, "d/one", action));
  CHECK(action.inputs == std::vector<std::string>{"d/one", "two", "real.txt"});
  REQUIRE(add_file(tree, "out", action));
  REQUIRE(action.fields.size() == 1);
  CHECK(action.fields[0].name == "file ../outside.txt");
  CHECK(action.fields[0].value == tree.strong_digest("/outside.txt")->strong.hex());
  const Status loop = add_file(tree, "loop", action);
  REQUIRE_FALSE(loop);
  CHECK(loop.error().message == "`loop` is a symlink that leads to itself");
  CHECK(add_file(tree, "absent", action).error().kind == ErrorKind::not_found);
}

TEST_CASE("typed access to a table") {
  TargetText text("command", "x",
                  "name = \"n\"\non = true\none = \"a\"\nmany = [\"a\", \"b\"]\n"
                  "table = { z = 1, a = true, f = 1.0, half = 0.5, s = \"t\" }\n");
  const ConfigTable& table = text.target.table;
  CHECK(literal_or(table, "name", "x") == "n");
  CHECK(literal_or(table, "absent", "x") == "x");
  CHECK(boolean_or(table, "on", false));
  CHECK(boolean_or(table, "absent", true));
  CHECK(texts_of(table, "one").size() == 1);
  CHECK(texts_of(table, "many").size() == 2);
  CHECK(texts_of(table, "absent").empty());
  std::string listed;
  for (const auto& [key, value] : text_table_of(table, "table")) listed += key + "=" + value.literal + " ";
  CHECK(listed == "z=1 a=true f=1.0 half=0.5 s=t ");
  CHECK(place_of(table, "name", {}).line == 2);
  CHECK(place_of(table, "absent", text.target.place) == text.target.place);
}

TEST_CASE("references become edges, however deep") {
  TargetText text("command", "x", "a = [{ b = [\"${image.base.digest}\"] }]\nc = \"${go.build.out}\"\n");
  refer_all(text.target.table);
  Node node;
  for (const ConfigEntry& entry : text.target.table.entries) add_references(entry.value, node);
  REQUIRE(node.dependencies.size() == 2);
  CHECK(node.dependencies[0].label == "image.base");
  CHECK(node.dependencies[1].label == "go.build");
  CHECK(node.dependencies[1].kind == DependencyKind::reference);
}

TEST_CASE("the registry names each rule once") {
  std::vector<std::string_view> names;
  for (const RuleKeys& keys : rule_keys()) {
    CHECK(std::ranges::find(names, keys.rule) == names.end());
    names.push_back(keys.rule);
    for (const KeySpec& key : keys.keys) {
      CHECK_FALSE(key.description.empty());
      CHECK_FALSE(key.description.ends_with('.'));
      for (const KeySpec& common : common_keys()) CHECK(common.name != key.name);
    }
  }
  CHECK(names.size() == registry().size());
}

}  // namespace trilock::test
