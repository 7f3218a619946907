#include "engine/output_links.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cache/glob.hpp"
#include "cache/links.hpp"
#include "cache/output_check.hpp"

namespace trilock {
namespace {

class Directories {
 public:
  explicit Directories(SourceTree& tree) : tree_(tree) {}

  // The directory as it is named without symlinks.
  const std::string& real(const std::string& directory) {
    if (const auto known = real_.find(directory); known != real_.end()) return known->second;
    return real_.emplace(directory, find(directory)).first->second;
  }

 private:
  std::string find(const std::string& directory) {
    if (directory.empty()) return {};
    const std::string_view above = parent_path(directory);
    const std::string& real_above = real(std::string(above));
    std::string name = directory.substr(above.empty() ? 0 : above.size() + 1);
    std::string path = real_above.empty() ? std::move(name) : real_above + "/" + name;
    const Result<FileStat> stat = tree_.disk().stat(tree_.absolute(path));
    if (!stat || stat->type != FileType::symlink) return path;
    const Result<LinkEnd> end = follow_links(tree_, path);
    if (!end) return path;
    tree_.note_link(directory, end->path);
    return end->path;
  }

  SourceTree& tree_;
  std::unordered_map<std::string, std::string> real_;
};

}  // namespace

void follow_output_links(std::span<Node> nodes, SourceTree& tree) {
  Directories directories(tree);
  std::string last;
  bool last_is_real = true;  // at first the workspace
  const auto is_real = [&](std::string_view directory) {
    if (directory != last) {
      last = directory;
      last_is_real = directories.real(last) == last;
    }
    return last_is_real;
  };
  const auto follow = [&](OutputSpec& output) {
    if (is_real(parent_path(output.path))) return;
    const std::string& real = directories.real(last);
    const std::string_view name = std::string_view(output.path).substr(last.size() + 1);
    output.real = real.empty() ? std::string(name) : real + "/" + std::string(name);
  };
  for (Node& node : nodes) {
    for (OutputSpec& output : node.outputs) follow(output);
    for (OutputSpec& depfile : node.depfiles) follow(depfile);
  }
  // Only for the tree to know: what a node writes by one name others may read by another.
  for (const Node& node : nodes)
    for (const InputPattern& input : node.inputs)
      static_cast<void>(
          is_real(is_literal_pattern(input.pattern) ? parent_path(input.pattern) : literal_prefix(input.pattern)));
}

}  // namespace trilock
