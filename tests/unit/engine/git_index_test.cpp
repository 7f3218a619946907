// What git itself has written is read; the tool is asked for every form of index that it can write.
#include "engine/git_index.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/temporary_directory.hpp"

using namespace trilock;

namespace {

struct Repository {
  explicit Repository(const std::string& options = "") {
    git("init -q " + options + " .");
    for (const char* const name : {"a", "sub/.trilock/lock", "sub/.trilock2", "sub/.trilocj", "sub/z"}) put(name);
  }
  void put(const std::string& name) const {
    const std::filesystem::path path = folder / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << name;
  }
  void git(const std::string& command) const {
    const std::string whole = "cd '" + folder.path() +
                              "' && env -i PATH=\"$PATH\" HOME=/nonexistent "
                              "GIT_CONFIG_NOSYSTEM=1 git -c user.name=a -c user.email=a@example.com " +
                              command;
    REQUIRE(std::system(whole.c_str()) == 0);
  }
  [[nodiscard]] bool tracks(const std::string& path) const {
    const std::unique_ptr<Disk> disk = make_real_disk();
    const auto place = git_place_of(*disk, folder / path);
    return place && is_tracked(*disk, *place);
  }
  test::TemporaryDirectory folder;
};

void check_forms(const Repository& repository) {
  for (const char* const version : {"2", "3", "4"}) {
    CAPTURE(version);
    const std::string update = std::string("update-index --index-version ") + version;
    repository.git("add a sub/.trilock2 sub/.trilocj sub/z");
    repository.git(update);
    CHECK_FALSE(repository.tracks("sub/.trilock"));
    CHECK(repository.tracks("sub/.trilock2"));
    repository.git("add -f sub/.trilock");
    repository.git("add -N .");  // intent to add: an extended flag
    repository.git(update);
    CHECK(repository.tracks("sub/.trilock"));
    CHECK_FALSE(repository.tracks(".trilock"));
    repository.git("rm -q -r --cached sub/.trilock");
  }
}

}  // namespace

TEST_CASE("git index: every version is read") {
  check_forms(Repository());
}

TEST_CASE("git index: of a repository with SHA-256 too") {
  check_forms(Repository("--object-format=sha256"));
}

TEST_CASE("git index: a split one with its shared part") {
  const Repository repository;
  repository.git("add -f .");
  repository.git("update-index --split-index");
  CHECK(repository.tracks("sub/.trilock"));
  repository.put("more");
  repository.git("add more");
  CHECK(repository.tracks("sub/.trilock"));
  CHECK(repository.tracks("more"));
  CHECK_FALSE(repository.tracks("less"));
}

TEST_CASE("git index: a link that is tracked, and a work tree of another repository") {
  const Repository repository;
  std::filesystem::create_symlink("/elsewhere", repository.folder / ".trilock");
  repository.git("add -f .");
  CHECK(repository.tracks(".trilock"));
  repository.git("commit -q -m all");
  repository.git("worktree add -q other");
  CHECK(repository.tracks("other/.trilock"));
  CHECK(repository.tracks("other/sub/.trilock"));
  CHECK_FALSE(repository.tracks("other/a2"));
}

TEST_CASE("git index: what is cut short or changed gives an answer or none, and never more than is there") {
  const Repository repository;
  repository.git("add -f .");
  std::ifstream in(repository.folder / ".git/index", std::ios::binary);
  const std::string index{std::istreambuf_iterator<char>(in), {}};
  REQUIRE(look_into_index(index, "sub/.trilock")->found);
  for (std::size_t i = 0; i < index.size(); ++i) {
    CHECK_FALSE(look_into_index(index.substr(0, i), "sub/.trilock"));
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string changed = index;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      static_cast<void>(look_into_index(changed, "sub/.trilock"));
    }
  }
}

TEST_CASE("git index: no work tree, no index") {
  const test::TemporaryDirectory folder;
  const std::unique_ptr<Disk> disk = make_real_disk();
  std::filesystem::create_directory(folder / ".git");
  const auto place = git_place_of(*disk, folder / "a/.trilock");
  REQUIRE(place);
  CHECK(place->index == folder / ".git/index");
  CHECK(place->relative == "a/.trilock");
  CHECK_FALSE(is_tracked(*disk, *place));
}
