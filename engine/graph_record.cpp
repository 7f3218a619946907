// What is kept of a graph for runs that will load a part of it.
#include <algorithm>
#include <map>
#include <set>

#include "cache/hash.hpp"
#include "engine/change.hpp"

namespace trilock {
namespace {

class Recorder {
 public:
  Recorder(const PlannedPipeline& planned, const SourceMap& sources, const std::vector<bool>& wanted)
      : planned_(planned), sources_(sources), wanted_(wanted) {}

  GraphIndex run() {
    add_tables();
    for (const auto& [source, tables] : tables_of_) add_file(source, tables);
    std::set<std::string_view> secrets;
    for (std::size_t i = 0; i < planned_.graph.size(); ++i) {
      add_node(static_cast<NodeId>(i));
      for (const std::string& name : planned_.graph.node(static_cast<NodeId>(i)).secret_env) secrets.insert(name);
    }
    for (const std::string_view name : secrets) index_.secrets.push_back(index_.text(name));
    return std::move(index_);
  }

 private:
  struct Header {
    std::uint32_t line = 0;
    std::uint32_t table = 0;
  };

  void add_tables() {
    const std::vector<Target>& targets = planned_.pipeline.targets;
    for (std::uint32_t i = 0; i < targets.size(); ++i) {
      if (i == 0 || targets[i].place != targets[i - 1].place || targets[i].title() != targets[i - 1].title()) {
        const auto table = static_cast<std::uint32_t>(index_.tables.size());
        index_.tables.push_back({index_.text(targets[i].title()), {i, 0}});
        tables_of_[targets[i].place.source].push_back({targets[i].place.line, table});
      }
      ++index_.tables.back().nodes.count;
    }
  }

  void add_file(SourceId source, const std::vector<Header>& headers) {
    const std::string_view text = sources_.text(source);
    GraphFile file{.path = index_.text(sources_.path(source)),
                   .bytes = static_cast<std::uint32_t>(text.size()),
                   .pieces = {static_cast<std::uint32_t>(index_.pieces.size()), 0}};
    // Headers stand in the order of the file.
    auto header = headers.begin();
    const std::vector<TomlPiece> pieces = toml_pieces(text);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const TomlPiece& piece = pieces[i];
      const std::uint32_t lines_end = i + 1 < pieces.size() ? pieces[i + 1].where.lines_before : 0xffffffff;
      std::uint32_t table = GraphPiece::none;
      std::size_t tables = 0;
      for (; header != headers.end() && header->line <= lines_end; ++header, ++tables) table = header->table;
      const bool is_table = tables == 1 && !piece.title.empty() &&
                            planned_.pipeline.targets[index_.tables[table].nodes.first].title() == piece.title;
      index_.pieces.push_back({.sum = fast_digest(text.substr(piece.where.begin, piece.where.end - piece.where.begin)),
                               .begin = static_cast<std::uint32_t>(piece.where.begin),
                               .lines_before = piece.where.lines_before,
                               .table = is_table ? table : GraphPiece::none,
                               .title = is_table ? index_.tables[table].title : index_.text(piece.title)});
      ++file.pieces.count;
    }
    index_.files.push_back(file);
  }

  void add_node(NodeId id) {
    const Node& node = planned_.graph.node(id);
    while (index_of(id) >= index_.tables[table_].nodes.first + index_.tables[table_].nodes.count) ++table_;
    GraphNode kept{.shape = shape_of(node),
                   .label = index_.text(node.label),
                   .table = table_,
                   .dependencies = {static_cast<std::uint32_t>(index_.dependencies.size()), 0},
                   .outputs = {static_cast<std::uint32_t>(index_.outputs.size()), 0},
                   .wanted = wanted_[index_of(id)] ? 1U : 0U};
    for (const NodeId dependency : planned_.graph.dependencies(id))
      index_.dependencies.push_back(static_cast<std::uint32_t>(index_of(dependency)));
    for (const OutputSpec& output : node.outputs)
      if (!is_private_output(output.path)) index_.outputs.push_back(index_.text(output.path));
    for (const OutputSpec& depfile : node.depfiles) index_.outputs.push_back(index_.text(depfile.path));
    kept.dependencies.count = static_cast<std::uint32_t>(index_.dependencies.size()) - kept.dependencies.first;
    kept.outputs.count = static_cast<std::uint32_t>(index_.outputs.size()) - kept.outputs.first;
    index_.nodes.push_back(kept);
  }

  const PlannedPipeline& planned_;
  const SourceMap& sources_;
  const std::vector<bool>& wanted_;
  GraphIndex index_;
  std::map<SourceId, std::vector<Header>> tables_of_;
  std::uint32_t table_ = 0;  // of the node that comes next
};

}  // namespace

GraphIndex index_of_graph(const PlannedPipeline& planned, const SourceMap& sources, const std::vector<bool>& wanted) {
  return Recorder(planned, sources, wanted).run();
}

}  // namespace trilock
