// What `trilock init` makes of devcontainer.json files. The file that is there stays where it is and as it is: what
// trilock writes is a second configuration beside it, in a folder of its own, which editors offer as well.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "rules/devcontainer/devcontainer_rule.hpp"
#include "rules/draft.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

constexpr std::string_view devcontainer_folder = ".devcontainer";

// Where containers.dev says that configurations are: at the top, in .devcontainer, or one folder below that.
bool is_configuration(std::string_view path) {
  if (path == ".devcontainer.json" || path == ".devcontainer/devcontainer.json") return true;
  return file_name(path) == "devcontainer.json" && parent_path(parent_path(path)) == devcontainer_folder;
}

bool is_template(std::string_view path) {
  const std::string dir = parent_path(path);
  return (dir.empty() || dir == devcontainer_folder) && path.ends_with(".json") && path.contains("template") &&
         path.contains("devcontainer");
}

std::string text_at(const JsonObject& object, std::string_view key) {
  const Json* value = object.find(key);
  return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
}

// A value as TOML on one line; "" for what TOML cannot hold.
std::string toml_value(const Json& value) {
  if (const std::string* text = value.string()) return toml_reference(*text);
  if (const JsonArray* array = value.array()) {
    std::string list = "[";
    for (const Json& element : *array) {
      const std::string item = toml_value(element);
      if (!item.empty()) list += (list.size() > 1 ? ", " : "") + item;
    }
    return list + "]";
  }
  if (const JsonObject* object = value.object()) {
    std::string table = "{";
    for (const auto& [key, member] : object->members) {
      const std::string item = toml_value(member);
      if (!item.empty()) table += fmt::format("{} {} = {}", table.size() > 1 ? "," : "", toml_key(key), item);
    }
    return table.size() > 1 ? table + " }" : "{}";
  }
  if (std::holds_alternative<std::nullptr_t>(value.data)) return {};
  return write_json(value);
}

// Plain values first, then tables: in TOML a table ends the one before it.
void write_table(const std::string& path, const JsonObject& object, std::vector<std::string>& lines) {
  lines.push_back(fmt::format("[{}]", path));
  for (const auto& [key, value] : object.members) {
    if (value.object() != nullptr && !value.object()->members.empty()) continue;
    const std::string written = toml_value(value);
    if (!written.empty()) lines.push_back(fmt::format("{} = {}", toml_key(key), written));
  }
  for (const auto& [key, value] : object.members)
    if (value.object() != nullptr && !value.object()->members.empty())
      write_table(fmt::format("{}.{}", path, toml_key(key)), *value.object(), lines);
}

std::string clean_path(const std::string& dir, std::string_view path) {
  std::string clean = (std::filesystem::path(dir) / path).lexically_normal().generic_string();
  while (clean.ends_with('/')) clean.pop_back();
  return clean == "." ? std::string() : clean;
}

class Drafter {
 public:
  Drafter(const Folder& folder, Draft& draft) : folder_(folder), draft_(draft) {}

  void run() {
    bool any = false;
    for (const std::string& path : folder_.files) {
      if (!is_configuration(path)) continue;
      any = true;
      add(path);
    }
    for (const std::string& path : folder_.files)
      if (!any && is_template(path)) {
        any = true;
        add_template(path);
      }
    if (!any) suggest();
  }

 private:
  void add(const std::string& path) {
    const auto text = folder_.read(path);
    const auto json =
        text ? parse_json(*text, JsonDialect::with_comments) : Result<Json>(std::unexpected(text.error()));
    if (!json || json->object() == nullptr) {
      draft_.left_out.push_back({path, json ? "is no JSON object" : json.error().message});
      return;
    }
    JsonObject configuration = *json->object();
    if (configuration.find("dockerComposeFile") != nullptr) {
      draft_.left_out.push_back({path, "is made of a compose file; trilock pins one image"});
      return;
    }
    const std::optional<std::string> built = add_image(path, configuration);
    if (!built) return;
    const std::string& image = *built;
    const bool local = has_local_features(configuration);
    DraftNode& node = draft_.add("devcontainer", name_of(path));
    node.set("description", toml_text(fmt::format("{} with its image pinned", path)));
    const std::string output = output_of(node.name);
    node.comments.push_back(fmt::format("{} stays as it is. The pinned one is written beside it, where", path));
    node.comments.emplace_back(
        "editors find it as a second configuration. To have only that one, move yours to another");
    node.comments.emplace_back("name, name it in `template`, and leave `output` out.");
    if (image.empty() && !local) {
      node.set("template", toml_text(path));
      suggest_image(node);
    } else {
      if (!image.empty()) node.set("image", toml_reference(fmt::format("${{{}.ref}}", image)));
      write_configuration(path, output, std::move(configuration), node);
    }
    node.set("output", toml_text(output));
    draft_.outputs.push_back(output);
    draft_.found.push_back({path, image.empty() ? "devcontainer" : fmt::format("devcontainer on {}", image)});
  }

  static std::string name_of(const std::string& path) {
    const std::string dir = parent_path(path);
    return dir.empty() || dir == devcontainer_folder ? "dev" : valid_name(file_name(dir), "dev");
  }

  // A folder that is not there yet: what trilock writes must replace nothing.
  std::string output_of(const std::string& name) const {
    const std::string stem = name == "dev" ? "locked" : name + "-locked";
    std::string dir = fmt::format("{}/{}", devcontainer_folder, stem);
    for (int n = 2; folder_.tree.exists(dir); ++n) dir = fmt::format("{}/{}-{}", devcontainer_folder, stem, n);
    return dir + "/devcontainer.json";
  }

  // The image node for the Dockerfile that the configuration builds: one that is there, or a new one. "" when it builds
  // none, empty when its Dockerfile cannot be used.
  std::optional<std::string> add_image(const std::string& path, const JsonObject& configuration) {
    const Json* build = configuration.find("build");
    const JsonObject* settings = build == nullptr ? nullptr : build->object();
    std::string dockerfile =
        settings == nullptr ? text_at(configuration, "dockerFile") : text_at(*settings, "dockerfile");
    if (dockerfile.empty()) return "";
    const std::string dir = parent_path(path);
    dockerfile = clean_path(dir, dockerfile);
    std::string context = text_at(settings == nullptr ? configuration : *settings, "context");
    context = clean_path(dir, context.empty() ? "." : context);
    if (!folder_.tree.exists(dockerfile) || context.starts_with("..")) {
      draft_.left_out.push_back({path, fmt::format("builds `{}`, which is not in this folder", dockerfile)});
      return std::nullopt;
    }
    const std::string target = settings == nullptr ? "" : text_at(*settings, "target");
    for (DraftNode& node : draft_.nodes) {
      if (node.rule != "image" || !builds(node, dockerfile)) continue;
      if (!lies_below(dockerfile, devcontainer_folder) && !same_build(node, context, target, settings)) continue;
      configure(node, context, target, settings);
      return node.label();
    }
    if (std::ranges::any_of(draft_.left_out, [&](const DraftRemark& remark) { return remark.path == dockerfile; }))
      return std::nullopt;
    DraftNode& node = draft_.add("image", name_of(path));
    node.set("description", toml_text(fmt::format("the image of {}", path)));
    if (dockerfile != "Dockerfile") node.set("dockerfile", toml_text(dockerfile));
    configure(node, context, target, settings);
    node.set("tags",
             toml_list({fmt::format("localhost/{}-{}:dev", lower_case(draft_.project), lower_case(node.name))}));
    return node.label();
  }

  static std::string lower_case(std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
  }

  static bool builds(const DraftNode& node, const std::string& dockerfile) {
    const DraftKey* key = node.key("dockerfile");
    return key == nullptr ? dockerfile == "Dockerfile" : key->value == toml_text(dockerfile);
  }

  static bool same_build(const DraftNode& node, const std::string& context, const std::string& target,
                         const JsonObject* settings) {
    const DraftKey* own_context = node.key("context");
    const DraftKey* own_target = node.key("target");
    const bool contexts = own_context == nullptr ? context.empty() : own_context->value == toml_text(context);
    const bool targets = target.empty() || (own_target != nullptr && own_target->value == toml_text(target));
    return contexts && targets && (settings == nullptr || settings->find("args") == nullptr);
  }

  // As the configuration builds it, so that the image is the one that the editor had.
  static void configure(DraftNode& node, const std::string& context, const std::string& target,
                        const JsonObject* settings) {
    node.switched_on = true;
    if (context.empty())
      std::erase_if(node.keys, [](const DraftKey& key) { return key.name == "context"; });
    else
      node.set("context", toml_text(context));
    if (!target.empty()) node.set("target", toml_text(target));
    const Json* args = settings == nullptr ? nullptr : settings->find("args");
    if (args != nullptr && args->object() != nullptr && !args->object()->members.empty())
      node.set("args", toml_value(*args));
  }

  static bool has_local_features(const JsonObject& configuration) {
    const Json* features = configuration.find("features");
    if (features == nullptr || features->object() == nullptr) return false;
    return std::ranges::any_of(features->object()->members, [](const JsonMember& member) {
      return member.first.starts_with("./") || member.first.starts_with("../");
    });
  }

  // The configuration as tables of the pipeline, without what `image` stands for, its paths as seen from the output.
  static void write_configuration(const std::string& path, const std::string& output, JsonObject configuration,
                                  DraftNode& node) {
    for (const std::string_view key : {"build", "dockerFile", "context"})
      std::erase_if(configuration.members, [&](const JsonMember& member) {
        return member.first == key && (key != "context" || member.second.string() != nullptr);
      });
    if (Json* features = configuration.find("features"); features != nullptr && features->object() != nullptr)
      for (auto& [id, options] : std::get<JsonObject>(features->data).members)
        if (id.starts_with("./") || id.starts_with("../"))
          id = std::filesystem::path(clean_path(parent_path(path), id))
                   .lexically_relative(parent_path(output))
                   .generic_string();
    write_table(fmt::format("{}.config", node.label()), configuration, node.tables);
  }

  void suggest_image(DraftNode& node) const {
    const auto image = std::ranges::find(draft_.nodes, "image", &DraftNode::rule);
    if (image != draft_.nodes.end() && image->switched_on)
      node.suggest("image", toml_reference(fmt::format("${{{}.ref}}", image->label())), "the image, pinned");
  }

  void add_template(const std::string& path) {
    DraftNode& node = draft_.add("devcontainer", "dev");
    node.set("description", "\"devcontainer.json with its image pinned\"");
    node.set("template", toml_text(path));
    const auto image = std::ranges::find(draft_.nodes, "image", &DraftNode::rule);
    if (image != draft_.nodes.end() && image->switched_on)
      node.set("image", toml_reference(fmt::format("${{{}.ref}}", image->label())));
    draft_.outputs.emplace_back(".devcontainer/devcontainer.json");
    draft_.found.push_back({path, "template of a devcontainer.json"});
  }

  void suggest() {
    const auto image = std::ranges::find(draft_.nodes, "image", &DraftNode::rule);
    if (image == draft_.nodes.end() || !image->switched_on) return;
    const std::string label = image->label();
    DraftNode& node = draft_.add("devcontainer", "dev");
    node.comments = {"What an editor opens: .devcontainer/devcontainer.json, with the image pinned."};
    node.set("image", toml_reference(fmt::format("${{{}.ref}}", label)));
    node.set("config", fmt::format("{{ name = {} }}", toml_text(draft_.project)));
    node.switched_on = false;
  }

  const Folder& folder_;
  Draft& draft_;
};

}  // namespace

void DevcontainerRule::draft(const Folder& folder, Draft& draft) const {
  Drafter(folder, draft).run();
}

}  // namespace trilock
