#include "engine/state_home.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "cache/hash.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;

namespace {

struct Scene {
  Scene() {
    std::filesystem::create_directories(root);
    std::filesystem::create_directories(home);
  }
  Result<OpenedState> open(StateAccess access = StateAccess::make) { return open_in(root, access); }
  Result<OpenedState> open_in(const std::string& directory, StateAccess access = StateAccess::make) {
    return open_state(*disk, directory, Environment(variables), access);
  }
  StatePlace made() { return open().value().place; }
  [[nodiscard]] std::optional<StatePlace> front(const std::string& directory) const {
    return find_state(directory, [this](std::string_view name) -> std::optional<std::string_view> {
      const auto found = variables.find(std::string(name));
      return found == variables.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    });
  }
  [[nodiscard]] std::string link() const { return state_link_file(home + "/.local/state/trilock", root); }
  [[nodiscard]] std::string message(StateAccess access = StateAccess::make) {
    const auto opened = open(access);
    return opened ? "opened" : opened.error().message;
  }

  test::TemporaryDirectory folder;
  std::string root = folder / "w";
  std::string home = folder / "home";
  std::map<std::string, std::string> variables{{"HOME", home}};
  std::unique_ptr<Disk> disk = make_real_disk();
};

bool exists(const std::string& path) {
  return std::filesystem::exists(std::filesystem::symlink_status(path));
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_mode & 07777U : 0;
}

}  // namespace

TEST_CASE("state: who only looks makes nothing, and sees a place where nothing is") {
  Scene scene;
  const auto looked = scene.open(StateAccess::look);
  REQUIRE(looked);
  CHECK_FALSE(exists(looked->place.disposable));
  CHECK_FALSE(exists(scene.root + "/.trilock"));
  CHECK(std::filesystem::is_empty(scene.home));
  CHECK(looked->place != scene.open(StateAccess::look)->place);
}

TEST_CASE("state: a first run makes it, later ones find it, the front as well") {
  Scene scene;
  const StatePlace place = scene.made();
  CHECK(place.id.size() == 32);
  CHECK(place.key.size() == 32);
  CHECK(place.key != place.id);
  CHECK(place.durable == scene.home + "/.local/state/trilock/" + place.id);
  CHECK(place.disposable == scene.root + "/.trilock/" + place.id);
  CHECK(content(scene.root + "/.trilock/.gitignore") == "*\n");
  for (const std::string& directory : {place.durable, place.disposable, scene.root + "/.trilock"})
    CHECK(mode_of(directory) == 0700);
  CHECK(mode_of(place.durable + "/workspace") == 0600);
  CHECK(scene.made() == place);
  CHECK(scene.open(StateAccess::look)->place == place);
  CHECK(scene.front(scene.root) == place);
  std::filesystem::remove_all(scene.root + "/.trilock");
  CHECK_FALSE(scene.front(scene.root));
  CHECK(scene.made() == place);
}

TEST_CASE("state: a copied or moved workspace starts anew, and one that stands where another was does not") {
  Scene scene;
  const StatePlace place = scene.made();
  std::filesystem::copy(scene.root, scene.folder / "copy", std::filesystem::copy_options::recursive);
  std::ofstream(place.disposable + "/state.db") << "x";
  const auto copy = scene.open_in(scene.folder / "copy");
  REQUIRE(copy);
  CHECK(copy->place.id != place.id);
  CHECK_FALSE(exists(copy->place.disposable + "/state.db"));
  CHECK_FALSE(scene.front(scene.folder / "other"));
}

TEST_CASE("state: many first runs agree on one place") {
  for (int round = 0; round < 20; ++round) {
    Scene scene;
    std::vector<std::string> ids(8);
    std::vector<std::thread> runs;
    for (std::string& id : ids)
      runs.emplace_back([&scene, &id] {
        const auto disk = make_real_disk();
        const auto opened = open_state(*disk, scene.root, Environment(scene.variables), StateAccess::make);
        id = opened ? opened->place.id : opened.error().message;
      });
    for (std::thread& run : runs) run.join();
    CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 1);
    // The ids of those that came too late are gone.
    CHECK(std::distance(std::filesystem::directory_iterator(scene.home + "/.local/state/trilock"), {}) == 2);
  }
}

TEST_CASE("state: which directory it is") {
  Scene scene;
  scene.variables["XDG_STATE_HOME"] = scene.folder / "xdg";
  CHECK(scene.made().durable.starts_with(scene.folder / "xdg/trilock/"));
  scene.variables["TRILOCK_STATE_DIR"] = scene.folder / "ci";
  CHECK(scene.made().durable.starts_with(scene.folder / "ci/"));
  CHECK(scene.made().disposable.starts_with(scene.root + "/.trilock/"));
  scene.variables["TRILOCK_STATE_DIR"] = "";
  scene.variables["XDG_STATE_HOME"] = "relative";
  CHECK(scene.made().durable.starts_with(scene.home + "/.local/state/trilock/"));
  scene.variables["TRILOCK_STATE_DIR"] = "relative";
  CHECK(scene.message() == "TRILOCK_STATE_DIR is `relative`, which is not an absolute path");
}

TEST_CASE("state: a base that a repository could ship is refused, by the front too") {
  Scene scene;
  scene.variables["TRILOCK_STATE_DIR"] = scene.root + "/state";
  const std::string said = "the directory for state, `" + scene.root + "/state`, is in the workspace";
  CHECK(scene.message() == said);
  CHECK(scene.message(StateAccess::look) == said);
  std::filesystem::create_directory_symlink(scene.root, scene.folder / "door");
  scene.variables["TRILOCK_STATE_DIR"] = scene.folder / "door/state";
  CHECK(scene.message() == said);
  // Forged as one who knows how would have it.
  const std::string id(32, 'a');
  const std::string link = id + "." + id;
  scene.variables["TRILOCK_STATE_DIR"] = scene.root + "/state";
  std::filesystem::create_directories(scene.root + "/state/by-path");
  std::filesystem::create_directories(scene.root + "/.trilock/" + id);
  std::filesystem::create_symlink(link, state_link_file(scene.root + "/state", scene.root));
  CHECK_FALSE(scene.front(scene.root));
  // A workspace that is the user's home holds all that is theirs.
  scene.variables.erase("TRILOCK_STATE_DIR");
  CHECK(scene.open_in(scene.home));
  CHECK(scene.front(scene.home));
}

TEST_CASE("state: a link that trilock did not make is said, not followed") {
  Scene scene;
  const StatePlace place = scene.made();
  const auto replace = [&](const std::string& text) {
    std::filesystem::remove(scene.link());
    std::filesystem::create_symlink(text, scene.link());
  };
  std::string other = "../../../../../../etc";
  const std::string right = place.id + "." + place.key;
  for (const std::string& text :
       {other, right + "/", right + "/../x", right + "x", right.substr(1), place.id, place.id + "/" + place.key,
        place.id + "." + std::string(32, 'A'), std::string(300, 'a')}) {
    CAPTURE(text);
    replace(text);
    CHECK(scene.message() == "cannot use `" + scene.link() + "`: it is not a link that trilock made");
    CHECK_FALSE(scene.front(scene.root));
    CHECK(scene.open(StateAccess::look)->place.id != place.id);
  }
  std::filesystem::remove(scene.link());
  std::ofstream(scene.link()) << place.id;
  CHECK_FALSE(scene.open());
  CHECK_FALSE(scene.front(scene.root));
  std::filesystem::remove(scene.link());
  // Of another workspace, as the note beside it says.
  const auto copy = scene.open_in(scene.folder / "home");
  replace(copy->place.id + "." + copy->place.key);
  CHECK(scene.message() == "`" + copy->place.durable + "/workspace` says that this state is another workspace's");
  CHECK(scene.open(StateAccess::look)->place.id != copy->place.id);
  // What lies behind it may be lost.
  replace(right);
  std::filesystem::remove_all(place.durable);
  CHECK(scene.made() == place);
  CHECK(exists(place.durable + "/workspace"));
}

TEST_CASE("state: a base of another user is refused, and one that is no directory") {
  Scene scene;
  scene.variables["TRILOCK_STATE_DIR"] = scene.folder / "file";
  std::ofstream(scene.folder / "file") << "x";
  CHECK_FALSE(scene.open());
  CHECK(scene.open(StateAccess::look));
  if (::geteuid() != 0) return;
  scene.variables["TRILOCK_STATE_DIR"] = scene.folder / "foreign";
  std::filesystem::create_directory(scene.folder / "foreign");
  REQUIRE(::chown((scene.folder / "foreign").c_str(), 1, 1) == 0);
  CHECK(scene.message() == "`" + scene.folder / "foreign" + "`, where state is kept, belongs to another user");
  const std::string id(32, 'b');
  std::filesystem::create_directory(scene.folder / "foreign/by-path");
  std::filesystem::create_directories(scene.root + "/.trilock/" + id);
  const std::string link = state_link_file(scene.folder / "foreign", scene.root);
  std::filesystem::create_symlink(id + "." + id, link);
  REQUIRE(::lchown(link.c_str(), 1, 1) == 0);
  CHECK_FALSE(scene.front(scene.root));
}

TEST_CASE("state: `.trilock` that is a link, a file, somebody else's or tracked is not used") {
  const std::string dot = "/.trilock";
  for (const char* const kind : {"link", "dangling", "file", "fifo", "foreign", "tracked"}) {
    CAPTURE(kind);
    Scene scene;
    const std::string is = kind;
    std::filesystem::create_directory(scene.folder / "elsewhere");
    if (is == "link") std::filesystem::create_directory_symlink(scene.folder / "elsewhere", scene.root + dot);
    if (is == "dangling") std::filesystem::create_directory_symlink(scene.folder / "none", scene.root + dot);
    if (is == "file") std::ofstream(scene.root + dot) << "x";
    if (is == "fifo") REQUIRE(::mkfifo((scene.root + dot).c_str(), 0600) == 0);
    if (is == "foreign") {
      if (::geteuid() != 0) continue;
      std::filesystem::create_directory(scene.root + dot);
      REQUIRE(::chown((scene.root + dot).c_str(), 1, 1) == 0);
    }
    if (is == "tracked") {
      std::filesystem::create_directory(scene.root + dot);
      std::ofstream(scene.root + dot + "/x") << "x";
      REQUIRE(std::system(("cd '" + scene.root + "' && git init -q . && git add -f .trilock").c_str()) == 0);
    }
    const auto opened = scene.open();
    REQUIRE(opened);
    CHECK(opened->place.disposable == opened->place.durable + "/work");
    REQUIRE(opened->warnings.size() == 1);
    CHECK(opened->warnings[0].starts_with("`.trilock` "));
    CHECK(opened->warnings[0].contains(" is not used; state is kept in `" + opened->place.disposable + "`"));
    CHECK(std::filesystem::is_empty(scene.folder / "elsewhere"));
    CHECK_FALSE(exists(scene.folder / "none"));
    CHECK(scene.front(scene.root) == opened->place);
    CHECK(scene.open(StateAccess::look)->place == opened->place);
    // Once it is gone, all is as it should be.
    std::filesystem::remove_all(scene.root + dot);
    std::filesystem::remove_all(scene.root + "/.git");
    const auto next = scene.open();
    REQUIRE(next);
    CHECK(next->place.disposable == scene.root + dot + "/" + opened->place.id);
    CHECK(next->warnings.empty());
    CHECK(scene.front(scene.root) == next->place);
  }
}

TEST_CASE("state: `.trilock` that becomes a link between two runs is believed by nobody") {
  Scene scene;
  const StatePlace place = scene.made();
  std::filesystem::rename(scene.root + "/.trilock", scene.folder / "moved");
  std::filesystem::create_directory_symlink(scene.folder / "moved", scene.root + "/.trilock");
  CHECK_FALSE(scene.front(scene.root));
  CHECK(scene.open(StateAccess::look)->place.id != place.id);
  CHECK(scene.open()->place.disposable == place.durable + "/work");
}

TEST_CASE("state: whether git tracks it is found out once for each index") {
  Scene scene;
  REQUIRE(std::system(("cd '" + scene.root + "' && git init -q . && echo a >a && git add a").c_str()) == 0);
  const StatePlace place = scene.made();
  CHECK(content(place.durable + "/git-index").ends_with("\nuntracked"));
  std::ofstream(place.durable + "/git-index", std::ios::app) << "?";  // another answer to the same question
  CHECK(scene.made().disposable == place.durable + "/work");
  REQUIRE(std::system(("cd '" + scene.root + "' && echo b >b && git add b").c_str()) == 0);
  CHECK(scene.made() == place);
}
