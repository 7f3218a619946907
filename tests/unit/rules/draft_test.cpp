#include "rules/draft.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/support/memory_disk.hpp"

namespace trilock::test {

TEST_CASE("texts of the folder mean themselves in a pipeline") {
  CHECK(toml_text("a \"b\" \\ ${x} $y\n\t\x01") == R"("a \"b\" \\ $${x} $y\n\t\u0001")");
  CHECK(toml_reference("${image.a.ref}") == R"("${image.a.ref}")");
  CHECK(toml_list({"a", "b"}) == R"(["a", "b"])");
  CHECK(toml_list({}) == "[]");
  CHECK(toml_key("a-b_1") == "a-b_1");
  CHECK(toml_key("a.b") == "\"a.b\"");
  CHECK(toml_key("") == "\"\"");
}

TEST_CASE("names resemble what they come from") {
  CHECK(valid_name("my app/Ünit", "x") == "my-app-nit");
  CHECK(valid_name("--a..b__", "x") == "a-b");
  CHECK(valid_name("тест", "x") == "x");
  CHECK(valid_name("", "x") == "x");
  CHECK(valid_name("_a-_-b", "x") == "a-_-b");
}

TEST_CASE("a node takes the next name that is free") {
  Draft draft;
  CHECK(draft.add("go", "test").label() == "go.test");
  CHECK(draft.add("go", "test").label() == "go.test-2");
  CHECK(draft.add("command", "test").label() == "command.test");
  draft.declare("go", "1");
  draft.declare("go", "2");
  REQUIRE(draft.vars.size() == 1);
  CHECK(draft.vars[0].second == "1");
}

TEST_CASE("a key stays where it was set first, and a suggestion gives way") {
  DraftNode node;
  node.set("a", "1");
  node.set("b", "1");
  node.set("a", "2");
  node.suggest("b", "3");
  node.suggest("c", "4");
  REQUIRE(node.keys.size() == 3);
  CHECK(node.keys[0].value == "2");
  CHECK(node.keys[1].value == "1");
  CHECK_FALSE(node.key("c")->switched_on);
}

TEST_CASE("a folder has no files of dependencies, of other pipelines, or of tools") {
  MemoryDisk disk;
  for (const char* path :
       {"/w/go.mod", "/w/.git/config", "/w/.trilock/x", "/w/.devcontainer/a", "/w/.github/b", "/w/a/vendor/c",
        "/w/node_modules/d", "/w/a/testdata/e", "/w/a/f", "/w/other/trilock.toml", "/w/other/g", "/w/\xff"})
    disk.put(path, "x");
  disk.put_symlink("/w/link", "a");
  disk.put_fifo("/w/pipe");
  SourceTree tree(disk, "/w");
  const Folder folder = list_folder(tree);
  CHECK(fmt::format("{}", fmt::join(folder.files, " ")) == ".devcontainer/a a/f go.mod link");
  REQUIRE(folder.left_out.size() == 1);
  CHECK(folder.left_out[0].path == "other");
  CHECK(folder.has("a/f"));
  CHECK_FALSE(folder.has("a"));
}

TEST_CASE("only what a person wrote is read") {
  MemoryDisk disk;
  disk.put("/w/good", "text");
  disk.put("/w/bytes", "a\xff");
  disk.put("/w/large", std::string((1 << 20) + 1, 'x'));
  disk.put_fifo("/w/pipe");
  disk.put_symlink("/w/link", "pipe");
  SourceTree tree(disk, "/w");
  const Folder folder = list_folder(tree);
  const auto said = [&](const std::string& path) {
    const auto text = folder.read(path);
    return text ? *text : text.error().message;
  };
  CHECK(said("good") == "text");
  CHECK(said("bytes") == "is not UTF-8");
  CHECK(said("large") == "is larger than 1 MiB");
  CHECK(said("link") == "is no regular file");
}

}  // namespace trilock::test
