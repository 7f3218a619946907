#include "engine/undeclared_programs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cache/output_check.hpp"
#include "engine/process.hpp"
#include "rules/programs.hpp"
#include "rules/rule.hpp"
#include "schemas/findings.hpp"

namespace trilock {
namespace {

// Where a standard program is the system's. One that lies elsewhere is somebody's choice, and worth naming.
bool is_in_system(std::string_view path) {
  constexpr auto folders = std::to_array<std::string_view>({"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"});
  return std::ranges::find(folders, path.substr(0, path.rfind('/') + 1)) != folders.end();
}

class Programs {
 public:
  Programs(Workspace& workspace, const PlannedPipeline& planned, Findings& findings)
      : workspace_(workspace), tree_(workspace.tree()), planned_(planned), findings_(findings) {}

  void look_at(const Node& node) {
    const auto path = std::ranges::find(node.env, "PATH", &std::pair<std::string, Text>::first);
    if (path != node.env.end() && !path->second.is_literal()) return;
    path_ = path == node.env.end() ? workspace_.environment().path() : path->second.literal;
    const Target& target = planned_.pipeline.targets[node.target];
    const Config* declared = target.table.find("programs");
    std::vector<std::string> names;
    if (declared != nullptr && declared->array() != nullptr)
      for (const Config& element : *declared->array())
        if (const Text* text = element.text(); text != nullptr && text->is_literal()) {
          names.push_back(text->literal);
          if (find(node, text->literal).empty() && !is_output(node, text->literal))
            findings_.warning(element.place, missing(text->literal),
                              fmt::format("{} names it in `programs`, and cannot run without it", node.label));
        }
    // An empty list says that none of them decides anything.
    if (declared == nullptr || (declared->array() != nullptr && !declared->array()->empty()))
      name_started(node, target, std::move(names));
  }

 private:
  void name_started(const Node& node, const Target& target, std::vector<std::string> declared) {
    const StartedPrograms started = registry()[node.rule]->started(target);
    std::vector<std::string> uncounted;
    for (const std::string& name : started.names)
      if (std::ranges::find(declared, name) == declared.end() && is_worth_naming(node, name)) uncounted.push_back(name);
    if (uncounted.empty()) return;
    std::ranges::copy(uncounted, std::back_inserter(declared));
    findings_.note(started.place,
                   fmt::format("{} starts {}, which {} not count", started.by, quote_list(uncounted),
                               uncounted.size() == 1 ? "does" : "do"),
                   fmt::format("declare `programs = [\"{}\"]`, or `programs = []` when they decide nothing",
                               fmt::join(declared, "\", \"")));
  }

  bool is_worth_naming(const Node& node, const std::string& name) {
    const std::string found = find(node, name);
    if (found.empty()) return false;
    if (!name.contains('/')) return !(is_standard_program(name) && is_in_system(found));
    if (name.starts_with('/')) return true;
    return !is_output(node, name) && !is_input(node, path_in_workspace(node, name));
  }

  // A thousand scripts start the same few programs.
  [[nodiscard]] std::string find(const Node& node, const std::string& name) {
    if (name.contains('/')) return find_executable(tree_, name, path_, tree_.absolute(node.dir));
    const auto [known, added] = found_.try_emplace(name + '\0' + path_);
    if (added) known->second = find_executable(tree_, name, path_, "");
    return known->second;
  }

  // "" for one that leads out of it.
  static std::string path_in_workspace(const Node& node, const std::string& name) {
    Diagnostics none;
    return workspace_path(node.dir, name, {}, none);
  }

  // Made by a node, and so counted or not by what depends on it.
  bool is_output(const Node& node, const std::string& name) {
    if (!name.contains('/') || name.starts_with('/')) return false;
    if (outputs_.empty())
      for (const Node& other : planned_.graph.nodes())
        for (const OutputSpec& output : other.outputs) outputs_.insert(output.path);
    const std::string path = path_in_workspace(node, name);
    for (std::string_view at = path; !at.empty(); at = parent_path(at))
      if (outputs_.contains(at)) return true;
    return false;
  }

  bool is_input(const Node& node, const std::string& path) {
    const auto selected = tree_.select(node.inputs, {});
    return !selected || std::ranges::binary_search(*selected, path);
  }

  static std::string missing(const std::string& name) {
    return fmt::format("`{}` {}", name,
                       name.contains('/') ? "does not exist, or cannot be executed" : "is not in PATH");
  }

  Workspace& workspace_;
  SourceTree& tree_;
  const PlannedPipeline& planned_;
  Findings& findings_;
  std::string path_;                                    // of the node that is looked at
  std::unordered_map<std::string, std::string> found_;  // by name and PATH
  std::unordered_set<std::string_view> outputs_;        // of all nodes; into the graph
};

}  // namespace

void find_undeclared_programs(Workspace& workspace, const PlannedPipeline& planned, Diagnostics& diagnostics) {
  Findings findings(diagnostics);
  Programs programs(workspace, planned, findings);
  for (const Node& node : planned.graph.nodes()) programs.look_at(node);
}

}  // namespace trilock
