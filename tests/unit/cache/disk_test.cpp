// The contract of Disk, checked on the real disk and on the one in memory, so that what tests see in memory is what
// happens.
#include "cache/disk.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "cache/hash.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::FaultSpan;
using trilock::test::MemoryDisk;
using trilock::test::TemporaryDirectory;

namespace {

struct RealWorld {
  TemporaryDirectory directory;
  std::unique_ptr<Disk> owned = make_real_disk();
  Disk& disk = *owned;
  std::string at(const std::string& name) const { return directory / name; }
};

struct MemoryWorld {
  MemoryDisk memory;
  Disk& disk = memory;
  MemoryWorld() { memory.put_directory("/w"); }
  std::string at(const std::string& name) const { return "/w/" + name; }
};

std::vector<std::string> names(const Result<std::vector<DirEntry>>& listing) {
  REQUIRE(listing);
  std::vector<std::string> all;
  for (const DirEntry& entry : *listing) {
    const char* mark = entry.type == FileType::directory ? "/" : entry.type == FileType::symlink ? "@" : "";
    all.push_back(entry.name + mark);
  }
  return all;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_TEMPLATE("disk: writes whole files, with missing parents, in place of old ones", World, RealWorld,
                   MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  REQUIRE(disk.write(world.at("a/b/c"), "one", 0755));
  CHECK(disk.read(world.at("a/b/c")) == "one");
  const Result<FileStat> before = disk.stat(world.at("a/b/c"));
  REQUIRE(before);
  CHECK(before->type == FileType::file);
  CHECK(before->mode == 0755);
  CHECK(before->size == 3);
  REQUIRE(disk.write(world.at("a/b/c"), "second", 0640));
  const Result<FileStat> after = disk.stat(world.at("a/b/c"));
  REQUIRE(after);
  CHECK(after->mode == 0640);
  CHECK(after->size == 6);
  CHECK(after->inode != before->inode);
  CHECK(disk.read(world.at("a/b/c")) == "second");
  CHECK(names(disk.list(world.at("a/b"))) == Names{"c"});
  CHECK(disk.stat(world.at("a"))->type == FileType::directory);
}

TEST_CASE_TEMPLATE("disk: errors name the path and tell kinds apart", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  REQUIRE(disk.write(world.at("file"), "x", 0644));
  REQUIRE(disk.make_directories(world.at("dir")));
  const auto check = [&](const auto& result, ErrorKind kind, const std::string& message) {
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == kind);
    CHECK(result.error().message == message);
  };
  check(disk.read(world.at("none")), ErrorKind::not_found,
        "cannot read `" + world.at("none") + "`: no such file or directory");
  check(disk.stat(world.at("none")), ErrorKind::not_found,
        "cannot stat `" + world.at("none") + "`: no such file or directory");
  check(disk.stat(world.at("file/x")), ErrorKind::not_found,
        "cannot stat `" + world.at("file/x") + "`: not a directory");
  check(disk.list(world.at("file")), ErrorKind::not_found, "cannot list `" + world.at("file") + "`: not a directory");
  check(disk.list(world.at("none")), ErrorKind::not_found,
        "cannot list `" + world.at("none") + "`: no such file or directory");
  check(disk.read(world.at("dir")), ErrorKind::io, "cannot read `" + world.at("dir") + "`: is a directory");
  check(disk.hash_fast(world.at("dir")), ErrorKind::io, "cannot read `" + world.at("dir") + "`: is a directory");
  check(disk.hash_both(world.at("none")), ErrorKind::not_found,
        "cannot read `" + world.at("none") + "`: no such file or directory");
  check(disk.write(world.at("file/x"), "", 0644), ErrorKind::not_found,
        "cannot write `" + world.at("file/x") + "`: not a directory");
  check(disk.write(world.at("dir"), "", 0644), ErrorKind::io, "cannot write `" + world.at("dir") + "`: is a directory");
  check(disk.copy(world.at("none"), world.at("y"), 0644), ErrorKind::not_found,
        "cannot copy `" + world.at("none") + "`: no such file or directory");
  check(disk.make_directories(world.at("file")), ErrorKind::not_found,
        "cannot make the directory `" + world.at("file") + "`: not a directory");
  check(disk.read_link(world.at("file")), ErrorKind::io,
        "cannot read the symlink `" + world.at("file") + "`: invalid argument");
  check(disk.rename(world.at("none"), world.at("y")), ErrorKind::not_found,
        "cannot rename `" + world.at("none") + "` to `" + world.at("y") + "`: no such file or directory");
  CHECK(names(disk.list(world.at(""))) == Names{"dir/", "file"});
}

TEST_CASE_TEMPLATE("disk: reads stretches of a file, one behind the other", World, RealWorld, MemoryWorld) {
  World world;
  REQUIRE(world.disk.write(world.at("f"), "0123456789", 0644));
  const auto read = [&](std::vector<ByteStretch> stretches) {
    return world.disk.read_stretches(world.at("f"), stretches).value_or("none");
  };
  CHECK(read({}).empty());
  CHECK(read({{2, 4}, {4, 4}, {9, 10}}) == "239");
  CHECK(read({{5, 6}, {0, 1}}) == "50");
  CHECK(read({{0, 10}}) == "0123456789");
  CHECK(read({{8, 11}}) == "none");
  CHECK(world.disk.read_stretches(world.at("g"), std::vector<ByteStretch>{}).error().kind == ErrorKind::not_found);
}

TEST_CASE_TEMPLATE("disk: lists by name bytes, types without following", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  for (const char* name : {"b", "a-b", "B", ".hidden", "a/x", "\xc3\xa9"})
    REQUIRE(disk.write(world.at(name), "", 0644));
  REQUIRE(disk.make_symlink("a", world.at("link")));
  CHECK(names(disk.list(world.at(""))) == Names{".hidden", "B", "a/", "a-b", "b", "link@", "\xc3\xa9"});
  CHECK_FALSE(disk.list(world.at("link")));
  CHECK(names(disk.list(world.at("link/"))) == Names{"x"});
}

TEST_CASE_TEMPLATE("disk: hashes are those of the bytes, through symlinks", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += static_cast<char>(i * 7);
  REQUIRE(disk.write(world.at("big"), content, 0644));
  REQUIRE(disk.make_symlink("big", world.at("link")));
  for (const char* name : {"big", "link"}) {
    CHECK(disk.hash_fast(world.at(name)) == fast_digest(content));
    const Result<ContentDigests> both = disk.hash_both(world.at(name));
    REQUIRE(both);
    CHECK(both->fast == fast_digest(content));
    CHECK(both->strong == strong_digest(content));
    CHECK(both->size == content.size());
    CHECK(disk.read(world.at(name)) == content);
  }
  REQUIRE(disk.write(world.at("empty"), "", 0644));
  CHECK(disk.hash_fast(world.at("empty")) == fast_digest(""));
}

TEST_CASE_TEMPLATE("disk: symlinks are made, replaced and looked at, not followed", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  REQUIRE(disk.write(world.at("dir/file"), "content", 0600));
  REQUIRE(disk.make_symlink("dir", world.at("new/link")));
  CHECK(disk.read_link(world.at("new/link")) == "dir");
  REQUIRE(disk.make_symlink("../dir/file", world.at("new/link")));
  CHECK(disk.read_link(world.at("new/link")) == "../dir/file");
  CHECK(disk.stat(world.at("new/link"))->type == FileType::symlink);
  CHECK(disk.stat(world.at("new/link"))->size == 11);
  CHECK(disk.stat_following(world.at("new/link"))->type == FileType::file);
  REQUIRE(disk.make_symlink("nowhere", world.at("new/link")));
  CHECK(disk.stat(world.at("new/link")));
  CHECK(disk.stat_following(world.at("new/link")).error().kind == ErrorKind::not_found);
  REQUIRE(disk.make_symlink("x", world.at("dir")));  // in place of a whole directory
  CHECK(disk.read_link(world.at("dir")) == "x");
  CHECK_FALSE(disk.stat(world.at("dir/file")));
  REQUIRE(disk.make_symlink(world.at("loop"), world.at("loop")));
  CHECK(disk.read(world.at("loop")).error().kind == ErrorKind::io);
  const std::string longer(1000, 'l');
  REQUIRE(disk.make_symlink(longer, world.at("long")));
  CHECK(disk.read_link(world.at("long")) == longer);
}

TEST_CASE_TEMPLATE("disk: a copy is private and has its own mode", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  const std::string content(1'000'000, 'c');
  REQUIRE(disk.write(world.at("from"), content, 0600));
  REQUIRE(disk.copy(world.at("from"), world.at("new/to"), 0755));
  CHECK(disk.read(world.at("new/to")) == content);
  CHECK(disk.stat(world.at("new/to"))->mode == 0755);
  CHECK(disk.stat(world.at("new/to"))->inode != disk.stat(world.at("from"))->inode);
  REQUIRE(disk.write(world.at("from"), "other", 0600));
  CHECK(disk.read(world.at("new/to")) == content);
  REQUIRE(disk.make_symlink("from", world.at("link")));
  CHECK_FALSE(disk.copy(world.at("link"), world.at("y"), 0644));
  CHECK_FALSE(disk.stat(world.at("y")));
  CHECK(names(disk.list(world.at("new"))) == Names{"to"});
}

TEST_CASE_TEMPLATE("disk: modes and times", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  REQUIRE(disk.write(world.at("f"), "", 0600));
  REQUIRE(disk.set_mode(world.at("f"), 0751));
  CHECK(disk.stat(world.at("f"))->mode == 0751);
  for (const std::int64_t time : {std::int64_t{0}, std::int64_t{1'234'567'890'123'456'789}, std::int64_t{-1}}) {
    REQUIRE(disk.set_mtime(world.at("f"), time));
    CHECK(disk.stat(world.at("f"))->mtime_ns == time);
  }
  REQUIRE(disk.make_symlink("f", world.at("link")));
  REQUIRE(disk.set_mtime(world.at("link"), 42'000'000'000));
  CHECK(disk.stat(world.at("link"))->mtime_ns == 42'000'000'000);
  CHECK(disk.stat(world.at("f"))->mtime_ns == -1);
  CHECK_FALSE(disk.set_mode(world.at("link"), 0600));
  CHECK(disk.stat(world.at("f"))->mode == 0751);
}

TEST_CASE_TEMPLATE("disk: removes trees, never what a symlink leads to", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  REQUIRE(disk.write(world.at("kept/file"), "x", 0644));
  REQUIRE(disk.write(world.at("tree/a/b/c"), "x", 0444));
  REQUIRE(disk.make_symlink("../kept", world.at("tree/link")));
  REQUIRE(disk.make_symlink("kept", world.at("link")));
  REQUIRE(disk.make_directories(world.at("tree/empty")));
  REQUIRE(disk.set_mode(world.at("tree/a/b"), 0555));
  REQUIRE(disk.set_mode(world.at("tree/a"), 0555));
  REQUIRE(disk.remove(world.at("tree")));
  REQUIRE(disk.remove(world.at("link")));
  CHECK(names(disk.list(world.at(""))) == Names{"kept/"});
  CHECK(disk.read(world.at("kept/file")) == "x");
  CHECK(disk.remove(world.at("none")));
  CHECK(disk.remove(world.at("kept/file/below")));
  REQUIRE(disk.remove(world.at("kept/file")));
  CHECK(names(disk.list(world.at("kept"))) == Names{});
}

TEST_CASE_TEMPLATE("disk: renames files and trees", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  REQUIRE(disk.write(world.at("a/x/y"), "1", 0644));
  REQUIRE(disk.write(world.at("f"), "2", 0644));
  REQUIRE(disk.rename(world.at("a"), world.at("b")));
  CHECK(disk.read(world.at("b/x/y")) == "1");
  REQUIRE(disk.rename(world.at("f"), world.at("b/x/y")));
  CHECK(disk.read(world.at("b/x/y")) == "2");
  CHECK(names(disk.list(world.at(""))) == Names{"b/"});
  CHECK_FALSE(disk.rename(world.at("b"), world.at("b/x/z")));
}

TEST_CASE_TEMPLATE("disk: a change after reading the clock has no smaller ctime", World, RealWorld, MemoryWorld) {
  World world;
  Disk& disk = world.disk;
  for (int i = 0; i < 300; ++i) {
    const std::int64_t clock = disk.change_clock_ns();
    REQUIRE(disk.write(world.at("f"), std::to_string(i), 0644));
    REQUIRE(disk.stat(world.at("f"))->ctime_ns >= clock);
  }
}

TEST_CASE("real disk: a temporary never stays behind, and its directory may be anything") {
  RealWorld world;
  Disk& disk = world.disk;
  REQUIRE(disk.make_directories(world.at("target/busy")));
  CHECK_FALSE(disk.write(world.at("target"), "x", 0644));
  CHECK_FALSE(disk.copy("/proc/self/nothing", world.at("x"), 0644));
  CHECK(names(disk.list(world.at(""))) == Names{"target/"});
  const std::string longest(255, 'n');
  REQUIRE(disk.write(world.at(longest), "x", 0644));
  CHECK(disk.read(world.at(longest)) == "x");
}

TEST_CASE("real disk: files of /proc have a size of 0 and are read and copied whole") {
  RealWorld world;
  const Result<std::string> content = world.disk.read("/proc/version");
  REQUIRE(content);
  CHECK(content->size() > 10);
  CHECK(world.disk.hash_fast("/proc/version") == fast_digest(*content));
  REQUIRE(world.disk.copy("/proc/version", world.at("copy"), 0644));
  CHECK(world.disk.read(world.at("copy")) == *content);
}

TEST_CASE("real disk: a fifo is refused and not waited for") {
  RealWorld world;
  REQUIRE(::mkfifo(world.at("fifo").c_str(), 0600) == 0);
  CHECK(world.disk.stat(world.at("fifo"))->type == FileType::other);
  const Result<FastDigest> digest = world.disk.hash_fast(world.at("fifo"));
  REQUIRE_FALSE(digest);
  CHECK(digest.error().message == "cannot read `" + world.at("fifo") + "`: not a regular file");
}

// A file system of 64 kB, mounted where only the child process sees it.
TEST_CASE("real disk: a full disk is told apart and leaves nothing behind") {
  constexpr int cannot_mount = 77;
  RealWorld world;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int spaces = CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (::unshare(spaces) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      ::_exit(cannot_mount);
    const char* dir = world.directory.path().c_str();
    if (::mount("none", dir, "tmpfs", 0, "size=64k,mode=0777") != 0) ::_exit(cannot_mount);
    Disk& disk = world.disk;
    if (!disk.write(world.at("f"), "old", 0644)) ::_exit(1);
    const Status full = disk.write(world.at("f"), std::string(1'000'000, 'x'), 0644);
    if (full || full.error().kind != ErrorKind::no_space) ::_exit(2);
    if (full.error().message != "cannot write `" + world.at("f") + "`: no space left on device") ::_exit(3);
    if (disk.read(world.at("f")) != "old") ::_exit(4);
    const Status copied = disk.copy("/proc/self/exe", world.at("g"), 0755);
    if (copied) ::_exit(5);  // a symlink
    const Result<std::string> self = disk.read_link("/proc/self/exe");
    if (!self) ::_exit(6);
    const Status full_copy = disk.copy(*self, world.at("g"), 0755);
    if (full_copy || full_copy.error().kind != ErrorKind::no_space) ::_exit(7);
    const Result<std::vector<DirEntry>> left = disk.list(world.directory.path());
    ::_exit(left && left->size() == 1 ? 0 : 8);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == cannot_mount) {
    MESSAGE("no full disk was tried: this user may not mount one");
  } else {
    CHECK(WEXITSTATUS(status) == 0);
  }
}

// Root may do anything, so this runs as nobody.
TEST_CASE("real disk: without privileges, read-only and closed directories are removed all the same") {
  RealWorld world;
  REQUIRE(::chmod(world.directory.path().c_str(), 0777) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(10);
    Disk& disk = world.disk;
    if (!disk.write(world.at("tree/a/b/c"), "x", 0444) || !disk.make_directories(world.at("tree/closed/in")))
      ::_exit(11);
    if (!disk.set_mode(world.at("tree/a/b"), 0555) || !disk.set_mode(world.at("tree/a"), 0555)) ::_exit(12);
    if (!disk.set_mode(world.at("tree/closed"), 0)) ::_exit(13);
    if (!disk.write(world.at("secret"), "x", 0)) ::_exit(14);
    const Result<std::string> refused = disk.read(world.at("secret"));
    if (refused || refused.error().message != "cannot read `" + world.at("secret") + "`: permission denied")
      ::_exit(15);
    if (!disk.remove(world.at("tree"))) ::_exit(16);
    ::_exit(disk.stat(world.at("tree")) ? 17 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("memory disk: faults hit the write that was named and change nothing") {
  MemoryDisk disk;
  disk.put("/w/f", "old");
  disk.fail_write(2, ENOSPC);
  CHECK(disk.write("/w/a", "1", 0644));
  const Status failed = disk.write("/w/f", "new", 0644);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ErrorKind::no_space);
  CHECK(failed.error().message == "cannot write `/w/f`: no space left on device");
  CHECK(disk.content("/w/f") == "old");
  CHECK(disk.write("/w/f", "new", 0644));
  CHECK(disk.writes() == 3);
  disk.fail_write(1, EIO, FaultSpan::from_then_on);
  CHECK_FALSE(disk.remove("/w/a"));
  CHECK_FALSE(disk.copy("/w/f", "/w/g", 0644));
  CHECK_FALSE(disk.rename("/w/f", "/w/g"));
  CHECK_FALSE(disk.make_directories("/w/d"));
  CHECK_FALSE(disk.make_symlink("x", "/w/l"));
  CHECK_FALSE(disk.set_mode("/w/f", 0));
  CHECK_FALSE(disk.set_mtime("/w/f", 0));
  disk.heal();
  CHECK(disk.paths() == std::vector<std::string>{"/w", "/w/a", "/w/f"});
  CHECK(disk.remove("/w/a"));
}

TEST_CASE("memory disk: logs what is read, by path and in order") {
  MemoryDisk disk;
  disk.put("/w/a", "1");
  disk.put("/w/b", "2");
  CHECK(disk.reads().empty());
  CHECK(disk.read("/w/b"));
  CHECK(disk.hash_fast("/w/a"));
  CHECK(disk.hash_both("/w/b"));
  CHECK_FALSE(disk.read("/w/none"));
  CHECK(disk.stat("/w/a"));
  CHECK(disk.list("/w"));
  CHECK(disk.reads() == Names{"/w/b", "/w/a", "/w/b", "/w/none"});
  CHECK(disk.stats() == Names{"/w/a"});
  CHECK(disk.lists() == Names{"/w"});
  disk.fail_read("/w/a", EACCES);
  CHECK(disk.read("/w/a").error().message == "cannot read `/w/a`: permission denied");
  disk.fail_read("/w/a", 0);
  CHECK(disk.read("/w/a"));
  disk.clear_log();
  CHECK(disk.reads().empty());
}

TEST_CASE("memory disk: stamps whole ticks of a clock that only the test moves") {
  MemoryDisk disk(1'000'000);
  disk.put("/f", "1");
  const std::int64_t first = disk.stat("/f")->ctime_ns;
  CHECK(first == disk.change_clock_ns());
  CHECK(first % 1'000'000 == 0);
  disk.advance(999'999);
  disk.put("/f", "2");
  CHECK(disk.stat("/f")->ctime_ns == first);
  disk.advance(1);
  CHECK(disk.stat("/f")->ctime_ns == first);
  CHECK(disk.change_clock_ns() == first + 1'000'000);
  disk.put("/f", "3");
  CHECK(disk.stat("/f")->ctime_ns == first + 1'000'000);
  CHECK(disk.stat("/f")->size == 1);
}
