#include "cache/source_tree.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "cache/hash.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;
using trilock::test::TemporaryDirectory;

namespace {

using Names = std::vector<std::string>;

struct World {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  World() { disk.put_directory("/w"); }
};

// What the next run starts with.
std::vector<FileDigest> rows_of(SourceTree& tree) {
  return tree.take_new_digests();
}

}  // namespace

TEST_CASE("tree: stat, listing and digest of a path are taken once") {
  World world;
  world.disk.put("/w/a/f", "content");
  for (int i = 0; i < 3; ++i) {
    CHECK(world.tree.stat("a/f")->size == 7);
    CHECK(world.tree.exists("a/f"));
    CHECK_FALSE(world.tree.exists("a/g"));
    CHECK(world.tree.list("a")->size() == 1);
    CHECK(world.tree.digest("a/f") == fast_digest("content"));
  }
  CHECK(world.disk.reads() == Names{"/w/a/f"});
  CHECK(world.disk.lists() == Names{"/w/a"});
  // The last one is the check that the file stood still while it was hashed.
  CHECK(world.disk.stats() == Names{"/w/a/f", "/w/a/g", "/w/a/f"});
}

TEST_CASE("tree: paths of the workspace are the same, relative or absolute; others are absolute") {
  World world;
  world.disk.put("/w/f", "1");
  world.disk.put("/other/f", "2");
  CHECK(world.tree.digest("/w/f") == fast_digest("1"));
  CHECK(world.tree.digest("f") == fast_digest("1"));
  CHECK(world.tree.digest("/other/f") == fast_digest("2"));
  CHECK(world.disk.reads() == Names{"/w/f", "/other/f"});
  CHECK(world.tree.stat("")->type == FileType::directory);
  CHECK(world.tree.stat("/")->type == FileType::directory);
  CHECK(world.tree.absolute("") == "/w");
  CHECK(world.tree.absolute("a/b") == "/w/a/b");
  CHECK(world.tree.absolute("/a/b") == "/a/b");
  SourceTree at_root(world.disk, "/");
  CHECK(at_root.digest("w/f") == fast_digest("1"));
}

TEST_CASE("tree: knows whether the machine failed, or just what was asked for") {
  World world;
  world.disk.put("/w/f", "x");
  CHECK_FALSE(world.tree.read("none").has_value());
  world.disk.fail_read("/w/f", EACCES);
  CHECK_FALSE(world.tree.read("f").has_value());
  CHECK_FALSE(world.tree.machine_failed());
  world.disk.fail_read("/w/f", EMFILE);
  SUBCASE("reading") {
    CHECK_FALSE(world.tree.read("f").has_value());
  }
  SUBCASE("hashing") {
    CHECK_FALSE(world.tree.digest("f").has_value());
  }
  SUBCASE("listing") {
    world.disk.put("/w/d/x", "");
    world.disk.fail_read("/w/d", EIO);
    CHECK_FALSE(world.tree.list("d").has_value());
  }
  CHECK(world.tree.machine_failed());
}

TEST_CASE("tree: errors name the path as the user knows it") {
  World world;
  world.disk.put("/w/secret", "x");
  world.disk.put_fifo("/w/fifo");
  world.disk.put_symlink("/w/dangling", "nowhere");
  world.disk.fail_read("/w/secret", EACCES);
  CHECK(world.tree.digest("none").error().message == "cannot stat `none`: no such file or directory");
  CHECK(world.tree.digest("none").error().kind == ErrorKind::not_found);
  CHECK(world.tree.stat("none").error().message == "cannot stat `none`: no such file or directory");
  CHECK(world.tree.digest("secret").error().message == "cannot read `secret`: permission denied");
  CHECK(world.tree.read("secret").error().message == "cannot read `secret`: permission denied");
  CHECK(world.tree.digest("fifo").error().message == "cannot read `fifo`: not a regular file");
  CHECK(world.tree.read("fifo").error().message == "cannot read `fifo`: not a regular file");
  CHECK(world.tree.read("none").error().kind == ErrorKind::not_found);
  CHECK(world.tree.list("none").error().message == "cannot list `none`: no such file or directory");
  CHECK(world.tree.digest("dangling").error().kind == ErrorKind::not_found);
  CHECK(world.tree.exists("dangling"));
  CHECK(world.tree.read_link("dangling") == "nowhere");
  CHECK_FALSE(world.tree.digest(""));
}

TEST_CASE("tree: a file that was hashed in an earlier run costs one stat") {
  World first;
  first.disk.put("/w/f", "content");
  first.disk.next_tick();
  CHECK(first.tree.digest("f") == fast_digest("content"));
  const std::vector<FileDigest> rows = rows_of(first.tree);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].path == "f");
  CHECK(rows[0].fast == fast_digest("content"));
  CHECK(rows_of(first.tree).empty());

  first.disk.clear_log();
  SourceTree second(first.disk, "/w");
  second.remember(rows);
  CHECK(second.digest("f") == fast_digest("content"));
  CHECK(first.disk.reads().empty());
  CHECK(first.disk.stats() == Names{"/w/f"});
  CHECK(rows_of(second).empty());
}

TEST_CASE("tree: any change of the stat makes an earlier digest void") {
  const auto changed = [](void (*change)(MemoryDisk&)) {
    World world;
    world.disk.put("/w/f", "old");
    world.disk.next_tick();
    CHECK(world.tree.digest("f"));
    const std::vector<FileDigest> rows = rows_of(world.tree);
    REQUIRE(rows.size() == 1);
    world.disk.next_tick();
    change(world.disk);
    world.disk.next_tick();
    world.disk.clear_log();
    SourceTree next(world.disk, "/w");
    next.remember(rows);
    CHECK(next.digest("f") == fast_digest(world.disk.content("/w/f")));
    CHECK(world.disk.reads() == Names{"/w/f"});
    CHECK(rows_of(next).size() == 1);
  };
  changed([](MemoryDisk& disk) { disk.put("/w/f", "new"); });
  changed([](MemoryDisk& disk) { disk.put("/w/f", "longer"); });
  changed([](MemoryDisk& disk) { CHECK(disk.set_mode("/w/f", 0600)); });
  changed([](MemoryDisk& disk) { CHECK(disk.write("/w/f", "new", 0644)); });
  changed([](MemoryDisk& disk) {  // same size, and the old mtime put back
    const std::int64_t mtime = disk.stat("/w/f")->mtime_ns;
    disk.put("/w/f", "new");
    CHECK(disk.set_mtime("/w/f", mtime));
  });
}

TEST_CASE("tree: a digest taken in the tick of the last change is not remembered") {
  World world;
  world.disk.put("/w/f", "one");
  CHECK(world.tree.digest("f") == fast_digest("one"));
  CHECK(rows_of(world.tree).empty());

  // The change that could not be seen: same size, same tick, same inode.
  const FileStat before = *world.disk.stat("/w/f");
  world.disk.put("/w/f", "two");
  REQUIRE(*world.disk.stat("/w/f") == before);
  SourceTree next(world.disk, "/w");
  next.remember(rows_of(world.tree));
  CHECK(next.digest("f") == fast_digest("two"));
  CHECK(rows_of(next).empty());

  world.disk.next_tick();
  SourceTree later(world.disk, "/w");
  CHECK(later.digest("f") == fast_digest("two"));
  CHECK(rows_of(later).size() == 1);
}

TEST_CASE("tree: what counts is the clock when hashing began, not when it ended") {
  World world;
  world.disk.put("/w/f", "one");
  world.disk.on_read([&](const std::string&) { world.disk.next_tick(); });
  CHECK(world.tree.digest("f"));
  CHECK(rows_of(world.tree).empty());
}

TEST_CASE("tree: a file that changes while it is hashed is hashed again") {
  World world;
  world.disk.put("/w/f", "one");
  world.disk.next_tick();
  int reads = 0;
  world.disk.on_read([&](const std::string& path) {
    if (++reads == 1) world.disk.put(path, "two");
  });
  CHECK(world.tree.digest("f") == fast_digest("two"));
  CHECK(reads == 2);
  CHECK(rows_of(world.tree).empty());
}

TEST_CASE("tree: a file that never rests gets a digest that is not remembered") {
  World world;
  world.disk.put("/w/f", "0");
  int reads = 0;
  world.disk.on_read([&](const std::string& path) {
    world.disk.next_tick();
    world.disk.put(path, std::to_string(++reads));
    world.disk.next_tick();
  });
  CHECK(world.tree.digest("f"));
  CHECK(reads == 3);
  CHECK(rows_of(world.tree).empty());
}

TEST_CASE("tree: a ctime of whole seconds is trusted only two seconds later") {
  MemoryDisk disk(1'000'000'000);  // as on ext3
  disk.put("/w/f", "one");
  disk.next_tick();
  SourceTree early(disk, "/w");
  CHECK(early.digest("f"));
  CHECK(rows_of(early).empty());
  disk.advance(2'000'000'000);
  SourceTree late(disk, "/w");
  CHECK(late.digest("f"));
  CHECK(rows_of(late).size() == 1);
}

TEST_CASE("tree: the strong digest is taken when it is asked for, and replaces the row") {
  World world;
  world.disk.put("/w/f", "before");
  world.disk.next_tick();
  SourceTree earlier(world.disk, "/w");
  CHECK(earlier.digest("f"));
  world.tree.remember(rows_of(earlier));
  world.disk.put("/w/f", "content");
  world.disk.next_tick();
  world.disk.clear_log();
  CHECK(world.tree.digest("f"));
  CHECK(world.tree.strong_digest("f")->strong == strong_digest("content"));
  CHECK(world.tree.strong_digest("f")->fast == fast_digest("content"));
  CHECK(world.tree.strong_digest("f")->size == 7);
  CHECK(world.disk.reads().size() == 2);
  const std::vector<FileDigest> rows = rows_of(world.tree);
  REQUIRE(rows.size() == 2);
  CHECK_FALSE(rows[0].has_strong);
  CHECK(rows[1].has_strong);
  CHECK(rows[1].strong == strong_digest("content"));

  world.disk.clear_log();
  SourceTree next(world.disk, "/w");
  next.remember({rows[1]});
  CHECK(next.digest("f") == fast_digest("content"));
  CHECK(next.strong_digest("f")->strong == strong_digest("content"));
  CHECK(world.disk.reads().empty());
}

TEST_CASE("tree: a small file that no earlier run knew is read once for both digests, a large one when asked") {
  World world;
  world.disk.put("/w/small", "content");
  world.disk.put("/w/large", std::string(100'000, 'x'));
  world.disk.next_tick();
  CHECK(world.tree.digest("small") == fast_digest("content"));
  CHECK(world.tree.strong_digest("small")->strong == strong_digest("content"));
  CHECK(world.disk.reads() == Names{"/w/small"});
  const std::vector<FileDigest> rows = rows_of(world.tree);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].strong == strong_digest("content"));
  CHECK(world.tree.digest("large"));
  CHECK_FALSE(rows_of(world.tree).at(0).has_strong);
}

TEST_CASE("tree: the digest of a symlink is that of the file it leads to, now") {
  World world;
  world.disk.put("/w/one", "1");
  world.disk.put("/w/two", "2");
  world.disk.put_symlink("/w/link", "one");
  world.disk.next_tick();
  CHECK(world.tree.stat("link")->type == FileType::symlink);
  CHECK(world.tree.digest("link") == fast_digest("1"));
  CHECK(world.tree.digest("link") == fast_digest("1"));
  CHECK(world.disk.reads().size() == 1);
  const std::vector<FileDigest> rows = rows_of(world.tree);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].stat.type == FileType::file);

  world.disk.clear_log();
  SourceTree next(world.disk, "/w");
  next.remember(rows);
  CHECK(next.digest("link") == fast_digest("1"));
  CHECK(world.disk.reads().empty());
  CHECK(next.stat("link")->type == FileType::symlink);

  // Written without a word about the symlink.
  world.disk.put("/w/one", "3");
  CHECK(next.digest("link") == fast_digest("3"));
  world.disk.put_symlink("/w/link", "two");
  next.forget("link");
  CHECK(next.digest("link") == fast_digest("2"));
  SourceTree last(world.disk, "/w");
  last.remember(rows);
  CHECK(last.digest("link") == fast_digest("2"));
}

TEST_CASE("tree: forget drops what is at a path, below it, and in the listings above") {
  World world;
  world.disk.put("/w/keep/f", "k");
  world.disk.put("/w/out-x/f", "x");
  world.disk.put("/w/out/dir/f", "1");
  CHECK_FALSE(world.tree.exists("out/dir/g"));
  CHECK(world.tree.digest("out/dir/f") == fast_digest("1"));
  CHECK(world.tree.digest("keep/f") == fast_digest("k"));
  CHECK(world.tree.digest("out-x/f") == fast_digest("x"));
  CHECK(world.tree.list("")->size() == 3);
  CHECK(world.tree.list("out/dir")->size() == 1);
  CHECK(world.tree.list("keep")->size() == 1);

  world.disk.put("/w/out/dir/f", "2");
  world.disk.put("/w/out/dir/g", "g");
  world.disk.put("/w/new", "n");
  CHECK(world.tree.digest("out/dir/f") == fast_digest("1"));
  CHECK_FALSE(world.tree.exists("out/dir/g"));

  world.disk.clear_log();
  world.tree.forget("out");
  CHECK(world.tree.digest("out/dir/f") == fast_digest("2"));
  CHECK(world.tree.exists("out/dir/g"));
  CHECK(world.tree.list("")->size() == 4);
  CHECK(world.tree.list("out/dir")->size() == 2);
  CHECK(world.tree.digest("keep/f") == fast_digest("k"));
  CHECK(world.tree.digest("out-x/f") == fast_digest("x"));
  CHECK(world.tree.list("keep")->size() == 1);
  CHECK(world.disk.reads() == Names{"/w/out/dir/f"});
  CHECK(world.disk.lists() == Names{"/w", "/w/out/dir"});
}

TEST_CASE("tree: forget knows that writing a path makes the directories above it") {
  World world;
  CHECK_FALSE(world.tree.exists("out"));
  CHECK_FALSE(world.tree.exists("out/a"));
  CHECK_FALSE(world.tree.exists("out/a/b"));
  world.disk.put("/w/out/a/b", "x");
  world.tree.forget("out/a/b");
  CHECK(world.tree.stat("out")->type == FileType::directory);
  CHECK(world.tree.stat("out/a")->type == FileType::directory);
  CHECK(world.tree.digest("out/a/b") == fast_digest("x"));
}

TEST_CASE("tree: forget of the workspace forgets everything in it, by either name") {
  World world;
  world.disk.put("/w/a/f", "1");
  world.disk.put("/other/f", "o");
  for (const char* name : {"", "/w"}) {
    CHECK(world.tree.digest("a/f"));
    CHECK(world.tree.digest("/other/f"));
    world.disk.put("/w/a/f", name);
    world.tree.forget(name);
    CHECK(world.tree.digest("a/f") == fast_digest(name));
  }
  world.disk.put("/other/f", "p");
  world.tree.forget("/other");
  CHECK(world.tree.digest("/other/f") == fast_digest("p"));
}

TEST_CASE("tree: what was forgotten but not written is not hashed again") {
  World world;
  world.disk.put("/w/out/f", "same");
  world.disk.next_tick();
  CHECK(world.tree.strong_digest("out/f"));
  world.tree.forget("out");
  world.disk.clear_log();
  CHECK(world.tree.strong_digest("out/f")->strong == strong_digest("same"));
  CHECK(world.disk.stats() == Names{"/w/out/f"});
  CHECK(world.disk.reads().empty());
}

TEST_CASE("tree: forgotten in the same tick, a change is seen all the same") {
  World world;
  world.disk.put("/w/f", "one");
  CHECK(world.tree.digest("f") == fast_digest("one"));
  world.disk.put("/w/f", "two");
  world.tree.forget("f");
  CHECK(world.tree.digest("f") == fast_digest("two"));
}

TEST_CASE("tree: what is forgotten while it is hashed does not stay") {
  World world;
  world.disk.put("/w/f", "one");
  world.disk.next_tick();
  bool once = true;
  world.disk.on_read([&](const std::string& path) {
    if (!std::exchange(once, false)) return;
    world.disk.put(path, "two");
    world.tree.forget("f");
  });
  CHECK(world.tree.digest("f"));
  world.disk.put("/w/f", "three");
  CHECK(world.tree.digest("f") == fast_digest("three"));
}

TEST_CASE("tree: many threads, each path is hashed and listed once") {
  MemoryDisk disk;
  constexpr int files = 200;
  for (int i = 0; i < files; ++i)
    disk.put("/w/d" + std::to_string(i % 7) + "/f" + std::to_string(i), std::to_string(i));
  SourceTree tree(disk, "/w");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < files; ++i) {
        const int file = (i + t % 2) % files;
        const std::string dir = "d" + std::to_string(file % 7);
        if (tree.digest(dir + "/f" + std::to_string(file)) != fast_digest(std::to_string(file))) ++wrong;
        if (!tree.list(dir)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(disk.reads().size() == files);
  CHECK(disk.lists().size() == 7);
}

TEST_CASE("tree: threads that forget, write and digest never leave an old digest behind") {
  MemoryDisk disk;
  SourceTree tree(disk, "/w");
  disk.put("/w/out/f", "0");
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        static_cast<void>(tree.digest("out/f"));
        static_cast<void>(tree.list("out"));
      }
    });
  }
  int stale = 0;
  for (int i = 1; i < 2000; ++i) {
    const std::string content = std::to_string(i);
    disk.put("/w/out/f", content);
    if (i % 3 == 0) disk.next_tick();
    tree.forget(i % 2 == 0 ? "out" : "out/f");
    if (tree.digest("out/f") != fast_digest(content)) ++stale;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(stale == 0);
}

// Content of the same size is written in place twice within a tick, at every distance from the moment of hashing.
TEST_CASE("tree: on the real disk a remembered digest is never stale") {
  TemporaryDirectory directory;
  const std::unique_ptr<Disk> disk = make_real_disk();
  const int file = ::open((directory / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(file >= 0);
  const auto put = [&](int value) {
    std::string content = std::to_string(100'000 + value);
    REQUIRE(::pwrite(file, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
    return fast_digest(content);
  };
  std::vector<FileDigest> known;
  int remembered = 0;
  int stale = 0;
  for (int i = 0; i < 3000; ++i) {
    put(2 * i);
    // Less than a tick of the file system's clock, or more: kernels have ticks of 1 to 10 ms.
    if (i % 30 == 0) ::usleep(static_cast<useconds_t>(1000 + i * 7 % 20'000));
    {
      SourceTree tree(*disk, directory.path());
      tree.remember(known);
      CHECK(tree.digest("f"));
      std::vector<FileDigest> rows = tree.take_new_digests();
      remembered += rows.empty() ? 0 : 1;
      if (!rows.empty()) known = std::move(rows);
    }
    const FastDigest now = put(2 * i + 1);
    SourceTree tree(*disk, directory.path());
    tree.remember(known);
    if (tree.digest("f") != now) ++stale;
  }
  ::close(file);
  CHECK(stale == 0);
  CHECK(remembered > 20);
}

TEST_CASE("tree: what a repository names is read in the workspace alone") {
  World world;
  world.disk.put("/secret", "secret");
  world.disk.put("/w/sub/f", "inside");
  world.disk.put_symlink("/w/out", "../secret");
  world.disk.put_symlink("/w/absolute", "/secret");
  world.disk.put_symlink("/w/up", "..");
  world.disk.put_symlink("/w/chain", "out");
  world.disk.put_symlink("/w/in", "sub/f");
  world.disk.put_symlink("/w/in-absolute", "/w/sub/f");
  world.disk.put_symlink("/w/around", "../w/sub");
  world.disk.put_symlink("/w/sub/back", "../sub/f");
  for (const char* path :
       {"out", "absolute", "up/secret", "chain", "../secret", "sub/../../secret", "up/w/up/secret"}) {
    const Result<std::string> text = world.tree.read(path);
    REQUIRE_FALSE(text);
    CHECK(text.error().kind == ErrorKind::invalid);
    CHECK(text.error().message == std::string("`") + path + "` leads out of the workspace");
  }
  for (const char* path : {"in", "in-absolute", "around/f", "sub/back", "up/w/sub/f", "./sub//f"})
    CHECK(world.tree.read(path) == "inside");
  CHECK(world.disk.reads().size() == 6);
  CHECK(world.tree.read("/secret") == "secret");
  CHECK_FALSE(world.tree.check_inside("/secret"));
  world.tree.trust("out");
  CHECK(world.tree.read("out") == "secret");
  CHECK(world.tree.resolved("around/f") == "sub/f");
  CHECK(world.tree.resolved("up/w") == "");
  CHECK(world.tree.resolved("out") == "out");
}

TEST_CASE("tree: a loop of symlinks and a missing file are errors of reading") {
  World world;
  world.disk.put_symlink("/w/a", "b");
  world.disk.put_symlink("/w/b", "a");
  world.disk.put_symlink("/w/dangling", "nothing/there");
  CHECK(world.tree.read("a").error().kind == ErrorKind::io);
  CHECK(world.tree.read("dangling").error().kind == ErrorKind::not_found);
  CHECK(world.tree.read("missing").error().kind == ErrorKind::not_found);
}

TEST_CASE("tree: a file that is too large to read is not read") {
  const TemporaryDirectory directory;
  const std::unique_ptr<Disk> disk = make_real_disk();
  SourceTree tree(*disk, directory.path());
  const std::string path = directory.path() + "/sparse";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(::ftruncate(file, off_t{1} << 40) == 0);
  ::close(file);
  CHECK(tree.read("sparse").error().message == "cannot read `sparse`: it is larger than 256 MiB");
}
