#include "rules/terraform/configuration.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rules/rule.hpp"
#include "rules/terraform/declarations.hpp"

namespace trilock {
namespace {

// A folder may be a module under several keys, so folders in diamonds multiply; both bounds are far beyond what anybody
// writes by intention.
constexpr std::size_t deepest_module = 64;
constexpr std::size_t most_modules = 4096;

bool is_ignored(std::string_view name) {
  return name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
}
bool is_configuration(std::string_view name) {
  return !is_ignored(name) && (name.ends_with(".tf") || name.ends_with(".tf.json"));
}
bool is_override(std::string_view name) {
  const auto stem = name.substr(0, name.size() - (name.ends_with(".json") ? 8 : 3));
  return stem == "override" || stem.ends_with("_override");
}
bool is_test(std::string_view name) {
  return !is_ignored(name) && (name.ends_with(".tftest.hcl") || name.ends_with(".tftest.json"));
}

std::vector<std::string> names_in(SourceTree& tree, const std::string& dir, bool (*wanted)(std::string_view)) {
  std::vector<std::string> names;
  auto entries = tree.list(dir);
  if (!entries) entries = tree.list(dir + "/");  // a module behind a symlink
  if (!entries) return names;
  for (const DirEntry& entry : *entries) {
    if (entry.type != FileType::directory && wanted(entry.name)) names.push_back(entry.name);
  }
  return names;
}

void sort_unique(std::vector<std::string>& paths) {
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
}

class Reader {
 public:
  Reader(SourceTree& tree, std::string root, TerraformConfiguration& out)
      : tree_(tree), root_(std::move(root)), out_(out) {}

  // `key` is "" for the root module.
  void module(const std::string& dir, const std::string& key) {
    TerraformDeclarations declared;
    for (const std::string& name : in_order_of_merging(dir)) file(dir, name, declared);
    if (key.empty()) root(declared);
    open_.push_back(dir);
    for (const DeclaredModule& child : declared.modules) {
      const TerraformModule found = locate(dir, key, child);
      out_.modules.push_back(found);
      if (!found.local) continue;
      if (!tree_.exists(found.dir)) {
        problem(fmt::format("module `{}` in {} has no folder `{}`", child.name, child.place, found.dir),
                fmt::format("`source` is `{}`, seen from `{}`", child.source, dir.empty() ? "." : dir));
        continue;
      }
      // A module that holds itself is an error that Terraform reports.
      const bool holds_itself = std::find(open_.begin(), open_.end(), found.dir) != open_.end();
      if (holds_itself || open_.size() >= deepest_module || out_.modules.size() >= most_modules) continue;
      module(found.dir, found.key);
    }
    open_.pop_back();
  }

 private:
  // Override files come last: what they declare replaces what stands before.
  std::vector<std::string> in_order_of_merging(const std::string& dir) {
    auto names = names_in(tree_, dir, is_configuration);
    std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
      return std::pair<bool, std::string_view>(is_override(a), a) <
             std::pair<bool, std::string_view>(is_override(b), b);
    });
    return names;
  }

  void file(const std::string& dir, const std::string& name, TerraformDeclarations& declared) {
    const auto path = join_path(tree_, dir, name);
    const auto text = tree_.read(path);
    if (!text) {
      problem(text.error().message, text.error().help);
      return;
    }
    out_.files.push_back(path);
    const auto before = declared.file_calls.size();
    read_declarations(*text, name.ends_with(".json"), path, declared);
    for (auto i = before; i < declared.file_calls.size(); ++i) call(dir, path, declared.file_calls[i]);
  }

  void call(const std::string& dir, const std::string& file, const HclFileCall& call) {
    const auto where = call.line == 0 ? file : fmt::format("{}:{}", file, call.line);
    if (!call.is_literal) {
      out_.opaque_reads.push_back(where);
      return;
    }
    const auto path = join_path(tree_, call.base == HclPathBase::module ? dir : root_, call.path);
    if (call.function != "fileset") {
      const auto stat = tree_.stat(path);
      if (stat && stat->type != FileType::directory) out_.read_files.push_back(path);
    } else if (path.starts_with('/')) {
      out_.opaque_reads.push_back(where);
    } else {
      out_.filesets.push_back({path.empty() ? call.pattern : quote_pattern(path) + "/" + call.pattern, false, {}});
    }
  }

  void problem(std::string message, std::string help) {
    const auto same = [&](const TerraformProblem& known) { return known.message == message; };
    if (std::none_of(out_.problems.begin(), out_.problems.end(), same)) {
      out_.problems.push_back({std::move(message), std::move(help)});
    }
  }

  void root(const TerraformDeclarations& declared) {
    out_.variables = declared.variables;
    out_.outputs = declared.outputs;
    out_.backend = declared.backend;
    out_.required_version = declared.required_version;
  }

  TerraformModule locate(const std::string& dir, const std::string& key, const DeclaredModule& child) {
    TerraformModule module{key.empty() ? child.name : key + "." + child.name, child.source, {}, false, child.place};
    if (!child.source.starts_with("./") && !child.source.starts_with("../")) return module;
    module.local = true;
    module.dir = join_path(tree_, dir, child.source);
    return module;
  }

  SourceTree& tree_;
  std::string root_;
  TerraformConfiguration& out_;
  std::vector<std::string> open_;  // folders of the modules that are being read
};

}  // namespace

const TerraformVariable* TerraformConfiguration::variable(std::string_view name) const {
  const auto found = std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.name == name; });
  return found == variables.end() ? nullptr : &*found;
}

const TerraformOutput* TerraformConfiguration::output(std::string_view name) const {
  const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return o.name == name; });
  return found == outputs.end() ? nullptr : &*found;
}

TerraformConfiguration read_terraform(SourceTree& tree, const std::string& dir, bool tests) {
  TerraformConfiguration out;
  const auto listing = tree.list(dir);
  const auto shown = dir.empty() ? std::string(".") : dir;
  if (!listing) {
    const bool absent = listing.error().kind == ErrorKind::not_found;
    out.problems.push_back({absent ? fmt::format("folder `{}` does not exist", shown) : listing.error().message, {}});
    return out;
  }
  Reader(tree, dir, out).module(dir, {});
  if (out.files.empty() && out.problems.empty()) {
    out.problems.push_back({fmt::format("folder `{}` has no Terraform files", shown),
                            "`dir` must name the folder that holds the `*.tf` files of the root module"});
  }
  if (tests) {
    const auto folder = join_path(tree, dir, "tests");
    for (const auto& name : names_in(tree, dir, is_test)) out.files.push_back(join_path(tree, dir, name));
    for (const auto& name : names_in(tree, folder, is_test)) out.files.push_back(join_path(tree, folder, name));
  }
  const auto lock = join_path(tree, dir, ".terraform.lock.hcl");
  if (tree.exists(lock)) out.files.push_back(lock);
  sort_unique(out.files);
  sort_unique(out.read_files);
  sort_unique(out.opaque_reads);
  return out;
}

std::vector<std::string> automatic_variable_files(SourceTree& tree, const std::string& dir) {
  std::vector<std::string> paths;
  for (const char* name : {"terraform.tfvars", "terraform.tfvars.json"}) {
    auto path = join_path(tree, dir, name);
    if (tree.exists(path)) paths.push_back(std::move(path));
  }
  const auto automatic = [](std::string_view name) {
    return !is_ignored(name) && (name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json"));
  };
  for (const auto& name : names_in(tree, dir, automatic)) paths.push_back(join_path(tree, dir, name));
  return paths;
}

std::string join_path(const SourceTree& tree, std::string_view dir, std::string_view path) {
  if (path.starts_with('/')) return tree_path(tree, path);
  return tree_path(tree, fmt::format("{}/{}", tree.absolute(std::string(dir)), path));
}

}  // namespace trilock
