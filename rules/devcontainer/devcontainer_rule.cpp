#include "rules/devcontainer/devcontainer_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cache/hash.hpp"
#include "rules/devcontainer/features.hpp"
#include "rules/devcontainer/template.hpp"
#include "rules/json_document.hpp"

namespace trilock {
namespace {

constexpr std::string_view default_output = ".devcontainer/devcontainer.json";
constexpr std::string_view document_name = "document";  // in Node::kept

constexpr std::array key_list = {
    KeySpec{"template", KeyType::literal, "A devcontainer.json with references; comments may stand in it"},
    KeySpec{"config", KeyType::any_table, "The configuration itself, instead of a template"},
    KeySpec{"image", KeyType::string, "The image of the container; it replaces the one in the configuration"},
    KeySpec{"output", KeyType::literal, "The file to write", {}, false, "\".devcontainer/devcontainer.json\""},
    KeySpec{"tools", KeyType::text_table, "Programs and their versions, as `customizations.trilock.tools`"},
};

// Other ways to name what the container is made of. The reference implementation takes them before `image`.
constexpr std::array<std::string_view, 3> other_sources = {"build", "dockerFile", "dockerComposeFile"};

void check_tools(const Target& target, Diagnostics& diagnostics) {
  const Config* tools = target.table.find("tools");
  if (tools == nullptr || tools->table() == nullptr) return;
  for (const ConfigEntry& entry : tools->table()->entries) {
    const Text* version = entry.value.text();
    if (version == nullptr) continue;
    if (version->is_literal() &&
        (version->literal.empty() || version->literal.find_first_of(" \t\n") != std::string::npos)) {
      diagnostics.error(entry.value.place, fmt::format("`{}` is no version of `{}`", version->literal, entry.key));
    } else if (version->is_literal() && version->literal == "latest") {
      diagnostics.warning(entry.value.place, fmt::format("`latest` pins no version of `{}`", entry.key),
                          "two containers of one configuration may get different programs");
    }
  }
}

DocumentObject& object_at(DocumentObject& parent, const std::string& key) {
  Document* found = parent.find(key);
  if (found == nullptr || found->object() == nullptr) {
    std::erase_if(parent.members, [&](const DocumentMember& member) { return member.key == key; });
    parent.members.push_back({key, Document{DocumentObject{}}});
    found = &parent.members.back().value;
  }
  return *found->object();
}

// In the place of the image that the template names, else after `name`, where a reader looks for it.
void pin_image(const Target& target, Place place, DocumentObject& document, Diagnostics& diagnostics) {
  const Config* image = target.table.find("image");
  if (image == nullptr || image->text() == nullptr) return;
  for (const auto other : other_sources) {
    if (document.find(other) == nullptr) continue;
    diagnostics
        .error(image->place, fmt::format("the configuration has `{}`, which wins over `image`", other),
               fmt::format("remove `{}` there, or `image` here", other))
        .notes.push_back({"the configuration is named here", place});
  }
  if (Document* present = document.find("image")) {
    *present = document_of(*image->text());
    return;
  }
  const bool named = !document.members.empty() && document.members.front().key == "name";
  document.members.insert(document.members.begin() + (named ? 1 : 0), {"image", document_of(*image->text())});
}

void add_tools(const Target& target, DocumentObject& document) {
  const Config* tools = target.table.find("tools");
  if (tools == nullptr || tools->table() == nullptr) return;
  DocumentObject& own = object_at(object_at(document, "customizations"), "trilock");
  std::erase_if(own.members, [](const DocumentMember& member) { return member.key == "tools"; });
  own.members.push_back({"tools", document_of(*tools->table())});
}

std::optional<Document> read_configuration(const Target& target, PlanContext& context, Node& node) {
  const Config* file = target.table.find("template");
  const Config* inline_table = target.table.find("config");
  if (file != nullptr && inline_table != nullptr) {
    context.diagnostics.error(inline_table->place, "`template` and `config` exclude each other", "keep one of them")
        .notes.push_back({"the template is named here", file->place});
    return std::nullopt;
  }
  if (inline_table != nullptr && inline_table->table() != nullptr) return document_of(*inline_table->table());
  if (file == nullptr || file->text() == nullptr) {
    context.diagnostics.error(target.place, fmt::format("[{}] has neither `template` nor `config`", target.label),
                              "`template` names a devcontainer.json with references, `config` is a table instead");
    return std::nullopt;
  }
  const auto path = workspace_path(node.dir, file->text()->literal, file->place, context.diagnostics);
  if (path.empty()) return std::nullopt;
  node.inputs.insert(node.inputs.begin(), {quote_pattern(path), false, file->place});
  return read_template(path, file->place, target, context);
}

}  // namespace

std::string_view DevcontainerRule::description() const {
  return "Writes a devcontainer.json with its image pinned";
}

std::span<const KeySpec> DevcontainerRule::keys() const {
  return key_list;
}

std::span<const std::string_view> DevcontainerRule::one_of() const {
  static constexpr std::array<std::string_view, 2> names = {"template", "config"};
  return names;
}

std::span<const std::string_view> DevcontainerRule::values() const {
  static constexpr std::array<std::string_view, 1> names = {"sha256"};
  return names;
}

void DevcontainerRule::plan(const Target& target, PlanContext& context, Node& node) const {
  const Config* named = target.table.find("output");
  const Place output_place = named == nullptr ? target.place : named->place;
  const auto output = output_path("output", node.dir, literal_or(target.table, "output", default_output), output_place,
                                  context.diagnostics);
  check_tools(target, context.diagnostics);
  auto document = read_configuration(target, context, node);
  if (output.empty()) return;
  node.outputs.push_back({"", output, output_place});
  node.exclusive.push_back(output);
  if (!document) return;

  const Config* file = target.table.find("template");
  const Place place = file != nullptr ? file->place : place_of(target.table, "config", target.place);
  check_local_features(*document, output, place, context);
  pin_image(target, place, *document->object(), context.diagnostics);
  add_tools(target, *document->object());
  Text written = write_document(*document, 2);
  written.literal += '\n';
  add_references(written, node);
  node.kept.emplace_back(document_name, std::move(written));
}

Result<Action> DevcontainerRule::resolve(const Node& node, const Target&, ResolveContext& context) const {
  const auto kept =
      std::find_if(node.kept.begin(), node.kept.end(), [](const auto& entry) { return entry.first == document_name; });
  if (kept == node.kept.end() || node.outputs.empty()) {
    return fail(ErrorKind::invalid, fmt::format("`{}` was not planned", node.label));
  }
  const std::string& output = node.outputs.back().path;
  Action action;
  action.rule = name();
  action.cache = node.cache;
  action.outputs = node.outputs;
  // Paths in the file are seen from the folder that it lies in.
  const auto slash = output.rfind('/');
  const auto dir = slash == std::string::npos ? std::string() : output.substr(0, slash);
  action.writes.push_back({output, fill_document(kept->second, dir, context), 0644});
  return action;
}

Result<Collected> DevcontainerRule::collect(const Node&, const Action& action, const Run&) const {
  return Collected{{{"sha256", strong_digest(action.writes.back().content).hex()}}, {}};
}

}  // namespace trilock
