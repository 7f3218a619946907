#include "cache/graph_index.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "cache/flat_file.hpp"
#include "cache/hash.hpp"
#include "cache/source_tree.hpp"

namespace trilock {
namespace {

constexpr std::uint64_t magic = 0x7472'6967'7261'7002;  // "trigrap" and the version of the form
constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t everybody_alone[] = {SourceTree::everybody};

std::uint32_t count_of(const auto& parts) {
  return static_cast<std::uint32_t>(parts.size());
}

template <class Part>
std::vector<Part> copy_of(std::span<const Part> parts) {
  return {parts.begin(), parts.end()};
}

}  // namespace

GraphIndex::GraphIndex() : rows_{{0, 1}}, asks_{SourceTree::everybody} {}

std::uint32_t GraphIndex::text(std::string_view text) {
  return add_text(text_, text, too_large_);
}

std::uint32_t GraphIndex::row(std::span<const std::uint32_t> askers) {
  if (askers.empty() || askers.front() == SourceTree::everybody) return 0;
  if (askers.size() > most - asks_.size()) too_large_ = true;
  if (too_large_) return 0;
  const GraphStretch last = rows_.back();  // the looks of one node mostly follow each other
  if (last.count == askers.size() && std::equal(askers.begin(), askers.end(), asks_.begin() + last.first))
    return count_of(rows_) - 1;
  rows_.push_back({count_of(asks_), count_of(askers)});
  asks_.insert(asks_.end(), askers.begin(), askers.end());
  return count_of(rows_) - 1;
}

std::optional<std::string> GraphIndex::finish() const {
  for (const std::size_t size : {nodes.size(), pieces.size(), files.size(), tables.size(), rows_.size(),
                                 dependencies.size(), outputs.size(), secrets.size()})
    if (too_large_ || size > most) return std::nullopt;
  GraphHeader header{.magic = magic,
                     .sum = {},
                     .nodes = count_of(nodes),
                     .pieces = count_of(pieces),
                     .files = count_of(files),
                     .tables = count_of(tables),
                     .rows = count_of(rows_),
                     .dependencies = count_of(dependencies),
                     .outputs = count_of(outputs),
                     .secrets = count_of(secrets),
                     .asks = count_of(asks_),
                     .text_bytes = count_of(text_)};
  std::string bytes(sizeof header, '\0');
  append_parts(bytes, nodes);
  append_parts(bytes, pieces);
  append_parts(bytes, files);
  append_parts(bytes, tables);
  append_parts(bytes, rows_);
  append_parts(bytes, dependencies);
  append_parts(bytes, outputs);
  append_parts(bytes, secrets);
  append_parts(bytes, asks_);
  bytes += text_;
  seal_flat_file(bytes, header);
  return bytes;
}

FastDigest GraphIndex::sum_of(std::string_view file) {
  FastDigest sum;
  std::memcpy(sum.data.data(), file.data() + offsetof(GraphHeader, sum), sizeof sum);
  return sum;
}

GraphRevision::GraphRevision(std::span<char> bytes) : bytes_(bytes), header_(at<GraphHeader>(0)) {}

template <class Part>
Part GraphRevision::at(std::size_t place) const {
  Part part;
  std::memcpy(&part, bytes_.subspan(place, sizeof part).data(), sizeof part);
  return part;
}

template <class Part>
void GraphRevision::put(std::size_t place, const Part& part) {
  changed_ = write_over(bytes_, place, part) || changed_;
}

void GraphRevision::set_open(std::size_t index, bool open) {
  if (index >= header_.nodes) return;
  const std::size_t place = sizeof header_ + index * sizeof(GraphNode);
  auto node = at<GraphNode>(place);
  node.open = open ? 1 : 0;
  put(place, node);
}

void GraphRevision::set_pieces(std::size_t index, std::uint32_t bytes, std::span<const GraphPiece> pieces) {
  if (index >= header_.files) return;
  const std::size_t first = sizeof header_ + header_.nodes * sizeof(GraphNode);
  const std::size_t place = first + header_.pieces * sizeof(GraphPiece) + index * sizeof(GraphFile);
  auto file = at<GraphFile>(place);
  if (file.pieces.count != pieces.size() || file.pieces.first > header_.pieces ||
      pieces.size() > header_.pieces - file.pieces.first)
    return;
  file.bytes = bytes;
  put(place, file);
  for (std::size_t i = 0; i < pieces.size(); ++i) put(first + (file.pieces.first + i) * sizeof(GraphPiece), pieces[i]);
}

bool GraphRevision::seal() {
  if (changed_) seal_flat_file(bytes_, header_);
  return changed_;
}

FastDigest GraphRevision::sum() const {
  return at<GraphHeader>(0).sum;
}

std::optional<GraphView> GraphView::over(std::string_view bytes, const FastDigest& sum) {
  GraphView view;
  std::span<const GraphHeader> header;
  std::string_view rest = bytes;
  if (!take_parts(rest, 1, header)) return std::nullopt;
  const GraphHeader& head = header.front();
  if (head.magic != magic || head.bytes != bytes.size() || head.sum != sum) return std::nullopt;
  if (!take_parts(rest, head.nodes, view.nodes) || !take_parts(rest, head.pieces, view.pieces) ||
      !take_parts(rest, head.files, view.files) || !take_parts(rest, head.tables, view.tables) ||
      !take_parts(rest, head.rows, view.rows_) || !take_parts(rest, head.dependencies, view.dependencies_) ||
      !take_parts(rest, head.outputs, view.outputs_) || !take_parts(rest, head.secrets, view.secrets) ||
      !take_parts(rest, head.asks, view.asks_))
    return std::nullopt;
  if (rest.size() != head.text_bytes || rest.empty() || rest.back() != '\0') return std::nullopt;
  view.text_ = rest;
  if (flat_sum<GraphHeader>(bytes) != head.sum) return std::nullopt;
  return view;
}

std::span<const std::uint32_t> GraphView::dependencies(const GraphNode& node) const {
  return stretch_of(dependencies_, node.dependencies.first, node.dependencies.count);
}

std::span<const std::uint32_t> GraphView::outputs(const GraphNode& node) const {
  return stretch_of(outputs_, node.outputs.first, node.outputs.count);
}

std::span<const GraphPiece> GraphView::pieces_of(const GraphFile& file) const {
  return stretch_of(pieces, file.pieces.first, file.pieces.count);
}

std::span<const std::uint32_t> GraphView::askers(std::uint32_t row) const {
  if (row >= rows_.size()) return everybody_alone;
  const auto found = stretch_of(asks_, rows_[row].first, rows_[row].count);
  return found.empty() ? std::span<const std::uint32_t>(everybody_alone) : found;
}

std::string_view GraphView::text(std::uint32_t place) const {
  return place < text_.size() ? std::string_view(text_.data() + place) : std::string_view();
}

GraphIndex GraphView::without_rows() const {
  GraphIndex index;
  index.nodes = copy_of(nodes);
  index.pieces = copy_of(pieces);
  index.files = copy_of(files);
  index.tables = copy_of(tables);
  index.dependencies = copy_of(dependencies_);
  index.outputs = copy_of(outputs_);
  index.secrets = copy_of(secrets);
  index.text_ = text_;
  return index;
}

}  // namespace trilock
