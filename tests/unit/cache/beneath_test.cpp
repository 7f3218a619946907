// That a confined Disk writes and removes beneath its root alone: by openat2, and by the walk of kernels without it.
#include "cache/beneath.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "cache/disk.hpp"
#include "cache/hash.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::TemporaryDirectory;

namespace {

using Way = Confinement::Way;

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A workspace `ws`, and beside it `outside`, where a file lies that must stay.
template <Way way>
struct World {
  TemporaryDirectory directory;
  const std::string root = directory / "ws";
  const std::string outside = directory / "outside";
  const std::string allowed = directory / "allowed";
  std::unique_ptr<Disk> disk;

  World() {
    for (const std::string& dir : {root + "/real/sub", outside, allowed}) std::filesystem::create_directories(dir);
    std::ofstream(outside + "/x") << "precious";
    disk = make_real_disk({.root = root, .allowed = {allowed}, .way = way});
  }
  [[nodiscard]] std::string at(const std::string& name) const { return root + "/" + name; }
  void link(const std::string& target, const std::string& name) const {
    REQUIRE(::symlink(target.c_str(), at(name).c_str()) == 0);
  }
  [[nodiscard]] bool is_spared() const {
    const auto entries = std::distance(std::filesystem::directory_iterator(outside), {});
    return content(outside + "/x") == "precious" && entries == 1;
  }
};

struct Kernel : World<Way::kernel> {};
struct Walk : World<Way::walk> {};

void check_refused(const Status& status) {
  REQUIRE(!status);
  CHECK(status.error().kind == ErrorKind::invalid);
  CHECK(status.error().message.find("leads out of") != std::string::npos);
  CHECK(status.error().help.find("TRILOCK_OUTPUT_ROOTS") != std::string::npos);
}

}  // namespace

TEST_CASE_TEMPLATE("beneath: no operation goes through a symlink that leads out", Ways, Kernel, Walk) {
  Ways world;
  Disk& disk = *world.disk;
  world.link("../outside", "relative");
  world.link(world.outside, "absolute");
  world.link("relative", "chain");
  world.link("real/../../outside", "through-name");
  world.link("..", "up");
  world.link("../nowhere", "dangling");
  world.link("/proc/self/cwd", "magic");
  REQUIRE(disk.write(world.at("mine"), "mine", 0644));
  const StrongDigest mine = strong_digest("mine");
  const std::string blob = world.at("mine");
  for (const std::string name :
       {"relative/x", "absolute/x", "chain/x", "through-name/x", "up/outside/x", "dangling/x", "relative/new/x"}) {
    CAPTURE(name);
    const std::string path = world.at(name);
    check_refused(disk.check_place(path));
    check_refused(disk.write(path, "new", 0644));
    check_refused(disk.copy(blob, path, 0644));
    check_refused(disk.make_directories(path));
    check_refused(disk.make_symlink("a", path));
    check_refused(disk.set_mode(path, 0600));
    check_refused(disk.set_mtime(path, 0));
    check_refused(disk.rename(blob, path));
    check_refused(disk.rename(path, world.at("taken")));
    check_refused(disk.remove(path));
    check_refused(disk.remove_empty_directory(path));
    check_refused(disk.write_new(path, "new", {}));
    const auto copied = disk.copy_exact(blob, path, mine, 4, {});
    CHECK(!copied);
    CHECK(!disk.try_lock(path));
    check_refused(disk.touch(path));
  }
  CHECK(!disk.write(world.at("magic/x"), "new", 0644));
  CHECK(!disk.remove(world.at("real/..")));
  CHECK(!disk.remove(world.root + "/.."));
  CHECK(!disk.remove(world.root + "/../outside/x"));
  CHECK(world.is_spared());
  CHECK(content(world.at("mine")) == "mine");
}

TEST_CASE_TEMPLATE("beneath: symlinks that stay inside are followed", Ways, Kernel, Walk) {
  Ways world;
  Disk& disk = *world.disk;
  world.link("real", "relative");
  world.link(world.root + "/real", "absolute");
  world.link("relative", "chain");
  world.link("../ws/real", "out-and-back");
  world.link("real/sub/..", "with-dots");
  world.link(world.allowed, "allowed");
  int number = 0;
  for (const std::string name : {"relative", "absolute", "chain", "out-and-back", "with-dots"}) {
    CAPTURE(name);
    const std::string text = std::to_string(++number);
    REQUIRE(disk.check_place(world.at(name + "/f")));
    REQUIRE(disk.write(world.at(name + "/f"), text, 0644));
    CHECK(content(world.at("real/f")) == text);
    REQUIRE(disk.rename(world.at(name + "/f"), world.at("real/g")));
    REQUIRE(disk.set_mode(world.at(name + "/g"), 0600));
    CHECK(disk.stat(world.at("real/g"))->mode == 0600);
    REQUIRE(disk.make_directories(world.at(name + "/made/deep")));
    CHECK(disk.stat(world.at("real/made/deep"))->type == FileType::directory);
    REQUIRE(disk.remove(world.at(name + "/made")));
    CHECK(!disk.stat(world.at("real/made")));
  }
  REQUIRE(disk.write(world.at("allowed/f"), "there", 0644));
  CHECK(content(world.allowed + "/f") == "there");
  REQUIRE(disk.remove(world.at("allowed/f")));
  CHECK(!disk.stat(world.allowed + "/f"));
  CHECK(world.is_spared());
}

TEST_CASE_TEMPLATE("beneath: a symlink that is the file itself is replaced or removed", Ways, Kernel, Walk) {
  Ways world;
  world.link(world.outside + "/x", "link");
  REQUIRE(world.disk->check_place(world.at("link")));
  REQUIRE(world.disk->write(world.at("link"), "mine", 0644));
  CHECK(content(world.at("link")) == "mine");
  CHECK(world.disk->stat(world.at("link"))->type == FileType::file);
  world.link(world.outside, "folder");
  REQUIRE(world.disk->remove(world.at("folder")));
  CHECK(!world.disk->stat(world.at("folder")));
  world.link(world.outside, "folder");
  CHECK(!world.disk->remove_empty_directory(world.at("folder")));
  CHECK(!world.disk->make_directories(world.at("folder")));
  CHECK(world.is_spared());
}

TEST_CASE_TEMPLATE("beneath: loops, dangling symlinks and files on the way are errors like any other", Ways, Kernel,
                   Walk) {
  Ways world;
  world.link("loop", "loop");
  world.link("b", "a");
  world.link("a", "b");
  world.link("nowhere", "dangling");
  REQUIRE(world.disk->write(world.at("file"), "x", 0644));
  for (const std::string name : {"loop/x", "a/x"})
    CHECK(world.disk->write(world.at(name), "new", 0644).error().kind == ErrorKind::io);
  CHECK(world.disk->write(world.at("dangling/x"), "new", 0644).error().kind == ErrorKind::not_found);
  CHECK(world.disk->check_place(world.at("dangling/x")));
  CHECK(world.disk->write(world.at("file/x"), "new", 0644).error().kind == ErrorKind::not_found);
  CHECK(world.disk->remove(world.at("none/x")));
  CHECK(world.disk->check_place(world.at("none/of/these")));
  CHECK(!world.disk->stat(world.at("nowhere")));
}

TEST_CASE_TEMPLATE("beneath: paths elsewhere are not confined", Ways, Kernel, Walk) {
  Ways world;
  REQUIRE(::symlink(world.outside.c_str(), (world.allowed + "/link").c_str()) == 0);
  REQUIRE(world.disk->write(world.allowed + "/link/y", "y", 0644));
  CHECK(content(world.outside + "/y") == "y");
  REQUIRE(world.disk->write(world.root + "-beside", "z", 0644));
}

// A thread swaps a directory for a symlink that leads out, as fast as it can.
TEST_CASE_TEMPLATE("beneath: a directory that is swapped for a symlink meanwhile leads nowhere", Ways, Kernel, Walk) {
  Ways world;
  Disk& disk = *world.disk;
  std::filesystem::create_directories(world.at("out/deep"));
  REQUIRE(::symlink(world.outside.c_str(), world.at("swap").c_str()) == 0);
  std::filesystem::create_directories(world.outside + "/deep");
  std::ofstream(world.outside + "/deep/x") << "precious";
  std::atomic<bool> done = false;
  std::atomic<int> swaps = 0;
  std::thread swapper([&] {
    while (!done) {
      if (::syscall(SYS_renameat2, AT_FDCWD, world.at("out").c_str(), AT_FDCWD, world.at("swap").c_str(),
                    RENAME_EXCHANGE) == 0)
        ++swaps;
    }
  });
  int written = 0;
  for (int i = 0; i < 20'000 && (i < 2'000 || swaps < 500); ++i) {
    written += disk.write(world.at("out/x"), "new", 0644) ? 1 : 0;
    static_cast<void>(disk.remove(world.at("out/x")));
    written += disk.write(world.at("out/deep/x"), "new", 0644) ? 1 : 0;
    static_cast<void>(disk.remove(world.at("out/deep/x")));
    static_cast<void>(disk.remove(world.at("out/deep")));
    static_cast<void>(disk.make_directories(world.at("out/deep")));
  }
  done = true;
  swapper.join();
  CHECK(swaps >= 500);
  CHECK(written > 0);
  CHECK(content(world.outside + "/x") == "precious");
  CHECK(content(world.outside + "/deep/x") == "precious");
  CHECK(std::distance(std::filesystem::directory_iterator(world.outside), {}) == 2);
}
