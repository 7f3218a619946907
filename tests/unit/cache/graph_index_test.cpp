#include "cache/graph_index.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "cache/hash.hpp"
#include "cache/source_tree.hpp"
#include "tests/support/mapped_image.hpp"

using namespace trilock;

namespace {

class Image : public test::MappedImage {
 public:
  using MappedImage::MappedImage;
  [[nodiscard]] auto view() const { return view(bytes().size() < 24 ? FastDigest() : GraphIndex::sum_of(bytes())); }
  [[nodiscard]] std::optional<GraphView> view(const FastDigest& sum) const { return GraphView::over(bytes(), sum); }
};

GraphIndex some_index() {
  GraphIndex index;
  index.files.push_back({.path = index.text("trilock.toml"), .bytes = 100, .pieces = {0, 2}});
  index.tables.push_back({.title = index.text("command.a"), .nodes = {0, 1}});
  index.tables.push_back({.title = index.text("command.b"), .nodes = {1, 1}});
  index.pieces.push_back({.sum = fast_digest("0"), .begin = 0, .lines_before = 0, .table = GraphPiece::none});
  index.pieces.push_back(
      {.sum = fast_digest("1"), .begin = 40, .lines_before = 3, .table = 0, .title = index.tables[0].title});
  index.dependencies = {0};
  index.outputs = {index.text("out/a"), index.text("out/b")};
  index.secrets = {index.text("TOKEN")};
  index.nodes.push_back(
      {.shape = fast_digest("s"), .label = index.tables[0].title, .table = 0, .outputs = {0, 1}, .wanted = 1});
  index.nodes.push_back({.shape = fast_digest("t"),
                         .label = index.tables[1].title,
                         .table = 1,
                         .dependencies = {0, 1},
                         .outputs = {1, 1},
                         .open = 1});
  return index;
}

std::vector<std::uint32_t> list(std::span<const std::uint32_t> numbers) {
  return {numbers.begin(), numbers.end()};
}

// The sum made right again, so that what lies behind it is reached.
std::string with_sum(std::string bytes) {
  const std::size_t from = offsetof(GraphHeader, sum) + sizeof(FastDigest);
  const FastDigest sum = fast_digest(std::string_view(bytes).substr(from));
  std::memcpy(bytes.data() + offsetof(GraphHeader, sum), sum.data.data(), sizeof sum);
  return bytes;
}

void check_some(const GraphView& view) {
  REQUIRE(view.nodes.size() == 2);
  CHECK(view.text(view.nodes[1].label) == "command.b");
  CHECK(view.nodes[0].shape == fast_digest("s"));
  CHECK(view.nodes[0].wanted == 1);
  CHECK(view.nodes[0].open == 0);
  CHECK(view.nodes[1].open == 1);
  CHECK(view.dependencies(view.nodes[0]).empty());
  CHECK(list(view.dependencies(view.nodes[1])) == std::vector<std::uint32_t>{0});
  REQUIRE(view.outputs(view.nodes[1]).size() == 1);
  CHECK(view.text(view.outputs(view.nodes[1])[0]) == "out/b");
  REQUIRE(view.files.size() == 1);
  CHECK(view.text(view.files[0].path) == "trilock.toml");
  const auto pieces = view.pieces_of(view.files[0]);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].table == GraphPiece::none);
  CHECK(view.text(pieces[0].title).empty());
  CHECK(pieces[1].begin == 40);
  CHECK(pieces[1].lines_before == 3);
  CHECK(pieces[1].sum == fast_digest("1"));
  CHECK(view.text(view.tables[pieces[1].table].title) == "command.a");
  REQUIRE(view.secrets.size() == 1);
  CHECK(view.text(view.secrets[0]) == "TOKEN");
}

}  // namespace

TEST_CASE("graph index: what was written is read back") {
  const Image image(some_index().finish().value());
  REQUIRE(image.view());
  check_some(*image.view());
  CHECK_FALSE(image.view(fast_digest("of another")));
}

TEST_CASE("graph index: rows say who asked") {
  GraphIndex index = some_index();
  const std::vector<std::uint32_t> nobody;
  const std::vector<std::uint32_t> everybody{SourceTree::everybody};
  const std::vector<std::uint32_t> first{0};
  const std::vector<std::uint32_t> both{0, 1};
  const std::vector<std::uint32_t> all{1, SourceTree::everybody};
  CHECK(index.row(nobody) == 0);
  CHECK(index.row(everybody) == 0);
  const std::uint32_t row_of_first = index.row(first);
  CHECK(index.row(first) == row_of_first);
  const std::uint32_t row_of_both = index.row(both);
  const std::uint32_t row_of_all = index.row(all);
  const Image image(index.finish().value());
  const auto view = image.view();
  REQUIRE(view);
  CHECK(list(view->askers(0)) == everybody);
  CHECK(list(view->askers(row_of_first)) == first);
  CHECK(list(view->askers(row_of_both)) == both);
  CHECK(list(view->askers(row_of_all)) == all);  // so that a node is known of what everybody asked for
  CHECK(list(view->askers(row_of_all + 1)) == everybody);
}

TEST_CASE("graph index: taken over without rows it is the same, and can get others") {
  GraphIndex index = some_index();
  const std::vector<std::uint32_t> askers{1};
  static_cast<void>(index.row(askers));
  const Image image(index.finish().value());
  GraphIndex again = image.view()->without_rows();
  CHECK(again.row(askers) == 1);
  const Image second(again.finish().value());
  REQUIRE(second.view());
  check_some(*second.view());
}

TEST_CASE("graph index: written over, it is the one that would have been made") {
  const std::string before = some_index().finish().value();
  std::string bytes = before;
  GraphRevision same({bytes.data(), bytes.size()});
  same.set_open(0, false);
  same.set_open(1, true);
  CHECK_FALSE(same.seal());
  CHECK(bytes == before);
  CHECK(same.sum() == GraphIndex::sum_of(before));

  GraphIndex wanted = some_index();
  wanted.nodes[0].open = 1;
  wanted.nodes[1].open = 0;
  wanted.files[0].bytes = 120;
  wanted.pieces[0].sum = fast_digest("2");
  wanted.pieces[1].begin = 60;
  wanted.pieces[1].lines_before = 4;
  GraphRevision revision({bytes.data(), bytes.size()});
  revision.set_open(0, true);
  revision.set_open(1, false);
  revision.set_pieces(0, 120, wanted.pieces);
  CHECK(revision.seal());
  CHECK(bytes == wanted.finish().value());
  CHECK(revision.sum() == GraphIndex::sum_of(bytes));
}

TEST_CASE("graph index: cut off, longer, or with any byte changed it is none") {
  const std::string whole = some_index().finish().value();
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(Image(std::string_view(whole).substr(0, size)).view());
  CHECK_FALSE(Image(whole + std::string(1, '\0')).view());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_FALSE(Image(damaged).view());
  }
}

TEST_CASE("graph index: numbers that lead out of the file are never followed") {
  const std::string whole = some_index().finish().value();
  for (std::size_t at = offsetof(GraphHeader, bytes); at + 4 <= whole.size(); at += 4)
    for (const std::uint32_t number : {0U, 1U, 0x7fff'ffffU, 0x8000'0000U, 0xffff'ffffU}) {
      std::string hostile = whole;
      std::memcpy(hostile.data() + at, &number, sizeof number);
      const Image image(with_sum(hostile));
      const auto view = image.view();
      if (!view) continue;
      for (const GraphNode& node : view->nodes) {
        CHECK(view->dependencies(node).size() <= 1);
        CHECK(view->outputs(node).size() <= 2);
        CHECK(view->text(node.label).size() < whole.size());
      }
      for (const GraphFile& file : view->files) CHECK(view->pieces_of(file).size() <= 2);
      CHECK(view->askers(0).size() == 1);
    }
}

TEST_CASE("graph index: a zero in a name gives none") {
  GraphIndex index;
  static_cast<void>(index.text(std::string_view("a\0b", 3)));
  CHECK_FALSE(index.finish());
}
