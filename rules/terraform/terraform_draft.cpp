// What `trilock init` makes of Terraform: a node for each root module, or for each of its environments where it has
// several files of values. Nothing that it writes changes infrastructure: it plans, or only validates.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "rules/draft.hpp"
#include "rules/terraform/configuration.hpp"
#include "rules/terraform/hcl.hpp"
#include "rules/terraform/terraform_rule.hpp"

namespace trilock {
namespace {

bool is_configuration(std::string_view path) {
  return path.ends_with(".tf") || path.ends_with(".tf.json");
}

// Libraries and examples are written to be called by others, by the conventions of the registry ("Standard Module
// Structure").
bool is_library(std::string_view dir) {
  const std::string path = fmt::format("/{}/", dir);
  return path.contains("/modules/") || path.contains("/examples/");
}

bool is_automatic(std::string_view name) {
  return name == "terraform.tfvars" || name == "terraform.tfvars.json" || name.ends_with(".auto.tfvars") ||
         name.ends_with(".auto.tfvars.json");
}

bool is_values(std::string_view name) {
  return name.ends_with(".tfvars") || name.ends_with(".tfvars.json");
}

std::string stem_of(std::string_view name) {
  return std::string(name.substr(0, name.find(".tfvars")));
}

// The names that a file of values may set: words in front of `=` at the start of a line. Too many do no harm.
std::set<std::string> names_set_by(std::string_view text) {
  std::set<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t\","), line.size()));
    const std::size_t word = std::min(line.find_first_of(" \t=\":"), line.size());
    const std::size_t next = line.find_first_not_of(" \t\"", word);
    if (next != line.npos && (line[next] == '=' || line[next] == ':')) names.emplace(line.substr(0, word));
  }
  return names;
}

class Drafter {
 public:
  Drafter(const Folder& folder, Draft& draft) : folder_(folder), draft_(draft) {}

  void run() {
    std::set<std::string> dirs;
    for (const std::string& path : folder_.files)
      if (is_configuration(path)) dirs.insert(parent_path(path));
    std::vector<std::pair<std::string, TerraformConfiguration>> roots;
    std::set<std::string> called;
    for (const std::string& dir : dirs) {
      if (is_library(dir)) continue;
      roots.emplace_back(dir, read_terraform(folder_.tree, dir, false));
      for (const TerraformModule& module : roots.back().second.modules)
        if (module.local) called.insert(module.dir);
    }
    for (auto& [dir, configuration] : roots)
      if (!called.contains(dir)) add_root(dir, configuration);
  }

 private:
  void add_root(const std::string& dir, const TerraformConfiguration& configuration) {
    const std::string shown = dir.empty() ? "." : dir;
    if (!configuration.problems.empty()) {
      draft_.left_out.push_back({shown, configuration.problems.front().message});
      return;
    }
    for (const std::string& path : configuration.files) {
      if (!path.ends_with(".tf") || is_whole(path)) continue;
      draft_.left_out.push_back({shown, fmt::format("`{}` has brackets that do not match", path)});
      return;
    }
    std::set<std::string> set_always;
    std::vector<std::string> environments;
    for (const std::string& path : folder_.files) {
      if (parent_path(path) != dir || !is_values(path)) continue;
      if (is_automatic(file_name(path)))
        set_always.merge(names_in(path));
      else
        environments.emplace_back(file_name(path));
    }
    draft_.found.push_back({shown, describe(configuration, environments)});
    std::string name = valid_name(dir.empty() ? draft_.project : file_name(dir), "main");
    if (name == "terraform") name = "main";
    if (environments.empty()) return add_node(dir, configuration, name, {}, false, set_always);
    for (const std::string& file : environments) {
      const std::string environment = valid_name(stem_of(file), "values");
      std::set<std::string> values = names_in(dir.empty() ? file : fmt::format("{}/{}", dir, file));
      values.insert(set_always.begin(), set_always.end());
      add_node(dir, configuration, environments.size() == 1 ? name : environment, file, environments.size() > 1,
               values);
    }
  }

  // Reading Terraform is forgiving; a file that ends too early would give half of what it declares.
  [[nodiscard]] bool is_whole(const std::string& path) const {
    const auto text = folder_.read(path);
    if (!text) return false;
    int open = 0;
    for (const HclToken& token : tokenize_hcl(*text)) {
      if (token.kind != HclTokenKind::punctuation) continue;
      if (token.text == "{" || token.text == "[" || token.text == "(") ++open;
      if (token.text == "}" || token.text == "]" || token.text == ")") --open;
      if (open < 0) return false;
    }
    return open == 0;
  }

  std::set<std::string> names_in(const std::string& path) const {
    const auto text = folder_.read(path);
    return text ? names_set_by(*text) : std::set<std::string>();
  }

  static std::string describe(const TerraformConfiguration& configuration,
                              const std::vector<std::string>& environments) {
    std::string text = "Terraform root module";
    if (configuration.backend) text += fmt::format(", backend {}", configuration.backend->type);
    if (!configuration.modules.empty())
      text += fmt::format(", {} module{}", configuration.modules.size(), configuration.modules.size() == 1 ? "" : "s");
    if (!environments.empty()) text += fmt::format(", values: {}", fmt::join(environments, ", "));
    return text;
  }

  void add_node(const std::string& dir, const TerraformConfiguration& configuration, const std::string& name,
                const std::string& file, bool own_workspace, const std::set<std::string>& values) {
    DraftNode& node = draft_.add("terraform", name);
    node.set("description",
             toml_text(fmt::format("{}{}{}", dir.empty() ? "Terraform" : dir, file.empty() ? "" : " with ", file)));
    if (!dir.empty()) node.set("dir", toml_text(dir));
    if (own_workspace)
      node.set("workspace", toml_text(node.name), "made when it does not exist; leave it out for `default`");
    else
      node.suggest("workspace", toml_text(node.name), "made when it does not exist; `default` when absent");
    if (!file.empty()) node.set("var-files", toml_list({file}));
    const bool complete = set_variables(configuration, values, node);
    node.set("action", complete ? "\"plan\"" : "\"validate\"",
             complete ? "`apply` changes what is there" : "`plan`, once every variable has a value");
    node.set("approve", "\"manual\"", "with `apply`: nothing is changed before somebody agrees");
    set_exports(configuration, node);
    if (!configuration.opaque_reads.empty())
      node.set("inputs", "[]", fmt::format("name what is read at {}", fmt::join(configuration.opaque_reads, ", ")));
    if (configuration.backend && configuration.backend->type == "s3")
      node.suggest("secret-env", R"(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])",
                   "passed on, never shown or hashed");
  }

  // An image that a variable asks for by its name, as the reference to its digest; "" when none does.
  std::string image_for(std::string_view variable) const {
    if (variable != "image" && variable != "image_ref" && variable != "image_hash" && variable != "image_digest")
      return {};
    const DraftNode* only = nullptr;
    for (const DraftNode& node : draft_.nodes) {
      if (node.rule != "image" || !node.switched_on) continue;
      if (only != nullptr) return {};
      only = &node;
    }
    if (only == nullptr) return {};
    const bool by_name = variable == "image" || variable == "image_ref";
    return fmt::format("${{{}.{}}}", only->label(), by_name ? "ref" : "digest");
  }

  // Whether every variable has a value.
  bool set_variables(const TerraformConfiguration& configuration, const std::set<std::string>& values,
                     DraftNode& node) {
    std::vector<std::string> given;
    std::vector<std::string> open;
    std::vector<std::string> secret;
    for (const TerraformVariable& variable : configuration.variables) {
      if (variable.has_default || values.contains(variable.name)) continue;
      const std::string image = image_for(variable.name);
      if (!image.empty())
        given.push_back(fmt::format("{} = {}", toml_key(variable.name), toml_reference(image)));
      else if (variable.sensitive)
        secret.push_back("TF_VAR_" + variable.name);
      else
        open.push_back(fmt::format("{} = \"\"", toml_key(variable.name)));
    }
    if (!given.empty()) {
      node.set("vars", fmt::format("{{ {} }}", fmt::join(given, ", ")));
      if (!open.empty()) node.comments.push_back(fmt::format("Variables without a value: {}.", fmt::join(open, ", ")));
    } else if (!open.empty()) {
      node.suggest("vars", fmt::format("{{ {} }}", fmt::join(open, ", ")), "they have no default");
    }
    if (!secret.empty()) node.suggest("secret-env", toml_list(secret), "sensitive variables come from the environment");
    return open.empty() && secret.empty();
  }

  static void set_exports(const TerraformConfiguration& configuration, DraftNode& node) {
    std::vector<std::string> exported;
    std::vector<std::string> kept;
    for (const TerraformOutput& output : configuration.outputs)
      (output.sensitive ? kept : exported).push_back(output.name);
    if (!exported.empty())
      node.suggest("exports", toml_list(exported),
                   fmt::format("with `apply`: ${{{}.output.{}}}", node.label(), exported.front()));
    if (!kept.empty())
      node.comments.push_back(fmt::format("Sensitive outputs are not for `exports`: {}.", fmt::join(kept, ", ")));
  }

  const Folder& folder_;
  Draft& draft_;
};

}  // namespace

void TerraformRule::draft(const Folder& folder, Draft& draft) const {
  Drafter(folder, draft).run();
}

}  // namespace trilock
