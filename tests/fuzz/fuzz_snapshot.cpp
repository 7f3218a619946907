// Any bytes are a snapshot, or the graph behind one, or none; what was read is used within its bounds. The sum would
// keep the fuzzer out of all that lies behind it, so it is made right.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/graph_index.hpp"
#include "cache/hash.hpp"
#include "cache/snapshot.hpp"
#include "cache/snapshot_check.hpp"

using namespace trilock;

namespace {

// The input lies over a right file, from behind its sum on. Aligned, as a file that is mapped.
template <class Header>
class Image {
 public:
  Image(std::string bytes, const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t sum = offsetof(Header, sum);
    constexpr std::size_t begin = sum + sizeof(FastDigest);
    bytes.resize(std::max(bytes.size(), begin + size));
    if (size > 0) std::memcpy(bytes.data() + begin, data, size);
    const std::uint64_t count = bytes.size();
    if (size % 2 == 0) std::memcpy(bytes.data() + offsetof(Header, bytes), &count, sizeof count);
    const FastDigest right = fast_digest(std::string_view(bytes).substr(begin));
    std::memcpy(bytes.data() + sum, right.data.data(), sizeof right);
    words_.resize((bytes.size() + 7) / 8);
    std::memcpy(words_.data(), bytes.data(), bytes.size());
    size_ = bytes.size();
  }
  [[nodiscard]] std::string_view bytes() const { return {reinterpret_cast<const char*>(words_.data()), size_}; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

void read_snapshot(const std::uint8_t* data, std::size_t size) {
  SnapshotBuilder builder;
  const FileStat stat{};
  builder.add("/", ".", false, &stat);
  const Image<SnapshotHeader> image(builder.finish({.words = {"w"}, .variables = {"V"}, .root = "/"}).value_or(""),
                                    data, size);
  const auto view = SnapshotView::over(image.bytes());
  if (!view) return;
  for (const auto& places : {view->words(), view->variables()})
    for (const std::uint32_t place : places) static_cast<void>(view->is(place, "x"));
  static_cast<void>(view->text(view->header().report));
  static_cast<void>(is_as_recorded(*view, 1));
}

void read_graph(const std::uint8_t* data, std::size_t size) {
  GraphIndex index;
  index.tables.push_back({.title = index.text("rule.name"), .nodes = {0, 1}});
  index.nodes.push_back({.shape = {}, .label = index.tables[0].title, .dependencies = {0, 1}, .outputs = {0, 1}});
  index.pieces.push_back({.sum = {}, .title = index.tables[0].title});
  index.files.push_back({.path = index.text("file"), .bytes = 9, .pieces = {0, 1}});
  index.dependencies = index.outputs = index.secrets = {0};
  const std::uint32_t asker = 0;
  static_cast<void>(index.row({&asker, 1}));
  const Image<GraphHeader> image(index.finish().value_or(""), data, size);
  const auto view = GraphView::over(image.bytes(), GraphIndex::sum_of(image.bytes()));
  if (!view) return;
  std::size_t sum = 0;
  const auto add = [&](std::span<const std::uint32_t> numbers) {
    for (const std::uint32_t number : numbers) sum += number + view->text(number).size();
  };
  for (const GraphNode& node : view->nodes) {
    add(view->dependencies(node));
    add(view->outputs(node));
    sum += view->text(node.label).size();
  }
  for (const GraphFile& file : view->files)
    for (const GraphPiece& piece : view->pieces_of(file)) sum += view->text(piece.title).size();
  for (const GraphTable& table : view->tables) sum += view->text(table.title).size();
  for (std::uint32_t row = 0; row < 4; ++row) add(view->askers(row));
  add(view->secrets);
  const volatile std::size_t used = sum;
  static_cast<void>(used);
  static_cast<void>(view->without_rows().finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_snapshot(data, size);
  read_graph(data, size);
  return 0;
}
