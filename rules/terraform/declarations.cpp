#include "rules/terraform/declarations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/json.hpp"

namespace trilock {
namespace {

template <class T>
T& named(std::vector<T>& list, const std::string& name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const T& item) { return item.name == name; });
  if (found != list.end()) return *found;
  list.push_back({});
  list.back().name = name;
  return list.back();
}

class NativeFile {
 public:
  NativeFile(const HclDocument& document, const std::string& path, TerraformDeclarations& into)
      : tokens_(document.tokens), path_(path), into_(into) {}

  void block(const HclBlock& block) {
    if (block.type == "terraform") return settings(block.body);
    if (block.labels.size() != 1) return;
    if (block.type == "module") {
      auto& module = named(into_.modules, block.labels[0]);
      if (module.place.empty()) module.place = fmt::format("{}:{}", path_, block.line);
      if (const auto source = text(block.body, "source")) module.source = *source;
    } else if (block.type == "variable") {
      auto& variable = named(into_.variables, block.labels[0]);
      sensitive(block.body, variable.sensitive);
      variable.has_default |= block.body.attribute("default") != nullptr;
    } else if (block.type == "output") {
      sensitive(block.body, named(into_.outputs, block.labels[0]).sensitive);
    }
  }

 private:
  void settings(const HclBody& body) {
    if (const auto version = text(body, "required_version")) into_.required_version = *version;
    for (const HclBlock& block : body.blocks) {
      if (block.type == "cloud") into_.backend = TerraformBackend{"cloud", {}, {}};
      if (block.type != "backend" || block.labels.size() != 1) continue;
      into_.backend = TerraformBackend{block.labels[0], text(block.body, "path"), text(block.body, "workspace_dir")};
    }
  }

  std::optional<std::string> text(const HclBody& body, std::string_view name) {
    const auto* attribute = body.attribute(name);
    return attribute == nullptr ? std::nullopt : literal_string(tokens_, attribute->expression);
  }

  void sensitive(const HclBody& body, bool& flag) {
    if (const auto* attribute = body.attribute("sensitive")) flag = is_true(tokens_, attribute->expression);
  }

  const std::vector<HclToken>& tokens_;
  const std::string& path_;
  TerraformDeclarations& into_;
};

// HCL's JSON syntax: a block is an object, or an array of objects; labels are levels of objects.
template <class Visit>
void each_object(const Json* value, const Visit& visit) {
  if (value == nullptr) return;
  if (value->object() != nullptr) visit(*value);
  if (const auto* array = value->array()) {
    for (const Json& item : *array) {
      if (item.object() != nullptr) visit(item);
    }
  }
}

template <class Visit>
void each_labelled(const Json* value, const Visit& visit) {
  each_object(value, [&](const Json& labels) {
    for (const auto& [label, blocks] : labels.object()->members) {
      each_object(&blocks, [&](const Json& block) { visit(label, block); });
    }
  });
}

std::optional<std::string> json_text(const Json& block, std::string_view name) {
  const Json* value = block.at(name);
  if (value == nullptr || value->string() == nullptr) return std::nullopt;
  return *value->string();
}

void json_sensitive(const Json& block, bool& flag) {
  if (const Json* value = block.at("sensitive")) {
    const bool* given = std::get_if<bool>(&value->data);
    flag = given != nullptr && *given;
  }
}

// Every string may be a template. Read as a heredoc, since quotes and line ends mean nothing special there.
void json_calls(const Json& value, std::vector<HclFileCall>& calls) {
  if (const auto* text = value.string(); text != nullptr && text->find("${") != std::string::npos) {
    const auto heredoc = "<<TRILOCK_END\n" + *text + "\nTRILOCK_END\n";
    for (HclFileCall& call : find_file_calls(tokenize_hcl(heredoc))) {
      call.line = 0;
      calls.push_back(std::move(call));
    }
  }
  if (const auto* array = value.array()) {
    for (const Json& item : *array) json_calls(item, calls);
  }
  if (const auto* object = value.object()) {
    for (const auto& [key, member] : object->members) json_calls(member, calls);
  }
}

void read_json(std::string_view text, const std::string& path, TerraformDeclarations& into) {
  const auto document = parse_json(text);
  if (!document) return;
  each_labelled(document->at("module"), [&](const std::string& name, const Json& block) {
    auto& module = named(into.modules, name);
    if (module.place.empty()) module.place = path;
    if (const auto source = json_text(block, "source")) module.source = *source;
  });
  each_labelled(document->at("variable"), [&](const std::string& name, const Json& block) {
    auto& variable = named(into.variables, name);
    json_sensitive(block, variable.sensitive);
    variable.has_default |= block.at("default") != nullptr;
  });
  each_labelled(document->at("output"), [&](const std::string& name, const Json& block) {
    json_sensitive(block, named(into.outputs, name).sensitive);
  });
  each_object(document->at("terraform"), [&](const Json& settings) {
    if (const auto version = json_text(settings, "required_version")) into.required_version = *version;
    if (settings.at("cloud") != nullptr) into.backend = TerraformBackend{"cloud", {}, {}};
    each_labelled(settings.at("backend"), [&](const std::string& type, const Json& block) {
      into.backend = TerraformBackend{type, json_text(block, "path"), json_text(block, "workspace_dir")};
    });
  });
  json_calls(*document, into.file_calls);
}

}  // namespace

void read_declarations(std::string_view text, bool is_json, const std::string& path, TerraformDeclarations& into) {
  if (is_json) return read_json(text, path, into);
  const HclDocument document = parse_hcl(text);
  NativeFile file(document, path, into);
  for (const HclBlock& block : document.body.blocks) file.block(block);
  for (HclFileCall& call : find_file_calls(document.tokens)) into.file_calls.push_back(std::move(call));
}

}  // namespace trilock
