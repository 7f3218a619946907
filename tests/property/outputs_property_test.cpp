// Random trees: scanned and stored, changed at random, restored, scanned again. On the real disk, where modes,
// symlinks and read-only directories mean what they mean.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "cache/outputs.hpp"
#include "tests/unit/cache/cache_fixture.hpp"

namespace trilock {
namespace {

namespace fs = std::filesystem;

class RandomTree {
 public:
  explicit RandomTree(std::uint64_t seed) : random_(seed) {
    std::string name = (fs::temp_directory_path() / "trilock-outputs-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    for (const OutputSpec& output : outputs) {
      if (output.path != "bin/tool") make_directory(output.path);
    }
    write("bin/tool");
  }
  ~RandomTree() { (void)disk->remove(root); }
  RandomTree(const RandomTree&) = delete;
  RandomTree& operator=(const RandomTree&) = delete;

  void grow(int steps) {
    for (int i = 0; i < steps; ++i) add();
  }

  // Anything may happen to what is there.
  void disturb(int steps) {
    for (int i = 0; i < steps; ++i) {
      const std::string path = pick();
      if (path.empty()) return;
      in_open_parent(path, [&] { disturb(path); });
    }
  }

  [[nodiscard]] std::uint64_t below(std::uint64_t end) { return random_() % end; }

  std::string root;
  std::unique_ptr<Disk> disk = make_real_disk();
  std::vector<OutputSpec> outputs = {{.path = "out"}, {.path = "bin/tool"}, {.path = "deep/er/dir"}};

 private:
  [[nodiscard]] std::string absolute(const std::string& path) const { return root + "/" + path; }

  // Runs `work` while the directory of `path` may be written to.
  template <class Work>
  void in_open_parent(const std::string& path, Work work) {
    const std::string parent = fs::path(absolute(path)).parent_path().string();
    const Result<FileStat> stat = disk->stat(parent);
    const bool locked = stat && stat->type == FileType::directory && (stat->mode & 0200) == 0;
    if (locked) REQUIRE(disk->set_mode(parent, stat->mode | 0700).has_value());
    work();
    if (locked) REQUIRE(disk->set_mode(parent, stat->mode).has_value());
  }

  void disturb(const std::string& path) {
    switch (below(5)) {
      case 0:
        REQUIRE(disk->remove(absolute(path)).has_value());
        break;
      case 1:
        if (disk->stat(absolute(path))->type == FileType::file) write(path);
        break;
      case 2:
        if (disk->stat(absolute(path))->type != FileType::symlink) {
          const auto mode = static_cast<std::uint32_t>(0700 | below(0100));
          REQUIRE(disk->set_mode(absolute(path), mode).has_value());
        }
        break;
      case 3:  // what was there becomes something else
        REQUIRE(disk->remove(absolute(path)).has_value());
        make(path);
        break;
      default:
        add();
    }
  }

  // An entry of an output, or "".
  std::string pick() {
    std::vector<std::string> paths;
    for (const OutputSpec& output : outputs) {
      const fs::path top = absolute(output.path);
      if (!fs::exists(fs::symlink_status(top))) continue;
      paths.push_back(output.path);
      if (!fs::is_directory(fs::symlink_status(top))) continue;
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top)) {
        paths.push_back(fs::path(entry.path()).lexically_relative(root).string());
      }
    }
    std::ranges::sort(paths);
    return paths.empty() ? std::string() : paths[below(paths.size())];
  }

  void add() {
    const std::string dir = pick();
    if (dir.empty() || disk->stat(absolute(dir))->type != FileType::directory) return;
    // Few names, so that they meet again; some order differently as paths than as names.
    constexpr std::string_view names[] = {"a", "a.b", "a-b", "b", "\xc3\xa4 \n", "c"};
    const std::string path = dir + "/" + std::string(names[below(std::size(names))]);
    if (disk->stat(absolute(path))) return;
    in_open_parent(path, [&] { make(path); });
  }

  void make(const std::string& path) {
    switch (below(4)) {
      case 0:
        return make_directory(path);
      case 1: {
        constexpr std::string_view targets[] = {"a", "./b", "none", "a/b/c"};
        REQUIRE(disk->make_symlink(std::string(targets[below(std::size(targets))]), absolute(path)).has_value());
        return;
      }
      default:
        write(path);
    }
  }

  void make_directory(const std::string& path) {
    REQUIRE(disk->make_directories(absolute(path)).has_value());
    constexpr std::uint32_t modes[] = {0755, 0700, 0555};
    REQUIRE(disk->set_mode(absolute(path), modes[below(3)]).has_value());
  }

  void write(const std::string& path) {
    constexpr std::uint32_t modes[] = {0644, 0755, 0400};
    const std::string content(below(3) == 0 ? 0 : below(40), static_cast<char>('a' + below(3)));
    REQUIRE(disk->write(absolute(path), content, modes[below(3)]).has_value());
  }

  std::mt19937_64 random_;
};

Result<std::vector<OutputEntry>> entries_of(SourceTree& tree, const std::vector<OutputSpec>& outputs) {
  Result<OutputScan> scan = scan_outputs(tree, outputs);
  if (!scan) return std::unexpected(scan.error());
  return std::move(scan->entries);
}

// Root may write into any directory, so what read-only ones need only shows to others.
int exit_code_as_nobody(int (*work)()) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr unsigned nobody = 65534;
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(2);
    ::_exit(work());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int restore_into_read_only_directories() {
  RandomTree random(1);
  SourceTree tree(*random.disk, random.root);
  CacheDirectory cache(*random.disk, random.root + "/cache");
  const std::string top = random.root + "/out/locked";
  bool good = random.disk->set_mode(random.root + "/out", 0755).has_value();
  good = good && random.disk->write(top + "/inner/file", "content", 0444).has_value();
  good = good && random.disk->set_mode(top + "/inner", 0555).has_value();
  good = good && random.disk->set_mode(top, 0555).has_value();
  const Result<std::vector<OutputEntry>> before = entries_of(tree, random.outputs);
  if (!good || !before || !test::keep_outputs(tree, cache, *before)) return 3;
  good = random.disk->set_mode(top + "/inner", 0755) && random.disk->remove(top + "/inner/file") &&
         random.disk->set_mode(top + "/inner", 0555);
  if (!good || !restore_outputs(tree, blobs_from(cache), random.outputs, *before, tree.absolute(".trilock/tmp")))
    return 4;
  const Result<std::vector<OutputEntry>> after = entries_of(tree, random.outputs);
  return after && *after == *before ? 0 : 5;
}

}  // namespace

TEST_CASE("outputs: a restore undoes whatever happened to random trees") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    RandomTree random(seed);
    SourceTree tree(*random.disk, random.root);
    CacheDirectory cache(*random.disk, random.root + "/cache");
    random.grow(25);
    const Result<std::vector<OutputEntry>> before = entries_of(tree, random.outputs);
    REQUIRE(before.has_value());
    REQUIRE(test::keep_outputs(tree, cache, *before).has_value());
    CHECK(compare_outputs(tree, random.outputs, *before).empty());
    for (int round = 0; round < 3; ++round) {
      random.disturb(static_cast<int>(random.below(12)));
      const Status restored =
          restore_outputs(tree, blobs_from(cache), random.outputs, *before, tree.absolute(".trilock/tmp"));
      INFO((restored ? std::string() : restored.error().message));
      REQUIRE(restored.has_value());
      CHECK(compare_outputs(tree, random.outputs, *before).empty());
      const Result<std::vector<OutputEntry>> after = entries_of(tree, random.outputs);
      REQUIRE(after.has_value());
      REQUIRE(*after == *before);
    }
  }
}

TEST_CASE("outputs: read-only directories are restored by those who may not write into them") {
  CHECK(exit_code_as_nobody(restore_into_read_only_directories) == 0);
}

// What differs on the disk, the comparison says, and it says nothing else.
TEST_CASE("outputs: a comparison and a scan agree on random trees") {
  for (std::uint64_t seed = 100; seed <= 140; ++seed) {
    CAPTURE(seed);
    RandomTree random(seed);
    SourceTree tree(*random.disk, random.root);
    random.grow(15);
    const Result<std::vector<OutputEntry>> before = entries_of(tree, random.outputs);
    REQUIRE(before.has_value());
    for (int round = 0; round < 4; ++round) {
      random.disturb(1);
      const Result<std::vector<OutputEntry>> after = entries_of(tree, random.outputs);
      const bool same = after && *after == *before;
      CHECK(compare_outputs(tree, random.outputs, *before).empty() == same);
    }
  }
}

}  // namespace trilock
