#include "engine/journal.hpp"

#include <doctest/doctest.h>

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
  Journal journal(folder.file(), brands);
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
    Journal journal(folder.file(), brands);
    REQUIRE(journal.arm());
    journal.end(journal.enter("terraform.done", lock).value());
    REQUIRE(journal.enter("terraform.open", lock));
  }  // without close, as a kill does it
  Journal next(folder.file(), new_brands());
  const auto remains = next.arm();
  REQUIRE(remains);
  REQUIRE(remains->runs.size() == 1);
  CHECK(remains->runs.front().first == brands.first);
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
    Journal third(folder.file(), new_brands());
    CHECK(third.arm()->entries.size() == 1);
  }
}

TEST_CASE("lines that were cut short, or are none of ours, are passed over") {
  const auto remains = read_journal(
      "\n{\"run\":4611686018427387904,\"process\":7}\n\n{\"begin\":3,\"at\":5,\"label\":\"image.x\",\"leaves\":{"
      "\"builder\":"
      "\"buildah\"}}\nnot "
      "json\n{\"begin\":4,\"lab\n{\"begin\":5,\"label\":\"image.y\"}\n[1]\n{\"end\":5}\n{\"run\":-1}\n{\"en");
  REQUIRE(remains.runs.size() == 1);
  CHECK(remains.runs.front().first == 4611686018427387904u);
  REQUIRE(remains.entries.size() == 1);
  CHECK(remains.entries.front().number == 3);
  CHECK(remains.entries.front().leaves == std::vector<Field>{{"builder", "buildah"}});
  CHECK(read_journal("").empty());
}

TEST_CASE("a journal that cannot be written is an error before anything starts") {
  const auto begun = [&] {
    Journal full("/proc/nowhere/journal", new_brands());
    (void)full.arm();
    return full.begin();
  }();
  REQUIRE(!begun);
  CHECK(begun.error().message.starts_with("cannot write `/proc/nowhere/journal`: "));
}
