// What `trilock init` makes of the programs that a folder calls by other means: a linter whose configuration is there,
// and the targets of Taskfile and Makefile. A target may do anything, so it is written down switched off.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cache/glob.hpp"
#include "rules/command/build_files.hpp"
#include "rules/command/command_rule.hpp"
#include "rules/draft.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

constexpr std::size_t max_targets = 20;

constexpr std::array<std::string_view, 4> linter_files = {".golangci.yml", ".golangci.yaml", ".golangci.toml",
                                                          ".golangci.json"};
constexpr std::array<std::string_view, 8> taskfile_names = {
    "Taskfile.yml",      "taskfile.yml",      "Taskfile.yaml",      "taskfile.yaml",
    "Taskfile.dist.yml", "taskfile.dist.yml", "Taskfile.dist.yaml", "taskfile.dist.yaml"};
constexpr std::array<std::string_view, 3> makefile_names = {"GNUmakefile", "makefile", "Makefile"};
constexpr std::array<std::string_view, 4> compose_names = {"compose.yaml", "compose.yml", "docker-compose.yaml",
                                                           "docker-compose.yml"};

template <class Names>
bool is_one_of(std::string_view name, const Names& names) {
  return std::ranges::find(names, name) != names.end();
}

class Drafter {
 public:
  Drafter(const Folder& folder, Draft& draft) : folder_(folder), draft_(draft) {}

  void run() {
    for (const std::string& path : folder_.files) {
      const std::string_view name = file_name(path);
      if (is_one_of(name, linter_files)) add_linters(path);
      if (is_one_of(name, compose_names))
        draft_.left_out.push_back({path, "a compose file; trilock starts no services"});
      if (path.contains('/') && (is_one_of(name, taskfile_names) || is_one_of(name, makefile_names)))
        draft_.left_out.push_back({path, "only targets of the top folder are written down"});
    }
    add_first(taskfile_names, "task", taskfile_targets);
    add_first(makefile_names, "make", makefile_targets);
    for (Inputs& inputs : inputs_) write_inputs(inputs);
  }

 private:
  // What a node reads, kept until it is known what all of them write.
  struct Inputs {
    std::string label;
    std::string dir;
    std::vector<std::string> patterns;
    std::vector<std::string> outputs;  // its own
  };

  // One for the module beside the configuration, or for each below it: that is where golangci-lint finds it from.
  void add_linters(const std::string& path) {
    const std::string dir = parent_path(path);
    if (folder_.has(dir.empty() ? "go.mod" : dir + "/go.mod")) return add_linter(path, dir);
    for (const std::string& file : folder_.files)
      if (file_name(file) == "go.mod" && lies_below(file, dir)) add_linter(path, parent_path(file));
  }

  void add_linter(const std::string& path, const std::string& dir) {
    const std::string prefix = dir.empty() ? "" : dir + "/";
    std::vector<std::string> inputs = {"**/*.go"};
    for (const std::string_view file : {"go.mod", "go.sum"})
      if (folder_.has(prefix + std::string(file))) inputs.emplace_back(file);
    inputs.push_back(quote_pattern(relative_to(dir, path)));
    DraftNode& node = draft_.add("command", dir.empty() ? "lint" : "lint-" + valid_name(file_name(dir), "module"));
    node.set("description", "\"golangci-lint\"");
    if (!dir.empty()) node.set("dir", toml_text(dir));
    node.set("run", R"(["golangci-lint", "run", "./..."])");
    inputs_.push_back({node.label(), dir, std::move(inputs), {}});
    draft_.found.push_back({path, "golangci-lint"});
  }

  template <class Names>
  void add_first(const Names& names, std::string_view tool, std::vector<BuildTarget> (*read)(std::string_view)) {
    for (const std::string_view name : names) {
      if (!folder_.has(name)) continue;
      const std::string path(name);
      if (const auto text = folder_.read(path))
        add_targets(path, tool, read(*text));
      else
        draft_.left_out.push_back({path, text.error().message});
      return;
    }
  }

  void add_targets(const std::string& path, std::string_view tool, const std::vector<BuildTarget>& targets) {
    std::size_t written = 0;
    for (const BuildTarget& target : targets) {
      if (target.name == "default" || target.name == "all" || target.name == "help" || target.name == "clean") continue;
      if (written == max_targets) {
        draft_.left_out.push_back({path, fmt::format("only the first {} targets are written down", max_targets)});
        break;
      }
      ++written;
      add_target(path, tool, target);
    }
    draft_.found.push_back(
        {path, fmt::format("{} target{}, written down switched off", written, written == 1 ? "" : "s")});
  }

  void add_target(const std::string& path, std::string_view tool, const BuildTarget& target) {
    DraftNode& node = draft_.add("command", valid_name(target.name, "target"));
    node.switched_on = false;
    if (!target.description.empty()) node.set("description", toml_text(target.description));
    node.set("run", toml_list({std::string(tool), target.name}));
    node.set("inputs", "[]", "name what it reads: without that, it runs once and never again");
    std::vector<std::string> inputs;
    for (const std::string& source : target.sources)
      if (is_input(source)) inputs.push_back(source);
    std::vector<std::string> outputs;
    for (const std::string& result : target.results)
      if (is_literal_pattern(result) && !folder_.tree.exists(result)) outputs.push_back(result);
    if (!outputs.empty()) node.set("outputs", toml_list(outputs));
    draft_.outputs.insert(draft_.outputs.end(), outputs.begin(), outputs.end());
    if (!inputs.empty()) inputs.push_back(path);
    inputs_.push_back({node.label(), "", std::move(inputs), std::move(outputs)});
  }

  // A wildcard must not reach what another node writes, or the order of the two would decide what is read.
  void write_inputs(Inputs& inputs) {
    const auto node = std::ranges::find(draft_.nodes, inputs.label, &DraftNode::label);
    if (inputs.patterns.empty()) return;
    const bool wild = !std::ranges::all_of(inputs.patterns, is_literal_pattern);
    for (const std::string& output : draft_.outputs) {
      const bool own = std::ranges::find(inputs.outputs, output) != inputs.outputs.end();
      if (!wild || own || !lies_below(output, inputs.dir)) continue;
      const std::string seen = output.substr(inputs.dir.empty() ? 0 : inputs.dir.size() + 1);
      inputs.patterns.push_back("!" + quote_pattern(seen));
    }
    node->set("inputs", toml_list(inputs.patterns));
  }

  // A file that is there, or a pattern.
  bool is_input(const std::string& source) const {
    if (source.starts_with('/') || source.contains("..")) return false;
    return is_literal_pattern(source) ? folder_.tree.exists(source) : check_pattern(source).empty();
  }

  const Folder& folder_;
  Draft& draft_;
  std::vector<Inputs> inputs_;
};

}  // namespace

void CommandRule::draft(const Folder& folder, Draft& draft) const {
  Drafter(folder, draft).run();
}

}  // namespace trilock
