#include "engine/portable_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cache/hash.hpp"
#include "engine/command_text.hpp"
#include "engine/discovered.hpp"

namespace trilock {
namespace {

constexpr std::string_view field_word = "field ";
constexpr std::string_view process_word = "process ";

// Puts each field of the walk where it belongs. A property's value tells any two values apart: what is joined there is
// either quoted or has only its last part free.
class PortableSink final : public KeySink {
 public:
  explicit PortableSink(PortableAction& action) : action_(action) {}

  void field(KeyTag tag, std::string_view name, std::span<const std::string_view> values) override {
    switch (tag) {
      case KeyTag::rule:
        return add("rule", fmt::format("{} {}.{}", name, values[0], values[1]));
      case KeyTag::platform:
        return add("platform", values[0]);
      case KeyTag::command:
        return begin_process(name, values);
      case KeyTag::directory:
        if (process_ == 1 && !values[0].starts_with('\x1f')) {
          action_.working_directory = values[0];
          return;
        }
        return add(fmt::format("directory {}", process_), values[0]);
      case KeyTag::env:
        if (values.size() == 1) {
          action_.environment.push_back({std::string(name), std::string(values[0])});
          return;
        }
        return add(fmt::format("env {} of process {}", name, process_), values[0]);
      case KeyTag::secret:
        if (values.empty()) return add(fmt::format("secret {}", name), "");
        return add(fmt::format("secret {} of process {}", name, process_), "");
      case KeyTag::tool:
        add(fmt::format("identity of {}", name), values[0]);
        return add(fmt::format("tool {}", name), values[1]);
      case KeyTag::program:
        return add(fmt::format("program {}", name), values[0]);
      case KeyTag::field:
        return add(std::string(field_word).append(name), values[0]);
      case KeyTag::write:
        return add(fmt::format("writes {}", name), fmt::format("{} {}", values[0], strong_digest(values[1]).hex()));
      case KeyTag::staged:
        return add(fmt::format("context {}", name), fmt::format("{} {} {}", values[0], values[1], values[2]));
      case KeyTag::depfile:
        return add("depfile", values[0]);
      case KeyTag::upstream:
        return add(fmt::format("from {}", name), values[0]);
      case KeyTag::output:
        action_.output_paths.emplace_back(name);
        if (!values[0].empty()) add(fmt::format("output {}", name), values[0]);
        return;
      case KeyTag::input:
      case KeyTag::discovered:
        return;  // by their SHA-256, which the walk does not have
    }
  }

  void add(std::string name, std::string_view value) {
    action_.properties.push_back({std::move(name), std::string(value)});
  }

 private:
  void begin_process(std::string_view name, std::span<const std::string_view> arguments) {
    ++process_;
    add(fmt::format("{}{}", process_word, process_), name);
    if (process_ == 1)
      action_.arguments.assign(arguments.begin(), arguments.end());
    else
      add(fmt::format("arguments {}", process_), command_line(arguments));
  }

  PortableAction& action_;
  std::size_t process_ = 0;  // which one the fields belong to; from 1
};

// The walk had XXH3; the bytes must be the same ones.
Result<PortableInput> portable_input(const InputState& input, SourceTree& tree) {
  PortableInput portable{.path = input.path,
                         .type = input.type,
                         .mode = input.type == EntryType::symlink && !input.leads_to_file() ? 0 : input.mode,
                         .content = {},
                         .size = 0,
                         .symlink_target = input.symlink_target};
  if (input.type != EntryType::file && !input.leads_to_file()) return portable;
  const Result<ContentDigests> digests = tree.strong_digest(input.path);
  if (!digests) return std::unexpected(digests.error());
  if (digests->fast != input.content)
    return fail(ErrorKind::corrupt, fmt::format("`{}` changed while its digest was taken", input.path));
  portable.content = digests->strong;
  portable.size = digests->size;
  return portable;
}

// "command sh" for "arguments 2", when the second process has that name.
std::string process_title(const PortableAction& action, std::string_view word, std::string_view number) {
  const std::string key = std::string(process_word).append(number);
  const auto process = std::ranges::find(action.properties, key, &Field::name);
  const std::string_view name = process == action.properties.end() ? number : std::string_view(process->value);
  return fmt::format("{} {}", word, name);
}

std::string input_state(const PortableInput& input) {
  if (input.type == EntryType::symlink) return fmt::format("-> {}", input.symlink_target);
  return fmt::format("{:o} {}", input.mode, input.type == EntryType::file ? input.content.hex() : "directory");
}

}  // namespace

Result<PortableAction> portable_action(const KeyMaterial& material, SourceTree& tree, std::string_view name_space) {
  PortableAction action;
  action.salt = name_space;
  PortableSink sink(action);
  walk_key(material, sink);
  for (const DiscoveredInput& input : material.discovered) {
    Result<std::string> content = strong_content_of(tree, input);
    if (!content) return std::unexpected(content.error());
    sink.add(fmt::format("input {}", input.path), *content);
  }
  action.inputs.reserve(material.inputs.size());
  for (const InputState& input : material.inputs) {
    Result<PortableInput> portable = portable_input(input, tree);
    if (!portable) return std::unexpected(portable.error());
    // A symlink of a directory message is its text alone.
    if (input.leads_to_file()) {
      sink.add(fmt::format("behind {}", input.path), fmt::format("{:o} {}", portable->mode, portable->content.hex()));
      portable->mode = 0;
      portable->content = {};
      portable->size = 0;
    }
    action.inputs.push_back(*std::move(portable));
  }
  std::ranges::sort(action.environment, {}, &Field::name);
  const auto by_name = [](const Field& field) { return std::tie(field.name, field.value); };
  std::ranges::sort(action.properties, {}, by_name);
  std::ranges::sort(action.output_paths);
  const auto repeated = std::ranges::unique(action.output_paths);
  action.output_paths.erase(repeated.begin(), repeated.end());
  return action;
}

std::vector<Field> explain(const PortableAction& action) {
  std::vector<Field> fields;
  if (!action.arguments.empty())
    fields.push_back({process_title(action, "command", "1"), printable(command_line(action.arguments))});
  if (!action.working_directory.empty())
    fields.push_back({process_title(action, "directory of", "1"), action.working_directory});
  for (const Field& variable : action.environment)
    fields.push_back({"env " + variable.name, printable(variable.value)});
  for (const Field& property : action.properties) {
    std::string_view name = property.name;
    if (name.starts_with(process_word)) continue;
    std::string title(name);
    if (name.starts_with("arguments ")) title = process_title(action, "command", name.substr(10));
    if (name.starts_with("directory ")) title = process_title(action, "directory of", name.substr(10));
    if (name.starts_with(field_word)) title = name.substr(field_word.size());
    fields.push_back({escaped(printable(title)), printable(property.value)});
  }
  for (const std::string& path : action.output_paths) fields.push_back({"output " + path, ""});
  for (const PortableInput& input : action.inputs) fields.push_back({"input " + input.path, input_state(input)});
  return fields;
}

PortableAction discovery_action(PortableAction declared) {
  declared.properties.insert(declared.properties.begin(), {"", "what it reads"});
  return declared;
}

PortableAction latest_action(std::string_view pipeline, std::string_view name_space) {
  PortableAction action;
  action.arguments = {"trilock", "latest"};
  action.properties = {{"pipeline", std::string(pipeline)}};
  action.salt = name_space;
  return action;
}

}  // namespace trilock
