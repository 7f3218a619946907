#include "engine/watch/path_tree.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace trilock;

namespace {

using Found = Notifier::Found;

// Folders and symlinks as a table.
class TableNotifier final : public Notifier {
 public:
  Found look(const std::string& path) override {
    const auto found = paths.find(path);
    return found == paths.end() ? Found{} : found->second;
  }
  WatchId watch_directory(const std::string& path, Tell tell) override {
    if (tell == Tell::all) tells_all.insert(path);
    if (refused.contains(path) || look(path).kind != Found::Kind::directory) return no_watch;
    const auto [found, added] = watches.try_emplace(path, next_);
    if (added) ++next_;
    return found->second;
  }
  WatchId watch_file(const std::string&) override { return no_watch; }
  void forget(WatchId watch) override {
    std::erase_if(watches, [&](const auto& entry) { return entry.second == watch; });
  }
  void drain(const std::function<void(const FileEvent&)>&) override {}

  void folder(const std::string& path) { paths[path] = {.kind = Found::Kind::directory, .target = {}}; }
  void symlink(const std::string& path, const std::string& target) { paths[path] = {Found::Kind::symlink, target}; }

  std::map<std::string, Found> paths;
  std::set<std::string> refused;
  std::set<std::string> tells_all;  // ever
  std::map<std::string, WatchId> watches;

 private:
  WatchId next_ = 1;
};

struct LookAt {
  std::string directory;
  std::string name;
  bool followed = false;
  FileType type = FileType::file;
};

class Scene {
 public:
  explicit Scene(std::vector<LookAt> looks) {
    for (const char* path : {"/", "/w", "/w/src", "/w/src/deep", "/usr", "/usr/bin"}) notifier.folder(path);
    SnapshotBuilder builder;
    std::uint64_t inode = 0;  // looks of one directory stay in this order
    for (const LookAt& look : looks) {
      const FileStat stat{.type = look.type, .inode = ++inode};
      builder.add(look.directory, look.name, look.followed, &stat);
      names.push_back(look.directory + " " + look.name);
    }
    bytes_ = builder.finish({}).value();
    words_.resize(bytes_.size() / 8 + 1);
    std::memcpy(words_.data(), bytes_.data(), bytes_.size());
    view_ = SnapshotView::over({reinterpret_cast<const char*>(words_.data()), bytes_.size()});
  }
  void follow() { tree.follow(*view_); }
  // What an event makes suspect.
  std::set<std::string> after(const std::string& directory, FileEvent::Kind kind, const std::string& name) {
    suspects.clear();
    REQUIRE(notifier.watches.contains(directory));
    CHECK(tree.apply({notifier.watches.at(directory), kind, name}));
    tree.settle();
    return suspects;
  }
  std::set<std::string> blind() {
    std::set<std::string> found;
    for (const std::uint32_t look : tree.blind()) found.insert(names[look]);
    return found;
  }

  TableNotifier notifier;
  std::vector<std::string> names;
  std::set<std::string> suspects;
  PathTree tree{notifier, [this](std::uint32_t look) { suspects.insert(names[look]); }};

 private:
  std::string bytes_;
  std::vector<std::uint64_t> words_;
  std::optional<SnapshotView> view_;
};

using Set = std::set<std::string>;
constexpr auto names = FileEvent::Kind::names;
constexpr auto content = FileEvent::Kind::content;
constexpr auto attributes = FileEvent::Kind::attributes;

}  // namespace

TEST_CASE("path tree: a change to a name concerns looks of that name, and of the directory when names change") {
  Scene scene({{"/w/src", "a"}, {"/w/src", "b"}, {"/w/src", ".", false, FileType::directory}});
  scene.follow();
  CHECK(scene.after("/w/src", content, "a") == Set{"/w/src a"});
  CHECK(scene.after("/w/src", content, "c") == Set{});
  CHECK(scene.after("/w/src", names, "b") == Set{"/w/src b", "/w/src ."});
  CHECK(scene.after("/w/src", names, "c") == Set{"/w/src ."});
}

TEST_CASE("path tree: what happens to a directory above concerns all below, and what is there then is watched") {
  Scene scene({{"/w/src/deep", "a"}, {"/w", "b"}});
  scene.follow();
  scene.notifier.paths.erase("/w/src");
  scene.notifier.paths.erase("/w/src/deep");
  CHECK(scene.after("/w", names, "src") == Set{"/w/src/deep a"});
  CHECK_FALSE(scene.notifier.watches.contains("/w/src"));
  CHECK_FALSE(scene.notifier.watches.contains("/w/src/deep"));
  CHECK(scene.after("/w", names, "other") == Set{});
  scene.notifier.folder("/w/src");
  scene.notifier.folder("/w/src/deep");
  CHECK(scene.after("/w", names, "src") == Set{"/w/src/deep a"});
  CHECK(scene.after("/w/src/deep", content, "a") == Set{"/w/src/deep a"});
  CHECK(scene.after("/w", attributes, "src") == Set{"/w/src/deep a"});
  CHECK(scene.after("/w/src", FileEvent::Kind::gone, "") == Set{"/w/src/deep a"});
}

TEST_CASE("path tree: a directory that is not there is waited for") {
  Scene scene({LookAt{"/w/none/below", "a"}});
  scene.follow();
  CHECK(scene.blind() == Set{});
  scene.notifier.folder("/w/none");
  CHECK(scene.after("/w", names, "none") == Set{"/w/none/below a"});
  scene.notifier.folder("/w/none/below");
  CHECK(scene.after("/w/none", names, "below") == Set{"/w/none/below a"});
  CHECK(scene.after("/w/none/below", names, "a") == Set{"/w/none/below a"});
}

TEST_CASE("path tree: a symlink above is watched where it stands and where it leads to") {
  Scene scene({{"/bin", "tool"}, {"/bin/sub", "x"}});
  scene.notifier.symlink("/bin", "usr/bin");
  scene.notifier.folder("/usr/bin/sub");
  scene.notifier.folder("/opt");
  scene.follow();
  CHECK(scene.after("/usr/bin", content, "tool") == Set{"/bin tool"});
  CHECK(scene.after("/usr/bin/sub", content, "x") == Set{"/bin/sub x"});
  CHECK(scene.after("/usr", names, "bin") == Set{"/bin tool", "/bin/sub x"});
  scene.notifier.symlink("/bin", "opt");
  CHECK(scene.after("/", names, "bin") == Set{"/bin tool", "/bin/sub x"});
  CHECK(scene.after("/opt", names, "tool") == Set{"/bin tool"});
}

TEST_CASE("path tree: a look through symlinks is concerned by each of them and by the file") {
  Scene scene({{"/w", "link", true}, {"/w", "plain"}});
  scene.notifier.symlink("/w/link", "src/../src/second");
  scene.notifier.symlink("/w/src/second", "/usr/file");
  scene.notifier.paths["/usr/file"].kind = Found::Kind::other;
  scene.follow();
  CHECK(scene.after("/usr", content, "file") == Set{"/w link"});
  CHECK(scene.after("/w/src", names, "second") == Set{"/w link"});
  CHECK(scene.after("/w", names, "src") == Set{"/w link"});
  CHECK(scene.after("/w", names, "link") == Set{"/w link"});
  CHECK(scene.after("/w", content, "plain") == Set{"/w plain"});
}

TEST_CASE("path tree: what is written to files is told only where some count") {
  Scene scene({{"/w/src/deep", "a"}, {"/w/link", "b"}});
  scene.notifier.symlink("/w/link", "/usr/bin");
  scene.notifier.symlink("/usr/bin/b", "/opt/file");
  scene.notifier.folder("/opt");
  scene.follow();
  CHECK(scene.notifier.watches.size() == 6);
  CHECK(scene.notifier.tells_all == Set{"/usr/bin", "/w/src/deep"});
  Scene through({LookAt{"/w/src", "b", true}});
  through.notifier.symlink("/w/src/b", "/usr/file");
  through.follow();
  CHECK(through.notifier.tells_all == Set{"/usr", "/w/src"});
}

TEST_CASE("path tree: a look at a directory by its name is concerned by what is in it") {
  Scene scene({LookAt{"/w", "src", false, FileType::directory}});
  scene.follow();
  CHECK(scene.after("/w/src", names, "new") == Set{"/w src"});
  CHECK(scene.after("/w/src", content, "new") == Set{});
}

TEST_CASE("path tree: symlinks in a circle lead nowhere") {
  Scene scene({{"/w/one", "a"}, {"/w/self", "b"}});
  scene.notifier.symlink("/w/one", "two");
  scene.notifier.symlink("/w/two", "one");
  scene.notifier.symlink("/w/self", "self");
  scene.follow();
  CHECK(scene.after("/w", names, "two") == Set{"/w/one a"});
  CHECK(scene.after("/w", names, "self") == Set{"/w/self b"});
  scene.notifier.folder("/w/two");
  CHECK(scene.after("/w", names, "two") == Set{"/w/one a"});
  CHECK(scene.after("/w/two", content, "a") == Set{"/w/one a"});
}

TEST_CASE("path tree: what no watch speaks for is blind, with all below and all that leads there") {
  Scene scene({{"/w/src/deep", "a"}, {"/w/src", "b"}, {"/w", "c"}, {"/w/link", "d"}, {"/w", "to", true}});
  scene.notifier.symlink("/w/link", "src/deep");
  scene.notifier.symlink("/w/to", "src/b");
  scene.notifier.refused = {"/w/src"};
  scene.follow();
  CHECK(scene.blind() == Set{"/w/src/deep a", "/w/src b", "/w/link d", "/w to"});
  scene.notifier.refused.clear();
  scene.after("/w", attributes, "src");
  CHECK(scene.blind() == Set{});
  scene.notifier.paths["/w/src"].kind = Found::Kind::hidden;
  scene.after("/w", attributes, "src");
  CHECK(scene.blind() == Set{"/w/src/deep a", "/w/src b", "/w/link d", "/w to"});
}

TEST_CASE("path tree: a watch that has ended is made anew, and nothing is known of what was before") {
  Scene scene({LookAt{"/w/src", "a"}});
  scene.follow();
  const WatchId old = scene.notifier.watches.at("/w/src");
  scene.notifier.watches.erase("/w/src");
  scene.suspects.clear();
  CHECK(scene.tree.apply({old, FileEvent::Kind::ended, ""}));
  scene.tree.settle();
  CHECK(scene.suspects == Set{"/w/src a"});
  CHECK(scene.notifier.watches.at("/w/src") != old);
  CHECK_FALSE(scene.tree.apply({old, content, "a"}));
  scene.suspects.clear();
  scene.tree.doubt_all();
  CHECK(scene.suspects == Set{"/w/src a"});
}
