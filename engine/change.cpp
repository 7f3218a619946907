#include "engine/change.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cache/hash.hpp"
#include "cache/recorded_result.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

// When most of a long pipeline has to be read anyway, reading all of it takes less than finding out what may be left
// out.
constexpr std::size_t few_tables = 1'000;

bool looks_at_all_targets(std::string_view title) {
  const std::string_view name = title.substr(0, title.find('.'));
  const auto rule = std::ranges::find(registry(), name, [](const Rule* known) { return known->name(); });
  return rule == registry().end() || (*rule)->looks_at_all_targets();
}

}  // namespace

std::vector<std::uint32_t> nodes_of(std::span<const std::uint32_t> askers) {
  std::vector<std::uint32_t> nodes;
  for (const std::uint32_t asker : askers)
    nodes.push_back(asker == SourceTree::everybody ? asker : asker & ~SourceTree::for_planning);
  std::ranges::sort(nodes);
  nodes.erase(std::ranges::unique(nodes).begin(), nodes.end());
  return nodes;
}

FastDigest shape_of(const Node& node) {
  FastHasher hasher;
  const auto number = [&](std::uint64_t value) {
    hasher.update({reinterpret_cast<const char*>(&value), sizeof value});
  };
  const auto text = [&](std::string_view part) {
    number(part.size());
    hasher.update(part);
  };
  number(node.inputs.size());
  for (const InputPattern& input : node.inputs) {
    text(input.pattern);
    number(input.exclude ? 1 : 0);
  }
  for (const std::vector<OutputSpec>* specs : {&node.outputs, &node.depfiles}) {
    number(specs->size());
    for (const OutputSpec& spec : *specs) {
      text(spec.name);
      text(spec.path);
      text(spec.real.view());
    }
  }
  number(node.secret_env.size());
  for (const std::string& name : node.secret_env) text(name);
  return hasher.digest();
}

std::unique_ptr<Change> Change::of(const SnapshotView& snapshot, const GraphView& graph,
                                   std::span<const std::uint32_t> differing, SourceTree& tree) {
  std::unique_ptr<Change> change(new Change(snapshot, graph));
  return change->find_changed(differing, tree) && change->complete() ? std::move(change) : nullptr;
}

std::unique_ptr<Change> Change::of(const SnapshotView& snapshot, const GraphView& graph,
                                   std::span<const NodeId> nodes) {
  std::unique_ptr<Change> change(new Change(snapshot, graph));
  for (const NodeId node : nodes) change->decided_.at(index_of(node)) = true;
  return change->complete() ? std::move(change) : nullptr;
}

Change::Change(const SnapshotView& snapshot, const GraphView& graph)
    : snapshot_(snapshot), graph_(graph), files_(graph.files.size()), decided_(graph.nodes.size(), false) {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto pieces = graph_.pieces_of(graph_.files[i]);
    files_[i] = {.pieces = {pieces.begin(), pieces.end()}, .bytes = graph_.files[i].bytes};
  }
}

std::optional<std::size_t> Change::file_of(std::string_view directory, std::string_view name) const {
  const char* const root = snapshot_.text(snapshot_.header().root);
  if (root == nullptr || !directory.starts_with(root)) return std::nullopt;
  std::string path(directory.substr(std::string_view(root).size()));
  path.append("/").append(name);
  for (std::size_t i = 0; i < graph_.files.size(); ++i)
    if (graph_.text(graph_.files[i].path) == std::string_view(path).substr(path.find_first_not_of('/'))) return i;
  return std::nullopt;
}

bool Change::is_pipeline_file(std::string_view directory, std::string_view name) const {
  return file_of(directory, name).has_value();
}

bool Change::find_changed(std::span<const std::uint32_t> differing, SourceTree& tree) {
  for (std::size_t i = 0; i < decided_.size(); ++i) decided_[i] = graph_.nodes[i].open != 0;
  auto next = differing.begin();
  for (const SnapshotDirectory& directory : snapshot_.directories()) {
    const auto looks = snapshot_.looks(directory);
    for (; next != differing.end() && *next >= directory.first && *next - directory.first < looks.size(); ++next) {
      const SnapshotLook& look = looks[*next - directory.first];
      const char* const path = snapshot_.text(directory.path);
      const char* const name = snapshot_.text(look.name);
      if (path == nullptr || name == nullptr) return false;
      const std::optional<std::size_t> file = look.followed != 0 ? file_of(path, name) : std::nullopt;
      if (!add_askers(look, file.has_value()) || (file && !read_pieces(*file, tree))) return false;
    }
  }
  return next == differing.end();
}

bool Change::add_askers(const SnapshotLook& look, bool of_pipeline) {
  for (const std::uint32_t asker : graph_.askers(look.askers)) {
    if (asker == SourceTree::everybody && of_pipeline) continue;
    if (asker >= decided_.size()) return false;
    decided_[asker] = true;
  }
  return true;
}

// Pieces are compared one by one: the same tables in the same order, and what is not a table as it was.
bool Change::read_pieces(std::size_t index, SourceTree& tree) {
  File& file = files_[index];
  const Result<std::string> text = tree.read(std::string(graph_.text(graph_.files[index].path)));
  if (!text) return false;
  const std::vector<TomlPiece> pieces = toml_pieces(*text);
  if (pieces.size() != file.pieces.size()) return false;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    GraphPiece& known = file.pieces[i];
    const TomlStretch& where = pieces[i].where;
    const FastDigest sum = fast_digest(std::string_view(*text).substr(where.begin, where.end - where.begin));
    const bool is_table = known.table < graph_.tables.size();
    if (pieces[i].title != graph_.text(known.title)) return false;
    if (sum != known.sum) {
      if (!is_table) return false;
      const GraphStretch nodes = graph_.tables[known.table].nodes;
      if (nodes.first > decided_.size() || nodes.count > decided_.size() - nodes.first) return false;
      for (std::uint32_t node = 0; node < nodes.count; ++node) decided_[nodes.first + node] = true;
    }
    known.sum = sum;
    known.begin = static_cast<std::uint32_t>(where.begin);
    known.lines_before = where.lines_before;
  }
  file.bytes = static_cast<std::uint32_t>(text->size());
  return true;
}

// What depends on a node that is decided anew is decided anew.
bool Change::add_dependents() {
  std::vector<std::uint32_t> starts(graph_.nodes.size() + 1, 0);
  for (const GraphNode& node : graph_.nodes)
    for (const std::uint32_t dependency : graph_.dependencies(node)) {
      if (dependency >= graph_.nodes.size()) return false;
      ++starts[dependency + 1];
    }
  for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<std::uint32_t> dependents(starts.back());
  std::vector<std::uint32_t> filled(starts.begin(), starts.end() - 1);
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
    for (const std::uint32_t dependency : graph_.dependencies(graph_.nodes[i])) dependents[filled[dependency]++] = i;

  std::vector<std::uint32_t> open;
  for (std::uint32_t i = 0; i < decided_.size(); ++i)
    if (decided_[i]) open.push_back(i);
  while (!open.empty()) {
    const std::uint32_t node = open.back();
    open.pop_back();
    // A node beside the run was planned, and what planning says of it now may be a finding.
    if (graph_.nodes[node].wanted == 0) return false;
    for (std::uint32_t i = starts[node]; i < starts[node + 1]; ++i) {
      const std::uint32_t dependent = dependents[i];
      if (decided_[dependent] || graph_.nodes[dependent].wanted == 0) continue;
      decided_[dependent] = true;
      open.push_back(dependent);
    }
  }
  return true;
}

// Those with nodes that are decided, for their references those with nodes that these depend on, and those that stand
// where everything is read.
bool Change::choose_tables() {
  linked_.assign(graph_.tables.size(), false);
  for (std::uint32_t i = 0; i < decided_.size(); ++i) {
    if (!decided_[i]) continue;
    if (graph_.nodes[i].table >= linked_.size()) return false;
    linked_[graph_.nodes[i].table] = true;
  }
  read_ = linked_;
  for (const GraphNode& node : graph_.nodes) {
    if (node.table >= linked_.size()) return false;
    if (!linked_[node.table]) continue;
    for (const std::uint32_t dependency : graph_.dependencies(node)) read_[graph_.nodes[dependency].table] = true;
  }
  std::vector<bool> apart(read_.size(), false);
  for (const File& file : files_)
    for (const GraphPiece& piece : file.pieces)
      if (piece.table < apart.size()) apart[piece.table] = true;
  for (std::size_t i = 0; i < read_.size(); ++i) read_[i] = read_[i] || !apart[i];
  const auto count = static_cast<std::size_t>(std::ranges::count(read_, true));
  if (count > few_tables && count > read_.size() / 2) return false;
  for (std::uint32_t i = 0; i < read_.size(); ++i) {
    if (!read_[i]) continue;
    const std::string_view title = graph_.text(graph_.tables[i].title);
    if (looks_at_all_targets(title) || !tables_by_title_.emplace(title, i).second) return false;
  }
  return true;
}

bool Change::complete() {
  if (!add_dependents() || !choose_tables()) return false;
  collect_paths();
  return true;
}

void Change::collect_paths() {
  const char* const root = snapshot_.text(snapshot_.header().root);
  const std::string inside = std::string(root == nullptr ? "" : root) + "/";
  const auto concerns = [&](std::uint32_t asker) {
    if (asker == SourceTree::everybody) return true;
    return asker < graph_.nodes.size() && read_[graph_.nodes[asker].table];
  };
  for (const SnapshotDirectory& directory : snapshot_.directories()) {
    const char* const above = snapshot_.text(directory.path);
    for (const SnapshotLook& look : snapshot_.looks(directory)) {
      const char* const name = snapshot_.text(look.name);
      if (above == nullptr || name == nullptr || look.present == 0 || look.type == FileType::directory) continue;
      if (!std::ranges::any_of(graph_.askers(look.askers), concerns)) continue;
      std::string path = above;
      if (!path.ends_with('/')) path += '/';
      path += name;
      paths_.push_back(path.starts_with(inside) ? path.substr(inside.size()) : std::move(path));
    }
  }
}

Result<ChosenText> Change::read(const std::string& path, PipelineWorld& world) const {
  const auto known =
      std::ranges::find(graph_.files, path, [this](const GraphFile& file) { return graph_.text(file.path); });
  if (known == graph_.files.end()) {  // then there will be more nodes than there should be, if it has any
    Result<std::string> text = world.read_file(path);
    if (!text) return std::unexpected(std::move(text.error()));
    const TomlStretch whole{0, text->size(), 0};
    return ChosenText{*std::move(text), {whole}};
  }
  const File& file = files_[static_cast<std::size_t>(known - graph_.files.begin())];
  ChosenText chosen;
  std::vector<const GraphPiece*> pieces;
  std::vector<ByteStretch> stretches;
  std::size_t size = 0;
  for (std::size_t i = 0; i < file.pieces.size(); ++i) {
    const GraphPiece& piece = file.pieces[i];
    if (piece.table < read_.size() && !read_[piece.table]) continue;
    const std::size_t end = i + 1 < file.pieces.size() ? file.pieces[i + 1].begin : file.bytes;
    if (end < piece.begin) return fail(ErrorKind::corrupt, "the graph that was kept is damaged");
    if (!stretches.empty() && stretches.back().end == piece.begin)
      stretches.back().end = end;
    else
      stretches.push_back({piece.begin, end});
    chosen.parts.push_back({size, size + (end - piece.begin), piece.lines_before});
    pieces.push_back(&piece);
    size = chosen.parts.back().end;
  }
  Result<std::string> text = world.read_stretches(path, stretches);
  if (!text) return std::unexpected(std::move(text.error()));
  chosen.text = *std::move(text);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const TomlStretch& part = chosen.parts[i];
    if (fast_digest(std::string_view(chosen.text).substr(part.begin, part.end - part.begin)) != pieces[i]->sum)
      return fail(ErrorKind::io, fmt::format("`{}` has changed while it was read", path));
  }
  return chosen;
}

bool Change::links(std::string_view title) const {
  const auto table = tables_by_title_.find(title);
  return table != tables_by_title_.end() && linked_[table->second];
}

bool Change::fits(const Graph& graph) {
  std::unordered_map<std::string_view, std::uint32_t> expected;
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
    if (read_[graph_.nodes[i].table]) expected.emplace(graph_.text(graph_.nodes[i].label), i);
  if (expected.size() != graph.size()) return false;
  whole_ids_.clear();
  for (const Node& node : graph.nodes()) {
    const auto known = expected.find(node.label);
    if (known == expected.end()) return false;
    whole_ids_.push_back(known->second);
    const GraphNode& before = graph_.nodes[known->second];
    if (shape_of(node) != before.shape) return false;
    // Which files a process will turn out to have read, and whose outputs these are, only the whole graph can tell.
    if (decided_[known->second] && !node.depfiles.empty()) return false;
  }
  std::vector<std::uint32_t> dependencies;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const GraphNode& before = graph_.nodes[whole_ids_[i]];
    if (!linked_[before.table]) continue;
    dependencies.clear();
    for (const NodeId id : graph.dependencies(static_cast<NodeId>(i))) dependencies.push_back(whole_id(id));
    std::ranges::sort(dependencies);
    if (!std::ranges::equal(dependencies, graph_.dependencies(before))) return false;
  }
  return true;
}

std::optional<RunScope> Change::scope(const Graph& graph, std::vector<StoredResult> recorded) const {
  RunScope scope{.decide = std::vector<bool>(graph.size()),
                 .found = std::vector<FinishedNode>(graph.size()),
                 .recorded = {},
                 .secrets = {},
                 .around = this,
                 .nodes = 0};
  scope.nodes = static_cast<std::size_t>(
      std::ranges::count_if(graph_.nodes, [](const GraphNode& node) { return node.wanted != 0; }));
  for (const std::uint32_t secret : graph_.secrets) scope.secrets.emplace_back(graph_.text(secret));
  for (StoredResult& stored : recorded) {
    std::string label = stored.label;
    scope.recorded.emplace(std::move(label), std::move(stored));
  }
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const std::uint32_t whole = whole_ids_[i];
    scope.decide[i] = decided_[whole];
    if (decided_[whole] || graph_.nodes[whole].wanted == 0) continue;
    const auto stored = scope.recorded.find(graph.node(static_cast<NodeId>(i)).label);
    if (stored == scope.recorded.end()) return std::nullopt;
    Result<ActionResult> result = read_recorded(stored->second.bytes, graph.node(static_cast<NodeId>(i)).outputs);
    if (!result) return std::nullopt;
    scope.found[i] = {
        .outcome = Outcome::unchanged, .blamed = {}, .key = stored->second.key, .result = *std::move(result)};
  }
  return scope;
}

void Change::add_foreign_outputs(NodeId id, std::vector<std::string>& outputs) const {
  std::vector<bool> upstream(graph_.nodes.size(), false);
  std::vector<std::uint32_t> open(graph_.dependencies(graph_.nodes[whole_id(id)]).begin(),
                                  graph_.dependencies(graph_.nodes[whole_id(id)]).end());
  while (!open.empty()) {
    const std::uint32_t node = open.back();
    open.pop_back();
    if (upstream[node]) continue;
    upstream[node] = true;
    for (const std::uint32_t dependency : graph_.dependencies(graph_.nodes[node])) open.push_back(dependency);
  }
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    if (!upstream[i])
      for (const std::uint32_t output : graph_.outputs(graph_.nodes[i])) outputs.emplace_back(graph_.text(output));
}

bool Change::leaves_open(std::span<const NodeId> open) const {
  if (!open.empty()) return true;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
    if (graph_.nodes[i].open != 0 && !decided_[i]) return true;
  return false;
}

void Change::revise(GraphRevision& graph, std::span<const NodeId> open) const {
  std::vector<bool> is_open(decided_.size(), false);
  for (const NodeId id : open) is_open[whole_id(id)] = true;
  for (std::size_t i = 0; i < decided_.size(); ++i)
    if (decided_[i]) graph.set_open(i, is_open[i]);
  for (std::size_t i = 0; i < files_.size(); ++i) graph.set_pieces(i, files_[i].bytes, files_[i].pieces);
}

GraphIndex Change::index(std::span<const NodeId> open) const {
  GraphIndex index = graph_.without_rows();
  for (std::size_t i = 0; i < index.nodes.size(); ++i)
    if (decided_[i]) index.nodes[i].open = 0;
  for (const NodeId id : open) index.nodes[whole_id(id)].open = 1;
  index.pieces.clear();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    index.files[i].bytes = files_[i].bytes;
    index.files[i].pieces = {static_cast<std::uint32_t>(index.pieces.size()),
                             static_cast<std::uint32_t>(files_[i].pieces.size())};
    index.pieces.insert(index.pieces.end(), files_[i].pieces.begin(), files_[i].pieces.end());
  }
  return index;
}

}  // namespace trilock
