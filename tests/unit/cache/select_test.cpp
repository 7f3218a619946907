#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cache/glob.hpp"
#include "cache/source_tree.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;
using trilock::test::TemporaryDirectory;

namespace {

using Names = std::vector<std::string>;

// "!x" excludes.
std::vector<InputPattern> patterns(const Names& written) {
  std::vector<InputPattern> result;
  for (const std::string& text : written) {
    const bool exclude = text.starts_with('!');
    result.push_back({exclude ? text.substr(1) : text, exclude, {}});
  }
  return result;
}

struct World {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  explicit World(const Names& files) {
    disk.put_directory("/w");
    for (const std::string& file : files) disk.put("/w/" + file, file);
  }
  Names select(const Names& written, const Names& skip = {}) {
    const Result<Names> selected = tree.select(patterns(written), skip);
    if (!selected) return {"error: " + selected.error().message};
    return *selected;
  }
};

}  // namespace

TEST_CASE("select: files of all patterns, sorted, once, the last pattern decides") {
  World world({"main.go", "go.mod", "a/b.go", "a/b_test.go", "vendor/x/x.go", "vendor/keep/k.go", "README"});
  CHECK(world.select({"**/*.go"}) == Names{"a/b.go", "a/b_test.go", "main.go", "vendor/keep/k.go", "vendor/x/x.go"});
  CHECK(world.select({"**/*.go", "*.go", "main.go", "go.mod"}) ==
        Names{"a/b.go", "a/b_test.go", "go.mod", "main.go", "vendor/keep/k.go", "vendor/x/x.go"});
  CHECK(world.select({"**/*.go", "!vendor/**"}) == Names{"a/b.go", "a/b_test.go", "main.go"});
  CHECK(world.select({"**/*.go", "!vendor"}) == Names{"a/b.go", "a/b_test.go", "main.go"});
  CHECK(world.select({"**/*.go", "!vendor/**", "vendor/keep/*.go"}) ==
        Names{"a/b.go", "a/b_test.go", "main.go", "vendor/keep/k.go"});
  CHECK(world.select({"!**/*.go", "**/*.go", "!**/*_test.go", "!vendor/**"}) == Names{"a/b.go", "main.go"});
  CHECK(world.select({"main.go", "!main.go"}) == Names{});
  CHECK(world.select({"*.rs"}) == Names{});
  CHECK(world.select({"none/*.go", "none/sub/**"}) == Names{});
  CHECK(world.select({}) == Names{});
  CHECK(world.select({"!**"}) == Names{});
}

TEST_CASE("select: a literal pattern that names a directory selects all below it") {
  World world({"a/x", "a/b/y", "ab/z", "f"});
  world.disk.put_directory("/w/a/empty");
  CHECK(world.select({"a"}) == Names{"a/b/y", "a/x"});
  CHECK(world.select({"a", "!a/b"}) == Names{"a/x"});
  CHECK(world.select({"a/b"}) == Names{"a/b/y"});
  CHECK(world.select({""}) == Names{"a/b/y", "a/x", "ab/z", "f"});
  CHECK(world.select({"a*"}) == Names{});
  CHECK(world.select({"a/empty"}) == Names{});
}

TEST_CASE("select: a literal pattern that names nothing is an error, others are not") {
  World world({"a/x"});
  world.disk.put_fifo("/w/fifo");
  const Result<Names> missing = world.tree.select(patterns({"a/none"}), {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK(missing.error().message == "input `a/none` does not exist");
  CHECK(world.select({"a/x/below"}) == Names{"error: input `a/x/below` does not exist"});
  CHECK(world.select({"!a/none"}) == Names{});
  CHECK(world.select({"a/none", "!a/*"}) == Names{});
  CHECK(world.select({"a/none"}, {"a/none"}) == Names{});
  CHECK(world.select({"a/none/deep"}, {"a/none"}) == Names{});
  CHECK(world.select({"fifo"}) == Names{"error: input `fifo` is no file, directory or symlink"});
  CHECK(world.select({"**"}) == Names{"a/x"});
}

TEST_CASE("select: what is skipped is never selected, nor anything below it") {
  World world({"src/a", "out/b", "out/c/d", "outer/e"});
  CHECK(world.select({"**"}, {"out"}) == Names{"outer/e", "src/a"});
  CHECK(world.select({"out"}, {"out"}) == Names{});
  CHECK(world.select({"out/c"}, {"out"}) == Names{});
  CHECK(world.select({"out/c/d"}, {"out"}) == Names{});
  CHECK(world.select({"out/**/d"}, {"out"}) == Names{});
  CHECK(world.select({"**"}, {"out/c/d", "src/a"}) == Names{"out/b", "outer/e"});
  CHECK(world.select({"**"}, {""}) == Names{});
}

TEST_CASE("select: .git and .trilock are never entered") {
  World world({".git/HEAD", ".trilock/state.db", "sub/.git/HEAD", "sub/.gitignore", "a"});
  world.disk.put("/w/worktree/.git", "gitdir: /somewhere/else");
  CHECK(world.select({"**"}) == Names{"a", "sub/.gitignore"});
  CHECK(world.select({""}) == Names{"a", "sub/.gitignore"});
  CHECK(world.select({".git"}) == Names{});
  CHECK(world.select({".git/**"}) == Names{});
  CHECK(world.select({"sub/.git/*"}) == Names{});
  CHECK(world.select({".git/HEAD"}) == Names{".git/HEAD"});  // named as a file, not found by a walk
  for (const std::string& listed : world.disk.lists()) CHECK(listed.find(".git") == std::string::npos);
}

TEST_CASE("select: a symlink that is selected is an input, with all below the directory that it leads to") {
  World world({"real/f", "real/sub/g", "other/h", "z"});
  world.disk.put_symlink("/w/dir", "real");
  world.disk.put_symlink("/w/chain", "dir");
  world.disk.put_symlink("/w/absolute", "/w/real/sub");
  world.disk.put_symlink("/w/real/next", "../other");
  world.disk.put_symlink("/w/dangling", "nowhere");
  world.disk.put_symlink("/w/file", "z");
  CHECK(world.select({"dir"}) == Names{"dir", "other/h", "real/f", "real/next", "real/sub/g"});
  CHECK(world.select({"chain"}) == Names{"chain", "other/h", "real/f", "real/next", "real/sub/g"});
  CHECK(world.select({"absolute"}) == Names{"absolute", "real/sub/g"});
  CHECK(world.select({"ch*"}) == Names{"chain", "other/h", "real/f", "real/next", "real/sub/g"});
  CHECK(world.select({"real"}) == Names{"other/h", "real/f", "real/next", "real/sub/g"});
  CHECK(world.select({"dangling"}) == Names{"dangling"});
  CHECK(world.select({"file"}) == Names{"file"});  // its bytes count with it: look_at
  CHECK(world.select({"dir", "!real/f"}) == Names{"dir", "other/h", "real/next", "real/sub/g"});
  CHECK(world.select({"dir", "!other"}) == Names{"dir", "real/f", "real/next", "real/sub/g"});
  CHECK(world.select({"dir"}, {"real/sub", "other/h"}) == Names{"dir", "real/f", "real/next"});
  CHECK(world.select({"**", "!dir", "!chain", "!real/next", "!absolute"}) ==
        Names{"dangling", "file", "other/h", "real/f", "real/sub/g", "z"});
  CHECK(world.select({"**/h"}) == Names{"other/h"});  // no pattern selects the symlink: a walk passes over it
}

TEST_CASE("select: symlinks in a circle come to an end") {
  World world({"a/f", "b/g"});
  world.disk.put_symlink("/w/a/up", "..");
  world.disk.put_symlink("/w/a/b", "../b");
  world.disk.put_symlink("/w/b/a", "../a");
  world.disk.put_symlink("/w/self", "self");
  CHECK(world.select({"a"}) == Names{"a/b", "a/f", "a/up", "b/a", "b/g", "self"});
  CHECK(world.select({"self"}) == Names{"self"});
}

TEST_CASE("select: a symlink to a directory outside is refused, one to a file is not") {
  World world({"f"});
  world.disk.put("/elsewhere/d/x", "x");
  world.disk.put_symlink("/w/dir", "/elsewhere/d");
  world.disk.put_symlink("/w/up", "../elsewhere");
  world.disk.put_symlink("/w/file", "/elsewhere/d/x");
  world.disk.put_symlink("/w/gone", "/elsewhere/none");
  CHECK(world.select({"dir"}) ==
        Names{"error: input `dir` leads to the directory `/elsewhere/d`, which is outside the workspace"});
  CHECK(world.select({"**"}).front().starts_with("error: "));
  CHECK(world.select({"**", "!dir", "!up"}) == Names{"f", "file", "gone"});
  CHECK(world.select({"dir/*"}) == Names{"dir/x"});
  CHECK(world.tree.select(patterns({"**"}), {}, Symlinks::as_text) == Names{"dir", "f", "file", "gone", "up"});
}

TEST_CASE("select: what a symlink leads to is in the account, and a directory on the way is not") {
  World world({"real/f"});
  world.disk.put_symlink("/w/dir", "real");
  world.disk.put_symlink("/w/late", "real/none");
  world.disk.advance(5'000'000'000);
  world.tree.keep_account();
  CHECK(world.select({"dir", "late"}) == Names{"dir", "late", "real/f"});
  Names looks;
  CHECK(world.tree.account([&](const SourceTree::Look& look) {
    looks.push_back(std::string(look.directory).append("/").append(look.name).append(look.stat ? "" : " absent"));
  }) == SourceTree::Account::settled);
  std::ranges::sort(looks);
  CHECK(looks == Names{"/w/dir", "/w/late", "/w/real/.", "/w/real/none absent"});
}

TEST_CASE("source tree: forgetting a path forgets its other names") {
  World world({"real/sub/f"});
  world.disk.put_symlink("/w/link", "real");
  world.disk.put_symlink("/w/deep", "link/sub");
  const Names names = {"real/sub/f", "link/sub/f", "deep/f"};
  world.tree.note_link("link", "real");
  world.tree.note_link("deep", "real/sub");
  for (const std::string& written : names) {
    for (const std::string& name : names) REQUIRE(world.tree.stat(name));
    world.disk.put("/w/" + written, "longer " + written);
    world.tree.forget(written);
    const std::uint64_t size = world.disk.stat("/w/real/sub/f")->size;
    for (const std::string& name : names) CHECK(world.tree.stat(name)->size == size);
  }
  world.disk.put("/w/real/sub/f", "");
  world.tree.forget("real");
  for (const std::string& name : names) CHECK(world.tree.stat(name)->size == 0);
}

TEST_CASE("select: what is written out before the first star is resolved as any path") {
  World world({"real/f", "real/sub/g"});
  world.disk.put_symlink("/w/dir", "real");
  CHECK(world.select({"dir/*"}) == Names{"dir/f"});
  CHECK(world.select({"dir/**"}) == Names{"dir/f", "dir/sub/g"});
  CHECK(world.select({"dir/sub/*"}) == Names{"dir/sub/g"});
  CHECK(world.select({"dir/f"}) == Names{"dir/f"});
  CHECK(world.select({"**", "dir/*"}) == Names{"dir", "dir/f", "real/f", "real/sub/g"});
}

TEST_CASE("select: walks only where it must") {
  World world({"a/b/c/f.go", "a/x/f.go", "node_modules/p/q.js", "src/m.go"});
  CHECK(world.select({"a/b/c/f.go"}) == Names{"a/b/c/f.go"});
  CHECK(world.disk.lists().empty());
  CHECK(world.disk.stats() == Names{"/w/a/b/c/f.go"});
  CHECK(world.select({"src/*.go"}) == Names{"src/m.go"});
  CHECK(world.disk.lists() == Names{"/w/src"});
  CHECK(world.select({"**/*.go", "!node_modules/**", "!a/**"}) == Names{"src/m.go"});
  CHECK(world.disk.lists() == Names{"/w/src", "/w"});
  CHECK(world.select({"*/x/*.go"}) == Names{"a/x/f.go"});
  CHECK(world.disk.lists() == Names{"/w/src", "/w", "/w/a", "/w/a/x", "/w/node_modules"});
  world.disk.clear_log();
  CHECK(world.select({"*/x/*.go", "src/*", "src/m.go"}) == Names{"a/x/f.go", "src/m.go"});
  CHECK(world.disk.lists().empty());
}

TEST_CASE("select: a directory that cannot be listed is an error where it is needed") {
  World world({"open/f", "closed/f"});
  world.disk.fail_read("/w/closed", EACCES);
  CHECK(world.select({"**"}) == Names{"error: cannot list `closed`: permission denied"});
  CHECK(world.select({"open/*"}) == Names{"open/f"});
  CHECK(world.select({"**", "!closed/**"}) == Names{"open/f"});
}

TEST_CASE("walk: everything below a directory, sorted by path, directories included") {
  World world({"d/a.b", "d/a/b", ".git/HEAD", ".trilock/state.db"});
  world.disk.put_symlink("/w/d/l", "a");
  world.disk.put_directory("/w/d/e");
  const auto walked = [&](const std::string& dir) {
    const auto found = world.tree.walk(dir);
    REQUIRE(found);
    Names names;
    for (const SourceTree::Found& one : *found) {
      const char* mark = one.type == FileType::directory ? "/" : one.type == FileType::symlink ? "@" : "";
      names.push_back(one.path + mark);
    }
    return names;
  };
  CHECK(walked("d") == Names{"d/a/", "d/a.b", "d/a/b", "d/e/", "d/l@"});
  CHECK(walked("") == Names{".git/", ".git/HEAD", "d/", "d/a/", "d/a.b", "d/a/b", "d/e/", "d/l@"});
  CHECK(world.tree.walk("none").error().kind == ErrorKind::not_found);
}

// Whatever is left out of a walk, the result is what matching every path against every pattern gives.
TEST_CASE("select: agrees with matching every file against every pattern") {
  const Names pieces = {"a", "b", "c", "*", "**", "?", "a*", "{a,b}"};
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto random_path = [&](const Names& from, std::size_t most) {
    std::string path;
    for (std::size_t count = 1 + random() % most; count > 0; --count) {
      path += (path.empty() ? "" : "/") + from[random() % from.size()];
    }
    return path;
  };
  std::size_t selected_in_all = 0;
  for (int round = 0; round < 1500; ++round) {
    std::set<std::string> files;
    World world({});
    for (int i = 0; i < 12; ++i) {
      const std::string path = random_path({"a", "b", "c", "ab"}, 4);
      if (world.tree.disk().stat("/w/" + path)) continue;
      world.disk.put("/w/" + path, "x");
      if (world.disk.has("/w/" + path)) files.insert(path);
    }
    Names written;
    for (std::size_t count = 1 + random() % 4; count > 0; --count) {
      const std::string pattern = random_path(pieces, 4);
      if (is_literal_pattern(pattern) && !world.disk.has("/w/" + pattern)) continue;
      written.push_back((random() % 3 == 0 ? "!" : "") + pattern);
    }
    Names skip;
    if (random() % 3 == 0) skip.push_back(random_path({"a", "b", "c"}, 2));
    const auto is_within = [](const std::string& path, const std::string& dir) {
      return path == dir || path.starts_with(dir + "/");
    };
    Names expected;
    for (const std::string& file : files) {
      bool selected = false;
      for (const InputPattern& pattern : patterns(written)) {
        const bool matches =
            is_literal_pattern(pattern.pattern) ? is_within(file, pattern.pattern) : glob_match(pattern.pattern, file);
        if (matches) selected = !pattern.exclude;
      }
      for (const std::string& skipped : skip) selected = selected && !is_within(file, skipped);
      if (selected) expected.push_back(file);
    }
    CAPTURE(written);
    CAPTURE(skip);
    CAPTURE(files);
    REQUIRE(world.select(written, skip) == expected);
    selected_in_all += expected.size();
  }
  CHECK(selected_in_all > 1000);
}

// The real thing: bash expands the same patterns over the same tree. Without symlinks: bash enters one for `*/`.
TEST_CASE("select: agrees with bash's globstar") {
  TemporaryDirectory directory;
  const std::unique_ptr<Disk> disk = make_real_disk();
  for (const char* file :
       {"a", "b/a", "b/c/a.go", "b/c/.hidden", "b/c/d/x.go", ".dot/a", "c1/[x]", "c1/a-b", "c2/z/z/z"}) {
    REQUIRE(disk->write(directory / file, file, 0644));
  }
  const Names pieces = {"a",     "b",     "c",      "*",     "**", "?",  "*.go",
                        "c[12]", "c[!1]", "{b,c1}", "[[]x]", "z",  ".*", "{a,b/*}"};
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Names tried;
  for (int i = 0; i < 400; ++i) {
    std::string pattern;
    for (std::size_t count = 1 + random() % 4; count > 0; --count) {
      pattern += (pattern.empty() ? "" : "/") + pieces[random() % pieces.size()];
    }
    if (!is_literal_pattern(pattern)) tried.push_back(pattern);
  }
  std::ofstream script(directory / ".script");
  script << "cd " << directory.path()
         << "\nshopt -s globstar dotglob nullglob extglob\nGLOBIGNORE=.:..:.script:.out\nexport LC_ALL=C\n";
  for (const std::string& pattern : tried) {
    // Alternatives that expand to no special character name themselves; files that do not exist are no match.
    script << "for f in " << pattern << R"(; do [[ -f $f ]] && echo "$f"; done)"
           << "\necho =\n";
  }
  script.close();
  const std::string command = "bash " + (directory / ".script") + " > " + (directory / ".out");
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream out(directory / ".out");
  std::size_t matched = 0;
  for (const std::string& pattern : tried) {
    std::set<std::string> found;
    for (std::string line; std::getline(out, line) && line != "=";) found.insert(line);
    const Names expected(found.begin(), found.end());
    SourceTree tree(*disk, directory.path());
    const Names ignored = {".script", ".out"};
    const Result<Names> selected = tree.select(patterns({pattern}), ignored);
    CAPTURE(pattern);
    REQUIRE(selected);
    CHECK(*selected == expected);
    matched += expected.size();
  }
  CHECK(matched > 50);
}
