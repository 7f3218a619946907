#include "rules/rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace trilock {
namespace {

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

std::string join(std::span<const std::string_view> parts) {
  std::string path;
  for (const std::string_view part : parts) {
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

// The spelling of a scalar as TOML has it; strings keep their references.
Text text_of(const Config& value) {
  struct Spell {
    Text operator()(bool flag) const { return {.literal = flag ? "true" : "false"}; }
    Text operator()(std::int64_t number) const { return {.literal = std::to_string(number)}; }
    Text operator()(double number) const {
      std::string spelling = fmt::format("{}", number);
      // TOML tells 2.0 from 2, and so does who wrote it: "1.0" must not become "1".
      if (spelling.find_first_not_of("-0123456789") == std::string::npos) spelling += ".0";
      return {.literal = std::move(spelling)};
    }
    Text operator()(const Text& text) const { return text; }
    Text operator()(const Datetime& time) const { return {.literal = time.written}; }
    Text operator()(const ConfigArray&) const { return {}; }
    Text operator()(const ConfigTable&) const { return {}; }
  };
  return std::visit(Spell{}, value.data);
}

}  // namespace

StartedPrograms Rule::started(const Target&) const {
  return {};
}

Result<Collected> Rule::collect(const Node&, const Action&, const Run&) const {
  return Collected{};
}

Result<bool> Rule::probe(const Node&, const Target&, const ActionResult&, ResolveContext&) const {
  return true;
}

Result<std::vector<Process>> Rule::revive(const Node&, const Target&, const ActionResult&, ResolveContext&) const {
  return std::vector<Process>();
}

void Rule::draft(const Folder&, Draft&) const {}

Verdict Rule::review(const Node&, const Target&, const Run&, std::size_t) const {
  return {};
}

Result<std::vector<Leftover>> Rule::leftovers(const Node&, const Target&, std::span<const Field>, std::int64_t,
                                              ResolveContext&) const {
  return std::vector<Leftover>{};
}

std::string workspace_path(std::string_view dir, std::string_view path, Place place, Diagnostics& diagnostics) {
  if (path.starts_with('/')) {
    diagnostics.error(place, fmt::format("`{}` is an absolute path", path),
                      "paths of a pipeline are relative to the workspace, so that it works in every checkout");
    return {};
  }
  std::vector<std::string_view> parts = components(dir);
  for (const std::string_view part : components(path)) {
    if (part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    } else {
      diagnostics.error(place, fmt::format("`{}` leaves the workspace", path),
                        "the workspace is the directory of the pipeline and all below it");
      return {};
    }
  }
  return join(parts);
}

bool stays_inside(const PlanContext& context, const std::string& path, Place place) {
  const Status inside = context.tree.check_inside(path);
  if (!inside) context.diagnostics.error(place, inside.error().message, inside.error().help);
  return inside.has_value();
}

std::string relative_to(std::string_view dir, std::string_view path) {
  const std::vector<std::string_view> from = components(dir);
  const std::vector<std::string_view> to = components(path);
  std::size_t shared = 0;
  while (shared < from.size() && shared < to.size() && from[shared] == to[shared]) ++shared;
  std::vector<std::string_view> parts(from.size() - shared, "..");
  parts.insert(parts.end(), to.begin() + static_cast<std::ptrdiff_t>(shared), to.end());
  return parts.empty() ? "." : join(parts);
}

std::string quote_pattern(std::string_view path) {
  std::string quoted;
  for (const char c : path) {
    if (std::string_view("*?[]{}\\!,").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

std::string tree_path(const SourceTree& tree, std::string_view absolute) {
  std::string path = std::filesystem::path(absolute).lexically_normal().generic_string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::string& root = tree.root();
  if (path == root) return {};
  if (path.starts_with(root) && path[root.size()] == '/') return path.substr(root.size() + 1);
  return path;
}

Status add_file(SourceTree& tree, std::string path, Action& action) {
  constexpr int most_links = 40;  // as Linux has it
  for (int links = 0; links < most_links; ++links) {
    const Result<FileStat> stat = tree.stat(path);
    if (!stat) return std::unexpected(stat.error());
    if (!path.starts_with('/')) {
      action.inputs.push_back(path);
    } else if (stat->type == FileType::file) {
      const Result<ContentDigests> digests = tree.strong_digest(path);
      if (!digests) return std::unexpected(digests.error());
      const std::string name = "file " + relative_to(tree.root(), path);
      if (std::ranges::find(action.fields, name, &Field::name) == action.fields.end())
        action.fields.push_back({name, digests->strong.hex()});
    }
    if (stat->type != FileType::symlink) return {};
    const Result<std::string> target = tree.read_link(path);
    if (!target) return std::unexpected(target.error());
    const std::string from = tree.absolute(path);
    path = tree_path(tree, target->starts_with('/') ? *target : from.substr(0, from.rfind('/') + 1) + *target);
  }
  return fail(ErrorKind::io, fmt::format("`{}` is a symlink that leads to itself", path));
}

void add_references(const Text& text, Node& node) {
  for (const Reference& reference : text.references)
    if (!reference.label.empty())
      node.dependencies.push_back({reference.label, DependencyKind::reference, reference.place});
}

void add_references(const Config& value, Node& node) {
  if (const Text* text = value.text()) add_references(*text, node);
  if (const ConfigArray* array = value.array())
    for (const Config& element : *array) add_references(element, node);
  if (const ConfigTable* table = value.table())
    for (const ConfigEntry& entry : table->entries) add_references(entry.value, node);
}

std::string literal_or(const ConfigTable& table, std::string_view key, std::string_view fallback) {
  const Config* value = table.find(key);
  const Text* text = value == nullptr ? nullptr : value->text();
  return text == nullptr ? std::string(fallback) : text->literal;
}

bool boolean_or(const ConfigTable& table, std::string_view key, bool fallback) {
  const Config* value = table.find(key);
  const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(&value->data);
  return flag == nullptr ? fallback : *flag;
}

std::vector<Text> texts_of(const ConfigTable& table, std::string_view key) {
  const Config* value = table.find(key);
  if (value == nullptr) return {};
  if (const Text* text = value->text()) return {*text};
  std::vector<Text> texts;
  if (const ConfigArray* array = value->array())
    for (const Config& element : *array)
      if (const Text* text = element.text()) texts.push_back(*text);
  return texts;
}

std::vector<std::pair<std::string, Text>> text_table_of(const ConfigTable& table, std::string_view key) {
  const Config* value = table.find(key);
  const ConfigTable* inner = value == nullptr ? nullptr : value->table();
  if (inner == nullptr) return {};
  std::vector<std::pair<std::string, Text>> texts;
  texts.reserve(inner->entries.size());
  for (const ConfigEntry& entry : inner->entries) texts.emplace_back(entry.key, text_of(entry.value));
  return texts;
}

Place place_of(const ConfigTable& table, std::string_view key, Place fallback) {
  const Config* value = table.find(key);
  return value == nullptr ? fallback : value->place;
}

}  // namespace trilock
