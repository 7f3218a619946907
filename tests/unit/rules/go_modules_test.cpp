// Source: The Go Modules Reference, "go.mod files: Lexical elements, Grammar", "go.work files".
#include <doctest/doctest.h>

#include "rules/go/go_modules.hpp"
#include "tests/support/memory_disk.hpp"

namespace trilock::test {

using Paths = std::vector<std::string>;

TEST_CASE("directories of go.mod and go.work") {
  CHECK(local_directories("module a\nreplace b => ../b\n") == Paths{"../b"});
  CHECK(local_directories("replace b v1.0.0 => ./b // here\n") == Paths{"./b"});
  CHECK(local_directories("replace b => example.com/c v1.0.0\n").empty());
  CHECK(local_directories("replace (\n\tb => \"./b c\"\n\td v1 => `/abs`\n\te => f v1\n)\nreplace g => ..\n") ==
        Paths{"./b c", "/abs", ".."});
  CHECK(local_directories("// replace b => ../b\nrequire x v1.0.0 // => ../c\n").empty());
  CHECK(local_directories("go 1.22\r\nuse ./a\r\nuse (\r\n\t./b\r\n\t.\r\n)\r\n") == Paths{"./a", "./b", "."});
  CHECK(local_directories("replace (\n").empty());
  CHECK(local_directories("replace b =>\n\"").empty());
}

TEST_CASE("the main module is the nearest one above; go.work goes first") {
  MemoryDisk disk;
  disk.put("/ws/go.mod", "module a\nreplace x => ./x\n");
  disk.put("/ws/x/go.mod", "module x\nreplace y => ../y\n");
  disk.put("/ws/sub/dir/main.go", "");
  disk.put("/ws/tool/go.mod", "module tool\n");
  SourceTree tree(disk, "/ws");
  CHECK(find_go_modules(tree, "sub/dir", "").roots == Paths{"", "x"});  // x's own replace does not count
  CHECK(find_go_modules(tree, "tool", "").roots == Paths{"tool"});
  CHECK(find_go_modules(tree, "tool", "").files == Paths{"tool/go.mod", "tool/go.sum", "tool/vendor/modules.txt"});

  disk.put("/ws/go.work", "use ./tool\n");
  SourceTree later(disk, "/ws");
  CHECK(find_go_modules(later, "sub/dir", "").roots == Paths{"tool"});
  CHECK(find_go_modules(later, "sub/dir", "off").roots == Paths{"", "x"});
  CHECK(find_go_modules(later, "sub", "/ws/go.work").files ==
        Paths{"go.work", "go.work.sum", "tool/go.mod", "tool/go.sum", "tool/vendor/modules.txt", "vendor/modules.txt"});
}

TEST_CASE("a module above the workspace is found, with absolute paths") {
  MemoryDisk disk;
  disk.put("/repo/go.mod", "module a\n");
  disk.put("/repo/ws/main.go", "");
  SourceTree tree(disk, "/repo/ws");
  CHECK(find_go_modules(tree, "", "").roots == Paths{"/repo"});
  disk.erase("/repo/go.mod");
  SourceTree later(disk, "/repo/ws");
  CHECK(find_go_modules(later, "", "").roots.empty());
}

TEST_CASE("the state of modules changes with their names and, if asked, with their sources") {
  MemoryDisk disk;
  disk.put("/ws/go.mod", "module a\n");
  disk.put("/ws/a.go", "package a\n");
  disk.put("/ws/a_test.go", "package a\n");
  disk.put("/ws/vendor/b/b.go", "package b\n");
  disk.put("/ws/nested/go.mod", "module n\n");
  disk.put("/ws/out/app", "x");
  const Paths skip = {"out"};
  const auto state = [&](GoContent content) {
    disk.next_tick();
    SourceTree tree(disk, "/ws");
    return state_of_modules(tree, find_go_modules(tree, "", ""), skip, content);
  };
  int edits = 0;
  for (const GoContent content : {GoContent::none, GoContent::sources, GoContent::sources_and_tests}) {
    const auto changes = [&](const std::string& path) {
      const std::string before = state(content);
      disk.put(path, "package a // " + std::to_string(++edits));
      return state(content) != before;
    };
    const std::string name = "/new" + std::to_string(static_cast<int>(content));
    CHECK(changes("/ws" + name + ".txt"));
    CHECK_FALSE(changes("/ws" + name + ".txt"));  // its name counts, not its content
    CHECK(changes("/ws/deep" + name + "/x.go"));
    CHECK(changes("/ws/vendor/b" + name + ".go"));
    CHECK(changes("/ws/a.go") == (content != GoContent::none));
    CHECK(changes("/ws/a_test.go") == (content == GoContent::sources_and_tests));
    CHECK_FALSE(changes("/ws/vendor/b/b.go"));
    CHECK_FALSE(changes("/ws/nested" + name + ".go"));
    CHECK_FALSE(changes("/ws/out" + name));
    CHECK_FALSE(changes("/ws/.git" + name));
    CHECK_FALSE(changes("/ws/.trilock" + name));
  }
}

}  // namespace trilock::test
