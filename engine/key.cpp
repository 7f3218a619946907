#include "engine/key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace trilock {
namespace {

class HashSink final : public KeySink {
 public:
  void field(char tag, std::string_view name, std::string_view value) override {
    hasher_.update({&tag, 1});
    text(name);
    text(value);
  }
  [[nodiscard]] FastDigest digest() const { return hasher_.digest(); }

 private:
  void text(std::string_view text) {
    std::array<char, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
    hasher_.update({length.data(), length.size()});
    hasher_.update(text);
  }
  FastHasher hasher_;
};

std::string_view word(char tag) {
  switch (tag) {
    case 'v':
      return "rule version";
    case 'p':
      return "platform";
    case 'a':
      return "command";
    case 'd':
      return "directory of";
    case 'e':
      return "env";
    case 's':
      return "secret";
    case 't':
      return "tool";
    case 'w':
      return "writes";
    case 'c':
      return "context";
    case 'i':
      return "input";
    case 'u':
      return "from";
    case 'o':
      return "output";
    case 'f':
      return "";
    default:
      return "field";
  }
}

std::string printable(std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size();) {
    const std::string_view rest = value.substr(i);
    if (rest.starts_with(workspace_marker)) {
      text += "<workspace>";
      i += workspace_marker.size();
    } else if (rest.starts_with(scratch_marker)) {
      text += "<scratch>";
      i += scratch_marker.size();
    } else {
      text += value[i++];
    }
  }
  return text;
}

class ExplainSink final : public KeySink {
 public:
  void field(char tag, std::string_view name, std::string_view value) override {
    const std::string_view kind = word(tag);
    std::string title(kind);
    if (!kind.empty() && !name.empty()) title += ' ';
    title += printable(name);
    // Rendered files can be long and may hold what a rule keeps out of argument lists.
    fields_.push_back({std::move(title), tag == 'w' ? fast_digest(value).hex() : printable(value)});
  }
  [[nodiscard]] std::vector<Field> take() { return std::move(fields_); }

 private:
  std::vector<Field> fields_;
};

// Arguments as one value in which no two lists look alike: a separator that cannot be in an argument.
std::string join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& w : words) {
    if (!joined.empty()) joined += ' ';
    bool plain = !w.empty();
    for (const char c : w) plain = plain && c != ' ' && c != '\'' && c != '\\' && c != '\n' && c != '\t';
    if (plain) {
      joined += w;
      continue;
    }
    joined += '\'';
    for (const char c : w) {
      if (c == '\'' || c == '\\') joined += '\\';
      joined += c;
    }
    joined += '\'';
  }
  return joined;
}

void walk_env(const std::vector<EnvVar>& env, std::string_view of, KeySink& sink) {
  for (const EnvVar& variable : env) {
    const std::string name = of.empty() ? variable.name : fmt::format("{} of {}", variable.name, of);
    if (variable.kind == EnvClass::declared || variable.kind == EnvClass::passed) sink.field('e', name, variable.value);
    if (variable.kind == EnvClass::secret) sink.field('s', name, "");
  }
}

std::string describe_input(const InputState& input) {
  switch (input.type) {
    case EntryType::file:
      return fmt::format("{:o} {}", input.mode, input.content.hex());
    case EntryType::symlink:
      return fmt::format("-> {}", input.symlink_target);
    case EntryType::directory:
      return fmt::format("{:o} directory", input.mode);
  }
  return {};
}

std::string_view type_name(EntryType type) {
  switch (type) {
    case EntryType::file:
      return "file";
    case EntryType::directory:
      return "directory";
    case EntryType::symlink:
      return "symlink";
  }
  return {};
}

}  // namespace

void walk_key(const KeyMaterial& material, KeySink& sink) {
  const Action& action = material.action;
  sink.field('v', action.rule, fmt::format("{}.{}", key_format, action.rule_version));
  sink.field('p', "", material.platform);
  for (const Process& process : action.processes) {
    sink.field('a', process.name, join(process.argv));
    if (!process.dir.empty()) sink.field('d', process.name, process.dir);
    walk_env(process.env, process.name, sink);
  }
  walk_env(action.env, "", sink);
  for (const Tool& tool : action.tools) sink.field('t', tool.name, tool.identity);
  for (const Field& field : action.fields) sink.field('f', field.name, field.value);
  for (const FileWrite& write : action.writes)
    sink.field('w', fmt::format("{} {:o}", write.path, write.mode), write.content);
  for (const StagedEntry& entry : action.staged)
    sink.field('c', entry.destination, fmt::format("{} {:o} {}", type_name(entry.type), entry.mode, entry.source));
  for (const InputState& input : material.inputs) sink.field('i', input.path, describe_input(input));
  for (const Field& field : material.upstream) sink.field('u', field.name, field.value);
  for (const OutputSpec& output : action.outputs) sink.field('o', output.path, output.name);
}

FastDigest fast_key(const KeyMaterial& material) {
  HashSink sink;
  walk_key(material, sink);
  return sink.digest();
}

std::vector<Field> explain_key(const KeyMaterial& material) {
  ExplainSink sink;
  walk_key(material, sink);
  return sink.take();
}

std::vector<FieldChange> compare_explanations(const std::vector<Field>& was, const std::vector<Field>& now) {
  std::unordered_map<std::string_view, const Field*> before;
  for (const Field& field : was) before.emplace(field.name, &field);
  std::vector<FieldChange> changes;
  for (const Field& field : now) {
    const auto found = before.find(field.name);
    if (found == before.end()) {
      changes.push_back({field.name, "", field.value, true, false});
      continue;
    }
    if (found->second->value != field.value)
      changes.push_back({field.name, found->second->value, field.value, false, false});
    before.erase(found);
  }
  for (const Field& field : was)
    if (before.contains(field.name)) changes.push_back({field.name, field.value, "", false, true});
  return changes;
}

std::string describe(const FieldChange& change) {
  if (change.added) return fmt::format("{}: added", change.field);
  if (change.removed) return fmt::format("{}: removed", change.field);
  const bool is_content = change.field.starts_with("input ") || change.field.starts_with("writes ");
  if (is_content) {
    const auto mode_of = [](const std::string& value) { return value.substr(0, value.find(' ')); };
    const auto rest_of = [](const std::string& value) { return value.substr(std::min(value.find(' '), value.size())); };
    if (change.field.starts_with("input ") && rest_of(change.was) == rest_of(change.now))
      return fmt::format("{}: mode {} -> {}", change.field, mode_of(change.was), mode_of(change.now));
    return fmt::format("{}: content changed", change.field);
  }
  if (change.field.starts_with("from ") && change.was.size() == 32 && change.now.size() == 32)
    return fmt::format("{}: content changed", change.field);
  return fmt::format("{}: \"{}\" -> \"{}\"", change.field, change.was, change.now);
}

}  // namespace trilock
