#include "engine/old_state.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "engine/state_home.hpp"
#include "engine/workspace_lock.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;

namespace {

constexpr std::int64_t day_ns = std::int64_t{24} * 3600 * 1'000'000'000;

bool exists(const std::string& path) {
  return std::filesystem::exists(std::filesystem::symlink_status(path));
}

// A workspace that was moved from `w` to `moved`, with its `.trilock`.
struct Scene {
  Scene() {
    std::filesystem::create_directories(folder / "w");
    old = open(folder / "w").disposable;
    durable = open(folder / "w").durable;
    std::filesystem::rename(folder / "w", root);
    old = root + "/.trilock/" + std::filesystem::path(old).filename().string();
    place = open(root);
    now_ns = disk->stat(old)->mtime_ns;
  }
  StatePlace open(const std::string& directory) const {
    return open_state(*disk, directory, Environment({{"TRILOCK_STATE_DIR", folder / "base"}}), StateAccess::make)
        .value()
        .place;
  }
  void sweep(int days) const {
    std::filesystem::remove(folder / "base/swept");
    remove_old_state(*disk, root, place, now_ns + days * day_ns);
  }
  static void put(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "x";
  }

  test::TemporaryDirectory folder;
  std::string root = folder / "moved";
  std::unique_ptr<Disk> disk = make_real_disk();
  std::string old;
  std::string durable;  // of what was at `w`
  StatePlace place;
  std::int64_t now_ns = 0;
};

}  // namespace

TEST_CASE("old state: a sibling goes when nobody has used it for 30 days, and with it what knew it") {
  const Scene scene;
  Scene::put(scene.old + "/tmp/1/x");
  scene.sweep(29);
  CHECK(exists(scene.old));
  CHECK(exists(scene.durable));
  scene.sweep(31);
  CHECK_FALSE(exists(scene.old));
  CHECK_FALSE(exists(scene.durable));
  CHECK(exists(scene.place.disposable));
  CHECK(exists(scene.place.durable));
}

TEST_CASE("old state: what keeps something, is held, or is not this user's stays") {
  const Scene scene;
  SUBCASE("a displaced file") {
    Scene::put(scene.old + "/displaced/x");
  }
  SUBCASE("a journal") {
    Scene::put(scene.old + "/journal");
  }
  SUBCASE("a newer lock") {
    Scene::put(scene.old + "/lock");
    std::filesystem::last_write_time(scene.old + "/lock",
                                     std::filesystem::file_time_type::clock::now() + std::chrono::hours(24 * 30));
  }
  SUBCASE("one whose id the base does not know") {
    std::filesystem::remove_all(scene.durable);
  }
  SUBCASE("a link") {
    std::filesystem::rename(scene.old, scene.folder / "elsewhere");
    std::filesystem::create_directory_symlink(scene.folder / "elsewhere", scene.old);
  }
  std::unique_ptr<WorkspaceLock> held;
  SUBCASE("a run") {
    held = WorkspaceLock::acquire(scene.old, "trilock run", {}).value();
  }
  SUBCASE("a watcher") {
    held = WorkspaceLock::acquire(scene.old, "trilock watch", {}, WorkspaceLock::Purpose::watch).value();
  }
  scene.sweep(31);
  CHECK(exists(scene.old));
}

TEST_CASE("old state: of the base only what has nothing durable goes, and only with its workspace") {
  const Scene scene;
  SUBCASE("something durable") {
    Scene::put(scene.durable + "/lineages");
  }
  SUBCASE("the workspace is there") {
    std::filesystem::create_directory(scene.folder / "w");
  }
  scene.sweep(31);
  CHECK(exists(scene.durable + "/workspace"));
}

TEST_CASE("old state: a work directory goes, the durable one stays") {
  const Scene scene;
  Scene::put(scene.place.durable + "/work/state.db");
  Scene::put(scene.durable + "/work/state.db");
  Scene::put(scene.durable + "/keys");
  scene.sweep(29);
  CHECK(exists(scene.durable + "/work"));
  scene.sweep(31);
  CHECK_FALSE(exists(scene.durable + "/work"));
  CHECK_FALSE(exists(scene.place.durable + "/work"));
  CHECK(exists(scene.durable + "/keys"));
}

TEST_CASE("old state: the base is gone through once a day") {
  const Scene scene;
  Scene::put(scene.durable + "/work/state.db");
  scene.sweep(1);
  remove_old_state(*scene.disk, scene.root, scene.place, scene.now_ns + 20);
  CHECK(exists(scene.durable + "/work"));
}
