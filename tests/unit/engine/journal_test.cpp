#include "engine/journal.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace trilock;

namespace {

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "trilock-journal.XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string file() const { return path + "/journal"; }
  [[nodiscard]] bool exists() const { return std::filesystem::exists(file()); }
  [[nodiscard]] std::string text() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path;
};

const std::vector<Field> lock{{"backend", "http"}};

}  // namespace

TEST_CASE("a run that starts nothing writes nothing, and one that ends well leaves nothing") {
  const Folder folder;
  const Brands brands = new_brands();
  Journal journal(folder.file(), brands, "/w");
  CHECK(journal.begin());  // by a command that does not own the workspace
  CHECK(!folder.exists());
  REQUIRE(journal.arm());
  CHECK(!folder.exists());
  CHECK(journal.enter("command.x", {}).value() == 0);
  CHECK(!folder.exists());
  CHECK(journal.begin());
  CHECK(folder.exists());
  const auto size = folder.text().size();
  CHECK(journal.begin());
  CHECK(folder.text().size() == size);
  const auto entry = journal.enter("terraform.x", lock);
  CHECK(entry.value() == 1);
  journal.end(*entry);
  journal.close();
  CHECK(!folder.exists());
}

TEST_CASE("what a killed run had begun is there for the next one, until it was seen to") {
  const Folder folder;
  const Brands brands = new_brands();
  {
    Journal journal(folder.file(), brands, "/w");
    REQUIRE(journal.arm());
    journal.end(journal.enter("terraform.done", lock).value());
    REQUIRE(journal.enter("terraform.open", lock));
  }  // without close, as a kill does it
  Journal next(folder.file(), new_brands(), "/w");
  const auto remains = next.arm();
  REQUIRE(remains);
  REQUIRE(remains->runs.size() == 1);
  CHECK(remains->runs.front().brands.first == brands.first);
  CHECK(remains->runs.front().started > 0);
  CHECK(remains->unknown_lines == 0);
  REQUIRE(remains->entries.size() == 1);
  const Journal::Entry& open = remains->entries.front();
  CHECK(open.label == "terraform.open");
  CHECK(open.leaves == lock);
  CHECK(open.at_ms > 1'700'000'000'000);

  SUBCASE("seen to") {
    CHECK(next.enter("terraform.own", lock).value() > open.number);
    next.end(open.number + 1);
    next.end(open.number);
    next.close();
    CHECK(!folder.exists());
  }
  SUBCASE("not yet") {
    next.close();
    Journal third(folder.file(), new_brands(), "/w");
    CHECK(third.arm()->entries.size() == 1);
  }
}

TEST_CASE("what is set aside is known until its node has ended, however large the journal grows") {
  const Folder folder;
  const std::vector<AsideOutput> moved{{"out/a", "12-3.old-0"}, {"out/new", ""}};
  {
    Journal journal(folder.file(), new_brands(), "/w");
    REQUIRE(journal.arm());
    CHECK(journal.set_aside("command.none", {}).value() == 0);
    const auto open = journal.set_aside("command.open", moved);
    REQUIRE(open);
    auto largest = std::filesystem::file_size(folder.file());
    for (int i = 0; i < 60'000; ++i) {
      const auto done = journal.set_aside("command.done", moved);
      REQUIRE(done);
      if (i % 2 == 0)
        journal.end(*done);
      else
        journal.end_soon(*done);
      if (i % 1000 == 0) largest = std::max(largest, std::filesystem::file_size(folder.file()));
    }
    CHECK(largest < 5u << 20);
    journal.end_soon(journal.set_aside("command.never-told", moved).value());
  }
  Journal next(folder.file(), new_brands(), "/w");
  const auto remains = next.arm();
  REQUIRE(remains);
  CHECK(remains->unknown_lines == 0);
  REQUIRE(remains->asides.size() == 2);
  CHECK(remains->asides[0].label == "command.open");
  CHECK(remains->asides[0].outputs == moved);
  CHECK(remains->asides[1].label == "command.never-told");
  next.end(remains->asides[0].number);
  next.end(remains->asides[1].number);
  next.close();
  CHECK(!folder.exists());
}

TEST_CASE(
    "a journal of another user or workspace is nobody's, and one of before the machine started names no process") {
  const JournalOwner owner{.boot = "now", .user = 7, .workspace = "/w"};
  const DeadRun run{.brands = new_brands(), .process = 12, .started = 34};
  const std::string rest = "\n" + journal_line(JournalEntry{1, 2, "image.x", {}}) + "\n" +
                           journal_line(JournalAside{2, "command.x", {{"out", "1-2.old-3"}}}) + "\n";
  const auto read = [&](const JournalOwner& writer) { return read_journal(journal_line(run, writer) + rest, owner); };
  CHECK(read(owner).runs.size() == 1);
  CHECK(read(owner).entries.size() == 1);
  CHECK(read(owner).asides.size() == 1);
  CHECK(read({.boot = "then", .user = 7, .workspace = "/w"}).runs.empty());
  CHECK(read({.boot = "then", .user = 7, .workspace = "/w"}).asides.size() == 1);
  CHECK(read({.boot = "now", .user = 8, .workspace = "/w"}).empty());
  CHECK(read({.boot = "now", .user = 7, .workspace = "/v"}).empty());
  CHECK(read_journal(rest, owner).empty());
  // What follows the line of another one is another's, and the other way round.
  CHECK(
      read_journal(journal_line(run, owner) + "\n" + journal_line(run, {"now", 8, "/w"}) + rest, owner).asides.empty());
  CHECK(
      read_journal(journal_line(run, {"now", 8, "/w"}) + "\n" + journal_line(run, owner) + rest, owner).asides.size() ==
      1);
}

TEST_CASE("lines that were cut short, or are none of ours, are passed over") {
  const JournalOwner owner{.boot = "now", .user = 7, .workspace = "/w"};
  const std::string run = journal_line(DeadRun{{std::uint64_t{1} << 62}, 12, 34}, owner);
  const auto unknown = [&](const std::string& line) {
    const JournalRemains remains = read_journal(run + "\n" + line + "\n", owner);
    CHECK_MESSAGE(remains.runs.size() == 1, line);
    CHECK_MESSAGE(remains.entries.empty(), line);
    CHECK_MESSAGE(remains.asides.empty(), line);
    return remains.unknown_lines == 1;
  };
  for (const std::string line : {"not json",
                                 "[1]",
                                 "7",
                                 "null",
                                 R"({"begin":4,"lab)",
                                 R"({"begin":-1,"at":1,"label":"x","leaves":{}})",
                                 R"({"begin":1.5,"at":1,"label":"x","leaves":{}})",
                                 R"({"begin":9223372036854775808,"at":1,"label":"x","leaves":{}})",
                                 R"({"begin":1,"at":1,"label":7,"leaves":{}})",
                                 R"({"begin":1,"at":1,"label":"x","leaves":[]})",
                                 R"({"begin":1,"at":1,"label":"x","leaves":{"a":1}})",
                                 R"({"begin":0,"at":1,"label":"x","leaves":{}})",
                                 R"({"aside":1,"label":"x","outputs":[["/etc/passwd","1-2.old-3"]]})",
                                 R"({"aside":1,"label":"x","outputs":[["../x","1-2.old-3"]]})",
                                 R"({"aside":1,"label":"x","outputs":[["a/../../x","1-2.old-3"]]})",
                                 R"({"aside":1,"label":"x","outputs":[[".git/hooks/pre-commit","1-2.old-3"]]})",
                                 R"({"aside":1,"label":"x","outputs":[["a","../1-2.old-3"]]})",
                                 R"({"aside":1,"label":"x","outputs":[["a","state.db"]]})",
                                 R"({"aside":1,"label":"x","outputs":[["a"]]})",
                                 R"({"aside":1,"label":"x","outputs":"a"})",
                                 R"({"aside":1,"outputs":[["a","1-2.old-3"]]})",
                                 R"({"end":"1"})",
                                 R"({"run":-1})",
                                 R"({"run":18446744073692774400})",
                                 R"({"run":4611686018427387904,"process":7})",
                                 R"({"run":4611686018427387905,"process":7,"started":1})"})
    CHECK_MESSAGE(unknown(line), line);
  CHECK(unknown(std::string(10'000'000, 'x')));
  CHECK(unknown(std::string(100'000, '[')));
  CHECK(read_journal("", owner).empty());
  // Numbers ascend: one that comes again is none that this program gave.
  const std::string entry = journal_line(JournalEntry{3, 2, "image.x", {{"builder", "buildah"}}});
  const JournalRemains twice = read_journal("\n" + run + "\n\n" + entry + "\n" + entry + "\n{\"en", owner);
  CHECK(twice.entries.size() == 1);
  CHECK(twice.entries.front().leaves == std::vector<Field>{{"builder", "buildah"}});
  CHECK(twice.unknown_lines == 2);
}

TEST_CASE("what is in the place of the journal and no file of this user is an error, and waits for nobody") {
  const Folder folder;
  const auto refused = [&] {
    Journal journal(folder.file(), new_brands(), "/w");
    const auto armed = journal.arm();
    const bool read = armed.has_value();
    return !read && !journal.begin();
  };
  REQUIRE(::mkfifo(folder.file().c_str(), 0600) == 0);
  CHECK(refused());
  std::filesystem::remove(folder.file());
  std::filesystem::create_directory(folder.file());
  CHECK(refused());
  std::filesystem::remove(folder.file());
  std::ofstream(folder.path + "/other") << "text";
  std::filesystem::create_symlink("other", folder.file());
  CHECK(refused());
  std::filesystem::remove(folder.file());
  std::filesystem::create_symlink("nowhere", folder.file());
  CHECK(refused());
  std::filesystem::remove(folder.file());
  // One that is too large was not written by a trilock, and makes room.
  std::ofstream(folder.file()) << "x";
  std::filesystem::resize_file(folder.file(), JournalLimits::file_bytes + 1);
  CHECK(!Journal(folder.file(), new_brands(), "/w").arm());
  CHECK(!folder.exists());
}

TEST_CASE("a journal that cannot be written is an error before anything starts") {
  const auto begun = [&] {
    Journal full("/proc/nowhere/journal", new_brands(), "/w");
    (void)full.arm();
    return full.begin();
  }();
  REQUIRE(!begun);
  CHECK(begun.error().message.starts_with("cannot write `/proc/nowhere/journal`: "));
}
