#include "engine/read_variables.hpp"

#include <fmt/format.h>

#include <string>
#include <unordered_map>

namespace trilock {
namespace {

using FilesByPath = std::unordered_map<std::string, const Pipeline::ReadFile*>;

// The path and all folders above it.
void add_path(const std::string& path, const Pipeline::ReadFile& file, FilesByPath& files) {
  for (std::size_t end = path.size(); end != 0 && end != path.npos; end = path.rfind('/', end - 1))
    files.emplace(path.substr(0, end), &file);
}

}  // namespace

void report_written_variables(const Graph& graph, std::span<const Pipeline::ReadFile> files, const SourceTree& tree,
                              Diagnostics& diagnostics) {
  if (files.empty()) return;
  FilesByPath by_path;
  for (const Pipeline::ReadFile& file : files) {
    add_path(file.path, file, by_path);
    add_path(tree.resolved(file.path), file, by_path);
  }
  for (const Node& node : graph.nodes())
    for (const OutputSpec& output : node.outputs) {
      const auto found = by_path.find(output.path);
      if (found == by_path.end()) continue;
      const Pipeline::ReadFile& file = *found->second;
      diagnostics
          .error(output.place,
                 file.path == output.path
                     ? fmt::format("{} writes `{}`, which a variable is read from", node.label, output.path)
                     : fmt::format("{} writes `{}`, which holds `{}`, which a variable is read from", node.label,
                                   output.path, file.path),
                 "variables are read before anything runs: let nodes that need the new content refer to the output")
          .notes.push_back({"the variable is read here", file.place});
    }
}

}  // namespace trilock
