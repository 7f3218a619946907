#include "engine/output_links.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;

namespace {

struct Scene {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  Scene() { disk.put_directory("/w/real/sub"); }
  std::vector<std::string> real(const std::vector<std::string>& outputs) {
    std::vector<Node> nodes(outputs.size());
    for (std::size_t i = 0; i < nodes.size(); ++i)
      (i % 2 == 0 ? nodes[i].outputs : nodes[i].depfiles).push_back({.name = {}, .path = outputs[i], .place = {}});
    follow_output_links(nodes, tree);
    std::vector<std::string> found;
    for (const Node& node : nodes)
      found.emplace_back((node.outputs.empty() ? node.depfiles : node.outputs)[0].real.view());
    return found;
  }
};

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("output links: directories are named without symlinks, the output itself is not followed") {
  Scene scene;
  scene.disk.put_symlink("/w/link", "real");
  scene.disk.put_symlink("/w/chain", "link/sub");
  scene.disk.put_symlink("/w/absolute", "/w/real");
  scene.disk.put_symlink("/w/real/back", "..");
  scene.disk.put_symlink("/w/out", "/elsewhere/d");
  scene.disk.put_symlink("/w/loop", "loop");
  scene.disk.put_symlink("/w/gone", "nowhere");
  CHECK(scene.real({"x", "real/x", "link", "none/at/all"}) == Paths{"", "", "", ""});
  CHECK(scene.real({"link/x", "link/sub/x", "link/new/x", "chain/x"}) ==
        Paths{"real/x", "real/sub/x", "real/new/x", "real/sub/x"});
  CHECK(scene.real({"absolute/x", "real/back/x", "link/back/link/x", "out/x"}) ==
        Paths{"real/x", "x", "real/x", "/elsewhere/d/x"});
  CHECK(scene.real({"loop/x", "gone/x"}) == Paths{"", "nowhere/x"});
}

TEST_CASE("output links: a directory is looked at once, and its stat decides nothing later") {
  Scene scene;
  scene.disk.put_symlink("/w/link", "real");
  scene.disk.advance(5'000'000'000);
  scene.tree.keep_account();
  CHECK(scene.real({"real/sub/a", "real/sub/b", "real/c", "real/sub/d", "link/e", "link/f"})[4] == "real/e");
  CHECK(scene.disk.stats() == Paths{"/w/real", "/w/real/sub", "/w/link", "/w/link", "/w/link", "/w/real"});
  Paths looks;
  CHECK(scene.tree.account([&](const SourceTree::Look& look) {
    looks.push_back(std::string(look.directory).append("/").append(look.name));
  }) == SourceTree::Account::settled);
  CHECK(looks == Paths{"/w/link"});
}

TEST_CASE("output links: an input that is read by another name is looked at anew once its output was written") {
  Scene scene;
  scene.disk.put_symlink("/w/link", "real");
  scene.disk.put("/w/real/f", "one");
  std::vector<Node> nodes(1);
  SUBCASE("a file") {
    nodes[0].inputs = {{.pattern = "link/f", .exclude = false, .place = {}}};
  }
  SUBCASE("a pattern") {
    nodes[0].inputs = {{.pattern = "link/*", .exclude = false, .place = {}}};
  }
  follow_output_links(nodes, scene.tree);
  REQUIRE(scene.tree.stat("link/f")->size == 3);
  scene.disk.put("/w/real/f", "longer");
  scene.tree.forget("real/f");
  CHECK(scene.tree.stat("link/f")->size == 6);
}
