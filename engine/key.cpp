#include "engine/key.hpp"

#include <array>
#include <charconv>

namespace trilock {
namespace {

class HashSink final : public KeySink {
 public:
  void field(KeyTag tag, std::string_view name, std::span<const std::string_view> values) override {
    const char sign = static_cast<char>(tag);
    hasher_.update({&sign, 1});
    text(name);
    number(values.size());
    for (const std::string_view value : values) text(value);
  }
  [[nodiscard]] FastDigest digest() const { return hasher_.digest(); }

 private:
  void number(std::uint64_t value) {
    std::array<char, 8> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(value >> (8 * i) & 0xff);
    hasher_.update({bytes.data(), bytes.size()});
  }
  void text(std::string_view text) {
    number(text.size());
    hasher_.update(text);
  }
  FastHasher hasher_;
};

// A number as a text that lives on the stack.
class Digits {
 public:
  explicit Digits(std::uint32_t value, int base = 10)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), value, base).ptr) {}
  operator std::string_view() const { return {text_.data(), static_cast<std::size_t>(end_ - text_.data())}; }

 private:
  std::array<char, 12> text_{};
  const char* end_;
};

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

// The walk as calls of one shape: tag, name, values.
class Walk {
 public:
  explicit Walk(KeySink& sink) : sink_(sink) {}

  template <class... Values>
  void field(KeyTag tag, std::string_view name, const Values&... values) {
    const std::array<std::string_view, sizeof...(values)> list{std::string_view(values)...};
    sink_.field(tag, name, list);
  }

  void process(const Process& process) {
    const std::vector<std::string_view> words(process.argv.begin(), process.argv.end());
    sink_.field(KeyTag::command, process.name, words);
    if (!process.dir.empty()) field(KeyTag::directory, process.name, process.dir);
    for (const EnvVar& variable : process.env) {
      if (counts(variable)) field(KeyTag::env, variable.name, variable.value, process.name);
      if (variable.kind == EnvClass::secret) field(KeyTag::secret, variable.name, process.name);
    }
  }

  void env(const EnvVar& variable) {
    if (counts(variable)) field(KeyTag::env, variable.name, variable.value);
    if (variable.kind == EnvClass::secret) field(KeyTag::secret, variable.name);
  }

  void input(const InputState& input) {
    const bool is_file = input.type == EntryType::file;
    if (input.leads_to_file())
      return field(KeyTag::input, input.path, type_name(input.type), Digits(input.mode, 8), input.symlink_target,
                   input.content.view());
    // A symlink has no mode of its own on Linux.
    const std::uint32_t mode = input.type == EntryType::symlink ? 0 : input.mode;
    field(KeyTag::input, input.path, type_name(input.type), Digits(mode, 8),
          is_file ? input.content.view() : std::string_view(input.symlink_target));
  }

 private:
  static bool counts(const EnvVar& variable) {
    return variable.kind == EnvClass::declared || variable.kind == EnvClass::passed;
  }

  KeySink& sink_;
};

}  // namespace

void walk_key(const KeyMaterial& material, KeySink& sink) {
  const Action& action = material.action;
  Walk walk(sink);
  walk.field(KeyTag::rule, action.rule, Digits(key_format), Digits(action.rule_version));
  walk.field(KeyTag::platform, "", material.platform);
  for (const Process& process : action.processes) walk.process(process);
  for (const EnvVar& variable : action.env) walk.env(variable);
  for (const Tool& tool : action.tools) walk.field(KeyTag::tool, tool.name, tool.identity, tool.version);
  for (const Tool& program : action.programs) walk.field(KeyTag::program, program.name, program.identity);
  for (const Field& field : action.fields) walk.field(KeyTag::field, field.name, field.value);
  for (const FileWrite& write : action.writes)
    walk.field(KeyTag::write, write.path, Digits(write.mode, 8), write.content);
  for (const StagedEntry& entry : action.staged)
    walk.field(KeyTag::staged, entry.destination, type_name(entry.type), Digits(entry.mode, 8), entry.source);
  if (!action.depfile.empty()) walk.field(KeyTag::depfile, "", action.depfile);
  for (const InputState& input : material.inputs) walk.input(input);
  for (const Field& field : material.upstream) walk.field(KeyTag::upstream, field.name, field.value);
  for (const OutputSpec& output : action.outputs) walk.field(KeyTag::output, output.path, output.name);
  for (const DiscoveredInput& input : material.discovered)
    walk.field(KeyTag::discovered, input.path, input.content.view());
}

FastDigest fast_key(const KeyMaterial& material) {
  HashSink sink;
  walk_key(material, sink);
  return sink.digest();
}

}  // namespace trilock
