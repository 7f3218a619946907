// The watcher's parts over the real inotify and real files; its messages and its texts.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <numeric>
#include <random>
#include <set>

#include "cache/snapshot_check.hpp"
#include "engine/cli/watch_text.hpp"
#include "engine/watch/inotify.hpp"
#include "engine/watch/message.hpp"
#include "engine/watch/server.hpp"
#include "engine/watch/socket_address.hpp"
#include "engine/watch/watched_looks.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using trilock::test::TemporaryDirectory;

namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::trunc) << text;
}

// Looks at places in a folder as they are, and what the watcher thinks of them.
class Scene {
 public:
  explicit Scene(std::size_t own_watches = 100) : looks(std::make_unique<WatchedLooks>(*inotify, own_watches)) {
    for (const char* folder : {"a", "b/c", "outside"}) fs::create_directories(dir / folder);
    for (const char* file : {"a/f", "a/g", "b/f", "b/c/f", "outside/f"}) write(dir / file, file);
    fs::create_directory_symlink("b", dir / "link");
    fs::create_symlink("../a/g", dir / "b/to");
    fs::create_symlink("loop", dir / "loop");
  }
  void follow() {
    SnapshotBuilder builder;
    const auto add = [&](const std::string& folder, const std::string& name, bool followed) {
      const std::string path = dir / (folder + "/" + name);
      const auto now = followed ? disk_->stat_following(path) : disk_->stat(path);
      builder.add(dir / folder, name, followed, now ? &*now : nullptr);
    };
    for (const char* folder : {"a", "b", "b/c", "link", "link/c", "none"})
      for (const char* name : {"f", "g", ".", "c", "to", "none"}) add(folder, name, false);
    for (const char* folder : {"a", "b", "link"})
      for (const char* name : {"f", "to", "none"}) add(folder, name, true);
    REQUIRE(disk_->write(dir / "snapshot", builder.finish({}).value(), 0600));
    REQUIRE(looks->follow(MappedFile(dir / "snapshot")));
    check();
  }
  void check() {
    looks->take_events();
    looks->doubt_blind();
    while (looks->suspects() > 0) looks->check(10);
  }
  // What a look at everything would find.
  std::vector<std::uint32_t> truth() const {
    std::vector<std::uint32_t> all(looks->snapshot()->look_count());
    std::iota(all.begin(), all.end(), 0U);
    return differing_looks(*looks->snapshot(), all).value();
  }
  // Paths, one a line.
  std::string differing() const { return paths_of(looks->differing()); }
  std::string paths_of(const std::vector<std::uint32_t>& found) const {
    std::set<std::string> paths;
    for (const std::uint32_t look : found)
      paths.insert(path_of_look(*looks->snapshot(), look).substr(dir.path().size() + 1) + "\n");
    return std::accumulate(paths.begin(), paths.end(), std::string());
  }

  TemporaryDirectory dir;
  std::unique_ptr<Inotify> inotify = Inotify::open().value();
  std::unique_ptr<WatchedLooks> looks;

 private:
  std::unique_ptr<Disk> disk_ = make_real_disk();
};

// Some edits that anybody could make; what they say depends on `random` alone.
std::string edit(std::mt19937& random) {
  const auto one_of = [&](std::initializer_list<const char*> choices) {
    return *(choices.begin() + random() % choices.size());
  };
  const std::string file = one_of({"a/f", "a/g", "b/f", "b/c/f", "link/f", "link/c/f", "b/to", "none/f", "b/none"});
  const std::string folder = one_of({"a", "b", "b/c", "none", "link"});
  switch (random() % 18) {
    case 0:
    case 1:
      return "echo " + std::to_string(random() % 100) + " >" + file;
    case 2:
      return "rm -f " + file;
    case 3:
      return "chmod " + std::string(one_of({"600", "644", "755"})) + " " + file;
    case 4:
      return "touch " + file;
    case 5:
      return "echo x >new && mv new " + file;
    case 6:
      return "mv " + folder + " away && mkdir " + folder;
    case 7:
      return "mv " + folder + " away; mv away " + folder;
    case 8:
      return "rm -rf " + folder;
    case 9:
      return "mkdir -p " + folder + "/c && echo 1 >" + folder + "/c/f";
    case 10:
      return "ln -sfn " + std::string(one_of({"a", "b", "none", "loop", "b/../a"})) + " link";
    case 11:
      return "ln -sfn ../" + std::string(one_of({"a/f", "a/g", "outside/f", "none", "link/to"})) + " b/to";
    case 12:
      return "rm -f outside/hard; ln -L " + file + " outside/hard";  // nobody can write to a symlink by another name
    case 13:
      return "echo " + std::to_string(random() % 1000) + " >>outside/hard";
    case 14:
      return "echo " + std::to_string(random() % 100) + " >outside/f";
    case 15:
      return "ln -f outside/f " + file;
    case 16:
      return "touch " + folder;
    default:
      return "rm -rf away; cp -a b away; rm -rf b; mv away b";
  }
}

}  // namespace

TEST_CASE("property: what the watcher thinks after any edits is what a look at everything finds") {
  const char* const one = std::getenv("TRILOCK_PROPERTY_SEED");
  const char* const many = std::getenv("TRILOCK_PROPERTY_SEEDS");
  const unsigned first = one != nullptr ? static_cast<unsigned>(std::atoi(one)) : 1;
  const unsigned last = one != nullptr ? first : many != nullptr ? static_cast<unsigned>(std::atoi(many)) : 12;
  for (unsigned seed = first; seed <= last; ++seed) {
    std::mt19937 random(seed);
    Scene scene(seed % 3 == 0 ? 0 : 100);
    scene.follow();
    std::string history;
    for (int i = 0; i < 25; ++i) {
      std::string now;
      for (unsigned count = random() % 3 + 1; count > 0; --count) {
        const std::string next = edit(random);
        // Without watches of their own files are not seen to get another name elsewhere, or to be written to by it.
        if (seed % 3 != 0 || !(next.contains("outside/hard") || next.starts_with("ln -f"))) now += next + "\n";
      }
      history += now;
      // Not the shell's exit code: some edits are not possible in some states.
      static_cast<void>(std::system(("cd " + scene.dir.path() + " && { " + now + "true; } 2>/dev/null").c_str()));
      scene.check();
      INFO("seed ", seed, "\n", history);
      REQUIRE(scene.differing() == scene.paths_of(scene.truth()));
      REQUIRE(scene.looks->differing() == scene.truth());
      if (random() % 5 == 0) {
        scene.follow();
        history += "# a new snapshot\n";
        REQUIRE(scene.looks->differing() == scene.truth());
      }
    }
  }
}

TEST_CASE("watched looks: a change and its undoing") {
  Scene scene;
  scene.follow();
  CHECK_FALSE(scene.looks->differs());
  CHECK_FALSE(scene.looks->take_events());
  write(scene.dir / "outside/f", "nobody looked at this");
  CHECK_FALSE(scene.looks->take_events());
  fs::rename(scene.dir / "a/f", scene.dir / "a/kept");
  scene.check();
  CHECK(scene.differing() == "a\na/f\n");
  write(scene.dir / "b/f", "written");
  scene.check();
  CHECK(scene.differing() == "a\na/f\nb/f\nlink/f\n");
}

TEST_CASE("watched looks: a write through another link is seen, also by a file with two names that has no watch yet") {
  for (const std::size_t own : {std::size_t{0}, std::size_t{100}}) {
    Scene scene(own);
    fs::create_hard_link(scene.dir / "b/f", scene.dir / "outside/hard");
    scene.follow();
    write(scene.dir / "outside/hard", "by the other name");
    scene.check();
    CHECK(scene.differing() == "b/f\nlink/f\n");
  }
  Scene scene;
  scene.follow();
  fs::create_hard_link(scene.dir / "b/f", scene.dir / "outside/hard");  // changes the file's ctime
  scene.check();
  CHECK(scene.differing() == "b/f\nlink/f\n");
}

TEST_CASE("watched looks: a store to mapped memory is seen when the mapping ends") {
  Scene scene;
  scene.follow();
  const int file = ::open((scene.dir / "a/f").c_str(), O_RDWR | O_CLOEXEC);
  void* const memory = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  REQUIRE(memory != MAP_FAILED);
  *static_cast<char*>(memory) = 'x';
  ::munmap(memory, 1);
  scene.check();
  CHECK(scene.differing() == "a/f\n");
}

TEST_CASE("watched looks: events that were lost make everything suspect") {
  Scene scene;
  scene.follow();
  const std::string folder = scene.dir / "a";
  // More than the queue holds (fs.inotify.max_queued_events, 16 384 by itself); neighbours that are equal count once.
  std::size_t most = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
  REQUIRE(most > 0);
  for (std::size_t i = 0; i <= most / 2; ++i) {
    ::utimensat(AT_FDCWD, (folder + "/f").c_str(), nullptr, 0);
    ::utimensat(AT_FDCWD, (folder + "/g").c_str(), nullptr, 0);
  }
  fs::rename(scene.dir / "b", scene.dir / "moved");
  scene.looks->take_events();
  CHECK(scene.looks->suspects() == scene.looks->snapshot()->look_count());
  scene.check();
  CHECK(scene.looks->differing() == scene.truth());
  fs::rename(scene.dir / "moved", scene.dir / "b");
  scene.check();
  CHECK(scene.looks->differing() == scene.truth());
}

TEST_CASE("watched looks: what is no snapshot is not followed") {
  Scene scene;
  scene.follow();
  const SnapshotIdentity before = scene.looks->identity();
  write(scene.dir / "bad", "no snapshot");
  CHECK_FALSE(scene.looks->follow(MappedFile(scene.dir / "bad")));
  CHECK_FALSE(scene.looks->follow(MappedFile(scene.dir / "missing")));
  std::fstream(scene.dir / "snapshot", std::ios::in | std::ios::out | std::ios::binary).seekp(300).write("xx", 2);
  CHECK_FALSE(scene.looks->follow(MappedFile(scene.dir / "snapshot")));
  CHECK(scene.looks->identity() == before);
}

TEST_CASE("watch messages: what was written is read back, and nothing else") {
  const WatchQuestion question{
      .snapshot = {.sum = {}, .file = {.device = 1, .inode = 2, .size = 3, .mtime_ns = -4, .ctime_ns = 5}},
      .view = own_view().value()};
  CHECK(own_view() == own_view());
  const std::string asked = to_bytes(question);
  CHECK(read_question(asked) == question);
  CHECK_FALSE(read_question(asked + "x"));
  CHECK_FALSE(read_question(asked.substr(1)));
  CHECK_FALSE(read_question(""));
  CHECK_FALSE(read_answer(asked));

  WatchAnswer answer{.snapshot = {}, .verdict = WatchVerdict::changed, .looks = {0, 7, 4'000'000'000}};
  const std::string said = to_bytes(answer);
  CHECK(read_answer(said) == answer);
  CHECK_FALSE(read_question(said));
  CHECK_FALSE(read_answer(said + "1234"));
  CHECK_FALSE(read_answer(said.substr(0, said.size() - 1)));
  answer.looks = {7, 7};
  CHECK_FALSE(read_answer(to_bytes(answer)));
  answer = {.snapshot = {}, .verdict = WatchVerdict::unchanged, .looks = {1}};
  CHECK_FALSE(read_answer(to_bytes(answer)));
  answer = {.snapshot = {}, .verdict = static_cast<WatchVerdict>(3), .looks = {}};
  CHECK_FALSE(read_answer(to_bytes(answer)));
  answer = {.snapshot = {}, .verdict = WatchVerdict::changed, .looks = {}};
  answer.looks.resize(most_looks_in_answer);
  std::iota(answer.looks.begin(), answer.looks.end(), 0U);
  CHECK(to_bytes(answer).size() == largest_watch_message);
  CHECK(read_answer(to_bytes(answer)) == answer);
  answer.looks.push_back(1'000'000);
  CHECK(read_answer(to_bytes(answer)).value().looks.empty());
}

TEST_CASE("watch server: a socket of this user, at a path of any length; who says nothing keeps nobody waiting") {
  TemporaryDirectory dir;
  for (const std::string& folder : {std::string("short"), std::string(120, 'l')}) {
    fs::create_directory(dir / folder);
    const std::string path = watch_socket(dir / folder);
    write(path, "left by one that was killed");
    {
      WatchServer server(path);
      REQUIRE(server.open());
      CHECK(server.is_there());
      CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
      const auto connect = [&] {
        const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        REQUIRE(use_socket(socket, path, SocketUse::connect) == 0);
        return socket;
      };
      const int silent = connect();
      const int rude = connect();
      const int asker = connect();
      const WatchQuestion question{.snapshot = {.sum = {}, .file = {.inode = 9}}, .view = {}};
      const std::string asked = to_bytes(question);
      REQUIRE(::send(rude, std::string(100'000, 'x').data(), 100'000, 0) == 100'000);
      REQUIRE(::send(asker, asked.data(), asked.size(), 0) == static_cast<ssize_t>(asked.size()));
      int questions = 0;
      server.serve([&](const WatchQuestion& found) {
        ++questions;
        CHECK(found == question);
        return WatchAnswer{.snapshot = found.snapshot.sum, .verdict = WatchVerdict::unchanged, .looks = {}};
      });
      CHECK(questions == 1);
      std::array<char, 100> bytes{};
      const ssize_t count = ::recv(asker, bytes.data(), bytes.size(), MSG_DONTWAIT);
      REQUIRE(count > 0);
      CHECK(read_answer({bytes.data(), static_cast<std::size_t>(count)}).value().verdict == WatchVerdict::unchanged);
      CHECK(::recv(rude, bytes.data(), bytes.size(), MSG_DONTWAIT) == 0);  // hung up
      for (const int socket : {silent, rude, asker}) ::close(socket);
      fs::remove(path);
      CHECK_FALSE(server.is_there());
      REQUIRE(server.open());
      CHECK(server.is_there());
    }
    CHECK_FALSE(fs::exists(path));
  }
}

TEST_CASE("watch text: what changed, in one line") {
  const auto text = [](std::vector<Watcher::Difference> changes) {
    return cli::changes_text(changes, "/w", "/w/.trilock");
  };
  CHECK(text({{"/w/src/a.go"}}) == "src/a.go changed");
  CHECK(text({{"/w/b"}, {"/w/a"}, {"/w/a"}, {"/etc/c"}}) == "3 files changed: /etc/c, a, b");
  CHECK(text({{"/w/1"}, {"/w/2"}, {"/w/3"}, {"/w/4"}, {"/w/5"}}) == "5 files changed: 1, 2, 3 and 2 more");
  CHECK(text({{"/w/src", true}, {"/w/src/new"}}) == "src/new changed");
  CHECK(text({{"/w/src", true}, {"/w", true}}) == "2 folders changed: ., src");
  CHECK(text({{"/w/.trilock/state.db"}, {"/w/a"}}) == "a changed");
  CHECK(text({{"/w/.trilock/state.db"}}) == "another run has been here");
  CHECK(text({{"/w/a\x1b[31mb\nc"}}).find('\x1b') == std::string::npos);
}
