// A key as words, and what differs between two of them as one line each.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "engine/command_text.hpp"
#include "engine/key.hpp"

namespace trilock {
namespace {

constexpr std::string_view absent = "absent";
constexpr std::string_view identity_of = "identity of ";
constexpr std::string_view behind = "behind ";  // the file that a symlink leads to

std::string_view word(KeyTag tag) {
  switch (tag) {
    case KeyTag::rule:
      return "rule version";
    case KeyTag::platform:
      return "platform";
    case KeyTag::command:
      return "command";
    case KeyTag::directory:
      return "directory of";
    case KeyTag::env:
      return "env";
    case KeyTag::secret:
      return "secret";
    case KeyTag::tool:
      return "tool";
    case KeyTag::program:
      return "program";
    case KeyTag::write:
      return "writes";
    case KeyTag::staged:
      return "context";
    case KeyTag::depfile:
      return "depfile";
    case KeyTag::input:
    case KeyTag::discovered:
      return "input";
    case KeyTag::upstream:
      return "from";
    case KeyTag::output:
      return "output";
    case KeyTag::field:
      return "";
  }
  return "";
}

std::string hex_of(std::string_view bytes) {
  FastDigest digest;
  if (bytes.size() != digest.data.size()) return {};
  std::memcpy(digest.data.data(), bytes.data(), bytes.size());
  return digest.hex();
}

std::string input_value(std::span<const std::string_view> values) {
  if (values[0] == "symlink") return fmt::format("-> {}", values[2]);
  return fmt::format("{} {}", values[1], values[0] == "file" ? hex_of(values[2]) : "directory");
}

class ExplainSink final : public KeySink {
 public:
  void field(KeyTag tag, std::string_view name, std::span<const std::string_view> values) override {
    std::string title(word(tag));
    if (!title.empty() && !name.empty()) title += ' ';
    title += escaped(printable(name));
    const bool of_process = (tag == KeyTag::env && values.size() == 2) || (tag == KeyTag::secret && values.size() == 1);
    if (of_process) title += fmt::format(" of {}", values.back());
    if (tag == KeyTag::tool && !values[1].empty()) {
      add(std::move(title), std::string(values[1]));
      if (values[0] != values[1]) add(std::string(identity_of).append(name), std::string(values[0]));
      return;
    }
    add(std::move(title), value_of(tag, values));
    if (tag == KeyTag::input && values.size() == 4)
      add(std::string(behind).append(escaped(printable(name))), fmt::format("{} {}", values[1], hex_of(values[3])));
  }
  [[nodiscard]] std::vector<Field> take() { return std::move(fields_); }

 private:
  void add(std::string title, std::string value) { fields_.push_back({std::move(title), std::move(value)}); }

  static std::string value_of(KeyTag tag, std::span<const std::string_view> values) {
    switch (tag) {
      case KeyTag::rule:
        return fmt::format("{}", fmt::join(values, "."));
      case KeyTag::command:
        return printable(command_line(values));
      case KeyTag::secret:
        return {};
      case KeyTag::staged:
        return fmt::format("{}", fmt::join(values, " "));
      case KeyTag::write:
        // Rendered files can be long and may hold what a rule keeps out of argument lists.
        return fmt::format("{} {}", values[0], fast_digest(values[1]).hex());
      case KeyTag::input:
        return input_value(values);
      case KeyTag::discovered: {
        const bool there = values[0].find_first_not_of('\0') != std::string_view::npos;
        return there ? hex_of(values[0]) : std::string(absent);
      }
      default:
        return printable(values.empty() ? std::string_view() : values[0]);
    }
  }

  std::vector<Field> fields_;
};

bool is_digest(std::string_view text) {
  return (text.size() == 32 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "755 0123…" in two parts; a symlink is "->" and its target.
std::pair<std::string_view, std::string_view> parts_of(std::string_view value) {
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos) return {"", value};
  return {value.substr(0, blank), value.substr(blank + 1)};
}

std::string describe_file(const FieldChange& change) {
  const auto [was_mode, was] = parts_of(change.was);
  const auto [now_mode, now] = parts_of(change.now);
  if (now == absent) return "deleted";
  if (was == absent) return "added";
  const bool was_symlink = was_mode == "->";
  const bool now_symlink = now_mode == "->";
  if (was_symlink && now_symlink) return fmt::format("target \"{}\" -> \"{}\"", was, now);
  const auto kind = [](bool symlink, std::string_view content) {
    return symlink ? "symlink" : content == "directory" ? "directory" : "file";
  };
  const std::string_view was_kind = kind(was_symlink, was);
  const std::string_view now_kind = kind(now_symlink, now);
  if (was_kind != now_kind) return fmt::format("{} -> {}", was_kind, now_kind);
  if (was == now) return fmt::format("mode {} -> {}", was_mode, now_mode);
  return "content changed";
}

// The surroundings of the first difference, on one line. Never cuts a character of UTF-8.
std::string excerpt(std::string_view text, std::size_t difference) {
  constexpr std::size_t before = 16;
  constexpr std::size_t longest = 56;
  const auto is_inner = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  std::size_t begin = difference < before ? 0 : difference - before;
  while (begin > 0 && is_inner(begin)) --begin;
  std::size_t end = std::min(text.size(), begin + longest);
  while (end < text.size() && end > begin && is_inner(end)) --end;
  return fmt::format("{}{}{}", begin > 0 ? "…" : "", escaped(text.substr(begin, end - begin)),
                     end < text.size() ? "…" : "");
}

std::string describe_values(std::string_view was, std::string_view now) {
  constexpr std::size_t longest = 64;
  std::size_t difference = 0;
  if (was.size() > longest || now.size() > longest)
    difference = static_cast<std::size_t>(std::ranges::mismatch(was, now).in1 - was.begin());
  return fmt::format("\"{}\" -> \"{}\"", excerpt(was, difference), excerpt(now, difference));
}

std::string describe_tool(std::string_view was, std::string_view now) {
  constexpr std::size_t enough = 12;
  const auto shortened = [](std::string_view text) { return is_digest(text) ? text.substr(0, enough) : text; };
  return fmt::format("{} -> {}", shortened(was), shortened(now));
}

}  // namespace

std::vector<Field> explain_key(const KeyMaterial& material) {
  ExplainSink sink;
  walk_key(material, sink);
  return sink.take();
}

std::vector<FieldChange> compare_explanations(const std::vector<Field>& was, const std::vector<Field>& now) {
  std::unordered_map<std::string_view, const Field*> before;
  for (const Field& field : was) before.emplace(field.name, &field);
  std::vector<FieldChange> changes;
  std::unordered_set<std::string> other_versions;
  for (const Field& field : now) {
    const auto found = before.find(field.name);
    if (found == before.end()) {
      changes.push_back({field.name, "", field.value, true, false});
      continue;
    }
    const std::string& old = found->second->value;
    const bool implied =
        field.name.starts_with(identity_of) && other_versions.contains("tool " + field.name.substr(identity_of.size()));
    if (old != field.value && !implied) {
      changes.push_back({field.name, old, field.value, false, false});
      if (field.name.starts_with("tool ")) other_versions.insert(field.name);
    }
    before.erase(found);
  }
  for (const Field& field : was)
    if (before.erase(field.name) > 0) changes.push_back({field.name, field.value, "", false, true});
  return changes;
}

std::string describe(const FieldChange& change) {
  const std::string_view field = change.field;
  if (change.added) return fmt::format("{}: added", field);
  if (change.removed) return fmt::format("{}: removed", field);
  if (field.starts_with("input ") || field.starts_with("writes ") || field.starts_with(behind))
    return fmt::format("{}: {}", field, describe_file(change));
  if (field.starts_with("tool ") || field.starts_with(identity_of))
    return fmt::format("{}: {}", field, describe_tool(change.was, change.now));
  // What other nodes gave, declared programs, and files outside the workspace that a rule counts by content.
  const bool by_content = field.starts_with("from ") || field.starts_with("file ") || field.starts_with("program ");
  if (by_content && is_digest(change.was) && is_digest(change.now)) return fmt::format("{}: content changed", field);
  return fmt::format("{}: {}", field, describe_values(change.was, change.now));
}

}  // namespace trilock
