#include "cache/snapshot.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>

#include "cache/hash.hpp"
#include "cache/snapshot_check.hpp"
#include "cache/source_tree.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cache/snapshot_fixture.hpp"

using namespace trilock;
using trilock::test::Image;
using trilock::test::MemoryDisk;
using trilock::test::some_run;
using trilock::test::TemporaryDirectory;

namespace {

namespace fs = std::filesystem;

void write(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::trunc) << text;
}

// The looks at some paths as they are now.
class Scene {
 public:
  Scene() {
    fs::create_directories(dir / "a/b");
    write(dir / "a/f", "1");
    write(dir / "a/b/g", "22");
    fs::create_symlink("f", dir / "a/link");
    ::usleep(20'000);  // what is changed from now on gets another time
    for (const auto& [directory, name] : {std::pair{"a", "f"}, {"a", "link"}, {"a", "."}, {"a", "none"}})
      look(directory, name, false);
    look("a", "link", true);
    look("a/b", "g", false);
    look("gone", "x", false);
  }
  void look(const std::string& directory, const std::string& name, bool followed) {
    const std::string path = dir / (directory + "/" + name);
    const auto stat = followed ? disk->stat_following(path) : disk->stat(path);
    builder.add(dir / directory, name, followed, stat ? &*stat : nullptr);
  }
  bool holds(unsigned threads = 2) {
    if (!image) image.emplace(builder.finish(some_run).value());
    const auto view = image->view();
    REQUIRE(view);
    return is_as_recorded(*view, threads);
  }

  TemporaryDirectory dir;
  std::unique_ptr<Disk> disk = make_real_disk();
  SnapshotBuilder builder;
  std::optional<Image> image;
};

std::vector<std::string> names_of(const SnapshotView& view, const std::vector<std::uint32_t>& looks) {
  std::vector<std::string> names;
  for (const SnapshotDirectory& directory : view.directories())
    for (std::uint32_t i = 0; i < directory.count; ++i)
      if (std::ranges::count(looks, directory.first + i) == 1)
        names.emplace_back(view.text(view.looks(directory)[i].name));
  std::ranges::sort(names);
  return names;
}

// The sum made right again, so that what lies behind it is reached.
std::string with_sum(std::string bytes) {
  const std::size_t from = offsetof(SnapshotHeader, sum) + sizeof(FastDigest);
  const FastDigest sum = fast_digest(std::string_view(bytes).substr(from));
  std::memcpy(bytes.data() + offsetof(SnapshotHeader, sum), sum.data.data(), sizeof sum);
  return bytes;
}

}  // namespace

TEST_CASE("snapshot: what was written is read back") {
  SnapshotBuilder builder;
  const FileStat stat{.type = FileType::directory,
                      .mode = 0755,
                      .size = std::uint64_t{1} << 40,
                      .mtime_ns = -1,
                      .ctime_ns = 2,
                      .inode = 3,
                      .device = std::uint64_t{1} << 33};
  builder.add("/w", "d", false, &stat);
  builder.add("/w", "none", true, nullptr);  // sorted before the other
  builder.add("/", "tmp", false, nullptr);
  const Image image(builder.finish(some_run).value());
  const auto view = image.view();
  REQUIRE(view);
  CHECK(view->has_sum());
  REQUIRE(view->directories().size() == 2);
  CHECK(view->is(view->directories()[0].path, "/w"));
  CHECK(view->is(view->directories()[1].path, "/"));
  const auto looks = view->looks(view->directories()[0]);
  REQUIRE(looks.size() == 2);
  CHECK(view->is(looks[1].name, "d"));
  CHECK(looks[1].present == 1);
  CHECK(looks[1].followed == 0);
  CHECK(looks[1].type == FileType::directory);
  CHECK(looks[1].mode == 0755);
  CHECK(looks[1].size == std::uint64_t{1} << 40);
  CHECK(looks[1].mtime_ns == -1);
  CHECK(looks[1].ctime_ns == 2);
  CHECK(looks[1].inode == 3);
  CHECK(view->device(looks[1].device) == std::uint64_t{1} << 33);
  CHECK(view->is(looks[0].name, "none"));
  CHECK(looks[0].present == 0);
  CHECK(looks[0].followed == 1);
  REQUIRE(view->words().size() == 3);
  CHECK(view->is(view->words()[1], "command.a"));
  CHECK(view->is(view->words()[2], ""));
  REQUIRE(view->variables().size() == 2);
  CHECK(view->is(view->variables()[0], "HOME"));
  const SnapshotHeader& header = view->header();
  CHECK(header.environment == fast_digest("e"));
  CHECK(header.user == 7);
  CHECK(header.group == 8);
  CHECK(view->is(header.root, "/w"));
  CHECK(view->is(header.directory, ""));
  CHECK(view->is(header.program, "/bin/engine"));
  CHECK(view->is(header.machine, "x86_64"));
  CHECK(view->is(header.boot, "boot"));
  CHECK(view->is(header.report, "1 node"));
}

TEST_CASE("snapshot: a zero in a name gives none") {
  SnapshotBuilder builder;
  builder.add("/w", std::string_view("a\0b", 3), false, nullptr);
  CHECK_FALSE(builder.finish(some_run));
}

TEST_CASE("snapshot: cut off anywhere, or with more behind it, it is none") {
  Scene scene;
  const std::string whole = scene.builder.finish(some_run).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Image image(std::string_view(whole).substr(0, size));
    CHECK_FALSE(image.view());
  }
  CHECK_FALSE(Image(whole + std::string(1, '\0')).view());
}

TEST_CASE("snapshot: with any byte changed nothing is as recorded") {
  Scene scene;
  const std::string whole = scene.builder.finish(some_run).value();
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int bit : {0, 7}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const Image image(damaged);
      const auto view = image.view();
      if (view) CHECK_FALSE(is_as_recorded(*view, 1));
    }
}

TEST_CASE("snapshot: numbers that lead out of the file are never followed") {
  Scene scene;
  const std::string whole = scene.builder.finish(some_run).value();
  for (std::size_t at = offsetof(SnapshotHeader, bytes); at + 4 <= whole.size(); at += 4)
    for (const std::uint32_t number : {0U, 1U, 0x7fff'ffffU, 0x8000'0000U, 0xffff'ffffU}) {
      std::string hostile = whole;
      std::memcpy(hostile.data() + at, &number, sizeof number);
      const Image image(with_sum(hostile));
      const auto view = image.view();
      if (!view) continue;
      static_cast<void>(is_as_recorded(*view, 1));
      for (const SnapshotDirectory& directory : view->directories()) CHECK(view->looks(directory).size() <= 7);
      for (const std::uint32_t place : view->words()) static_cast<void>(view->is(place, "x"));
      static_cast<void>(view->text(view->header().report));
    }
}

TEST_CASE("snapshot: looks that no directory has are not passed over") {
  Scene scene;
  std::string bytes = scene.builder.finish(some_run).value();
  const Image before(bytes);
  const auto view = before.view();
  REQUIRE(view);
  const auto* const first = reinterpret_cast<const char*>(view->directories().data());
  const std::size_t at = static_cast<std::size_t>(first - before.bytes().data());
  SnapshotDirectory directory = view->directories()[0];
  --directory.count;
  std::memcpy(bytes.data() + at, &directory, sizeof directory);
  const Image image(with_sum(bytes));
  REQUIRE(image.view());
  CHECK_FALSE(is_as_recorded(*image.view(), 1));
}

TEST_CASE("snapshot: untouched it holds") {
  Scene scene;
  CHECK(scene.holds(1));
  CHECK(scene.holds(2));
}

TEST_CASE("snapshot: every kind of change is seen") {
  Scene scene;
  REQUIRE(scene.holds());
  SUBCASE("content") {
    write(scene.dir / "a/f", "2");
  }
  SUBCASE("content, the time set back") {
    const auto time = fs::last_write_time(scene.dir / "a/f");
    write(scene.dir / "a/f", "2");
    fs::last_write_time(scene.dir / "a/f", time);
  }
  SUBCASE("mode") {
    fs::permissions(scene.dir / "a/f", fs::perms::owner_exec, fs::perm_options::add);
  }
  SUBCASE("gone") {
    fs::remove(scene.dir / "a/f");
  }
  SUBCASE("made anew with the same content") {
    write(scene.dir / "a/h", "1");
    fs::rename(scene.dir / "a/h", scene.dir / "a/f");
  }
  SUBCASE("there where nothing was") {
    write(scene.dir / "a/none", "");
  }
  SUBCASE("a new name in the directory") {
    write(scene.dir / "a/new", "");
  }
  SUBCASE("a directory where there was none") {
    fs::create_directories(scene.dir / "gone");
    CHECK(scene.holds());  // still nothing in it
    write(scene.dir / "gone/x", "");
  }
  SUBCASE("symlink with another target") {
    fs::remove(scene.dir / "a/link");
    fs::create_symlink("g", scene.dir / "a/link");
  }
  SUBCASE("directory replaced by a symlink to what it was") {
    fs::rename(scene.dir / "a/b", scene.dir / "c");
    fs::create_symlink("../c", scene.dir / "a/b");
    CHECK_FALSE(scene.holds());  // by the directory above
    return;
  }
  SUBCASE("directory gone") {
    fs::remove_all(scene.dir / "a/b");
  }
  SUBCASE("another directory in its place") {
    fs::rename(scene.dir / "a", scene.dir / "old");
    fs::copy(scene.dir / "old", scene.dir / "a", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
  CHECK_FALSE(scene.holds(1));
  CHECK_FALSE(scene.holds(2));
}

TEST_CASE("snapshot: one change among many is seen wherever it is") {
  Scene scene;
  constexpr int count = 6'000;
  for (int i = 0; i < count; ++i) write(scene.dir / fmt::format("a/b/{}", i), "");
  SnapshotBuilder builder;
  for (int i = 0; i < count; ++i) {
    const auto stat = scene.disk->stat(scene.dir / fmt::format("a/b/{}", i));
    builder.add(scene.dir / (i < 600 ? fmt::format("a/b/{}/..", i) : std::string("a/b")), fmt::format("{}", i), false,
                i < 600 ? nullptr : &*stat);
  }
  const Image image(builder.finish(some_run).value());
  REQUIRE(image.view());
  CHECK(is_as_recorded(*image.view(), 2));
  ::usleep(20'000);
  int changed = 0;
  SUBCASE("the first") {
    changed = 600;
  }
  SUBCASE("in the middle") {
    changed = 3'000;
  }
  SUBCASE("the last") {
    changed = count - 1;
  }
  fs::permissions(scene.dir / fmt::format("a/b/{}", changed), fs::perms::none);
  CHECK_FALSE(is_as_recorded(*image.view(), 2));
  CHECK_FALSE(is_as_recorded(*image.view(), 1));
  const auto differing = differing_looks(*image.view(), 2, 1);
  REQUIRE(differing);
  CHECK(names_of(*image.view(), *differing) == std::vector<std::string>{fmt::format("{}", changed)});
}

TEST_CASE("snapshot: the looks that differ") {
  Scene scene;
  REQUIRE(scene.holds());
  write(scene.dir / "a/f", "2");
  write(scene.dir / "a/none", "");
  fs::remove_all(scene.dir / "a/b");
  const auto view = scene.image->view();
  // The directory because of its new name; the symlink is followed once of twice.
  const std::vector<std::string> expected{".", "f", "g", "link", "none"};
  for (const unsigned threads : {1U, 2U}) {
    const auto differing = differing_looks(*view, threads, 5);
    REQUIRE(differing);
    CHECK(std::ranges::is_sorted(*differing));
    CHECK(names_of(*view, *differing) == expected);
    CHECK_FALSE(differing_looks(*view, threads, 4));
  }
  std::vector<std::uint32_t> all(view->look_count());
  std::iota(all.begin(), all.end(), 0U);
  CHECK(names_of(*view, differing_looks(*view, all).value()) == expected);
  std::vector<std::uint32_t> found;  // one by one
  for (const std::uint32_t look : all) {
    const auto differing = differing_looks(*view, std::span(&look, 1)).value();
    found.insert(found.end(), differing.begin(), differing.end());
  }
  CHECK(names_of(*view, found) == expected);
  CHECK_FALSE(differing_looks(*view, std::vector<std::uint32_t>{view->look_count()}));
}

TEST_CASE("snapshot: the digest of an environment") {
  const auto digest = [](std::vector<std::pair<std::string, std::optional<std::string>>> variables) {
    std::vector<std::string_view> names;
    for (const auto& variable : variables) names.push_back(variable.first);
    return environment_digest(names, [&](std::string_view name) -> std::optional<std::string_view> {
      for (const auto& variable : variables)
        if (variable.first == name && variable.second) return *variable.second;
      return std::nullopt;
    });
  };
  const FastDigest known = digest({{"A", "1"}, {"B", std::nullopt}});
  CHECK(known == digest({{"A", "1"}, {"B", std::nullopt}}));
  CHECK(known != digest({{"A", "2"}, {"B", std::nullopt}}));
  CHECK(known != digest({{"A", "1"}, {"B", ""}}));
  CHECK(known != digest({{"A", std::nullopt}, {"B", "1"}}));
  CHECK(digest({{"A", "1B"}, {"C", ""}}) != digest({{"A", "1"}, {"BC", ""}}));
}

// --- the account that a snapshot is made of ---

namespace {

struct Account {
  SourceTree::Account state;
  std::vector<std::string> looks;  // sorted: "name", "name followed", "name absent"
};

Account account_of(const SourceTree& tree) {
  Account account{};
  account.state = tree.account([&](const SourceTree::Look& look) {
    account.looks.push_back(fmt::format("{}/{}{}{}", look.directory, look.name, look.followed ? " followed" : "",
                                        look.stat == nullptr ? " absent" : ""));
  });
  std::ranges::sort(account.looks);
  return account;
}

struct Kept {
  MemoryDisk disk;
  SourceTree tree{disk, "/w"};
  Kept() {
    disk.put("/w/a/f", "content");
    disk.put_symlink("/w/link", "a/f");
    disk.advance(1'000'000'000);
    tree.keep_account();
  }
};

}  // namespace

TEST_CASE("account: everything that was looked at is in it") {
  Kept kept;
  CHECK(kept.tree.stat("a/f").has_value());
  CHECK_FALSE(kept.tree.exists("a/none"));
  CHECK(kept.tree.list("a").has_value());
  CHECK_FALSE(kept.tree.list("b").has_value());
  CHECK(kept.tree.digest("link").has_value());
  CHECK(kept.tree.read("/w/a/f").has_value());
  CHECK_FALSE(kept.tree.read("/other").has_value());
  const Account account = account_of(kept.tree);
  CHECK(account.state == SourceTree::Account::settled);
  CHECK(account.looks == std::vector<std::string>{"//other followed absent", "/w/a/.", "/w/a/f", "/w/a/f followed",
                                                  "/w/a/none absent", "/w/b absent", "/w/link", "/w/link followed"});
}

TEST_CASE("account: what changed just now is young, in every way of looking") {
  Kept kept;
  SUBCASE("digest") {
    kept.disk.put("/w/a/f", "other");
    CHECK(kept.tree.digest("a/f").has_value());
  }
  SUBCASE("digest behind a symlink") {
    kept.disk.put("/w/a/f", "other");
    CHECK(kept.tree.digest("link").has_value());
  }
  SUBCASE("listing") {
    kept.disk.put("/w/a/g", "");
    CHECK(kept.tree.list("a").has_value());
  }
  SUBCASE("read") {
    kept.disk.put("/w/a/f", "other");
    CHECK(kept.tree.read("a/f").has_value());
  }
  SUBCASE("symlink") {
    kept.disk.put_symlink("/w/link", "a/g");
    CHECK(kept.tree.read_link("link").has_value());
  }
  SUBCASE("written by a node") {
    CHECK(kept.tree.stat("a/f").has_value());
    kept.tree.forget("a/f");
  }
  SUBCASE("looked at again") {
    CHECK(kept.tree.stat("a/f").has_value());
    kept.tree.look_again("a/f");
  }
  SUBCASE("read twice, and other in between") {
    CHECK(kept.tree.read("a/f").has_value());
    kept.disk.put("/w/a/f", "other");
    kept.disk.advance(1'000'000'000);
    CHECK(kept.tree.read("a/f").has_value());
  }
  CHECK(account_of(kept.tree).state == SourceTree::Account::young);
}

TEST_CASE("account: a stat alone is never too young, since all of it is compared") {
  Kept kept;
  kept.disk.put("/w/a/f", "other");
  CHECK(kept.tree.stat("a/f").has_value());
  CHECK(kept.tree.stat_following("link").has_value());
  CHECK(account_of(kept.tree).state == SourceTree::Account::settled);
}
