#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>
#include <unordered_map>

#include "cache/glob.hpp"
#include "rules/condition.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

// What the readers below share: where they read from, what they fill, where they report.
struct Reader {
  const Target& target;
  PlanContext& context;
  Node& node;

  [[nodiscard]] const ConfigTable& table() const { return target.table; }
  [[nodiscard]] Place place(std::string_view key) const { return place_of(target.table, key, target.place); }
  [[nodiscard]] std::uint64_t integer_or(std::string_view key, std::uint64_t fallback) const {
    const Config* value = target.table.find(key);
    const std::int64_t* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(&value->data);
    return number == nullptr || *number < 0 ? fallback : static_cast<std::uint64_t>(*number);
  }
  // The strings of an array that refer to no node, with their places.
  [[nodiscard]] std::vector<std::pair<std::string, Place>> literals(std::string_view key) const;
};

std::vector<std::pair<std::string, Place>> Reader::literals(std::string_view key) const {
  std::vector<std::pair<std::string, Place>> result;
  const Config* value = table().find(key);
  const ConfigArray* array = value == nullptr ? nullptr : value->array();
  if (array == nullptr) return result;
  for (const Config& element : *array)
    if (const Text* text = element.text(); text != nullptr && text->is_literal())
      result.emplace_back(text->literal, element.place);
  return result;
}

// A pattern of `inputs` as a pattern over paths of the workspace; "" after an error.
std::string workspace_pattern(std::string_view dir, std::string_view pattern, Place place, Diagnostics& diagnostics) {
  if (const std::string problem = check_pattern(pattern); !problem.empty()) {
    diagnostics.error(place, fmt::format("malformed pattern `{}`: {}", pattern, problem));
    return {};
  }
  if (pattern.starts_with('/') || is_literal_pattern(pattern)) {
    const std::size_t errors = diagnostics.error_count();
    const std::string path = workspace_path(dir, pattern, place, diagnostics);
    if (diagnostics.error_count() != errors) return {};
    return path.empty() ? "**" : quote_pattern(path);
  }
  // Steps upwards are taken before the first wildcard, where a path is a path. Further on they have no meaning.
  const std::string_view prefix = literal_prefix(pattern);
  const std::size_t errors = diagnostics.error_count();
  std::string full = quote_pattern(workspace_path(dir, prefix, place, diagnostics));
  if (diagnostics.error_count() != errors) return {};
  for (std::string_view rest = pattern.substr(prefix.size()); !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      diagnostics.error(place, fmt::format("`..` follows a wildcard in `{}`", pattern));
      return {};
    }
    if (!full.empty()) full += '/';
    full += part;
  }
  return full;
}

// An input may also be an output of another node, `${command.gen.out}`: then the reference is the edge, and what is in
// the output counts through it. Nothing else can be a path before the other node has run.
void check_input_references(Reader& reader) {
  const Config* value = reader.target.table.find("inputs");
  const ConfigArray* array = value == nullptr ? nullptr : value->array();
  if (array == nullptr) return;
  for (const Config& element : *array) {
    const Text* text = element.text();
    if (text == nullptr || text->is_literal()) continue;
    const std::string& named = text->references.front().value;
    if (text->literal.empty() && text->references.size() == 1 && (named == "out" || named.starts_with("out.")))
      continue;
    reader.context.diagnostics.error(element.place, fmt::format("`{}` is no input", to_source(*text)),
                                     "an input that refers to a node is one of its outputs: `${label.out}`");
  }
}

void read_inputs(Reader& reader) {
  check_input_references(reader);
  for (const auto& [written, place] : reader.literals("inputs")) {
    const bool exclude = written.starts_with('!');
    const std::string_view pattern = std::string_view(written).substr(exclude ? 1 : 0);
    if (pattern.empty()) {
      reader.context.diagnostics.error(place, "an input pattern is empty");
      continue;
    }
    std::string full = workspace_pattern(reader.node.dir, pattern, place, reader.context.diagnostics);
    if (!full.empty()) reader.node.inputs.push_back({std::move(full), exclude, place});
  }
}

bool contains_path(std::string_view directory, std::string_view path) {
  return path == directory ||
         (path.starts_with(directory) && path.size() > directory.size() && path[directory.size()] == '/');
}

void add_output(Reader& reader, std::string name, const Config& value) {
  const Text* text = value.text();
  if (text == nullptr) return;
  Diagnostics& diagnostics = reader.context.diagnostics;
  if (text->literal.empty()) {
    diagnostics.error(value.place, "the path of an output is empty");
    return;
  }
  std::string path = output_path("output", reader.node.dir, text->literal, value.place, diagnostics);
  if (path.empty()) return;
  for (const OutputSpec& other : reader.node.outputs) {
    if (!contains_path(other.path, path) && !contains_path(path, other.path)) continue;
    const std::string message = other.path == path
                                    ? fmt::format("output `{}` is named twice", path)
                                    : fmt::format("outputs `{}` and `{}` lie one in the other", other.path, path);
    diagnostics.error(value.place, message).notes.push_back({"the other one is here", other.place});
    return;
  }
  reader.node.outputs.push_back({std::move(name), std::move(path), value.place});
}

void read_outputs(Reader& reader) {
  const Config* outputs = reader.table().find("outputs");
  if (outputs == nullptr) return;
  if (const ConfigArray* array = outputs->array())
    for (const Config& value : *array) add_output(reader, "", value);
  if (const ConfigTable* named = outputs->table())
    for (const ConfigEntry& entry : named->entries) add_output(reader, entry.key, entry.value);
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Where every name of the environment comes from; a name has one source.
void read_environment(Reader& reader) {
  Node& node = reader.node;
  Diagnostics& diagnostics = reader.context.diagnostics;
  std::unordered_map<std::string, std::string_view> seen;  // name to key
  const auto claim = [&](const std::string& name, std::string_view key, Place place) {
    if (!is_variable_name(name)) {
      diagnostics.error(place, fmt::format("`{}` is no name of an environment variable", name));
      return false;
    }
    const auto [other, added] = seen.emplace(name, key);
    if (!added && other->second != key)
      diagnostics.error(place, fmt::format("`{}` is in both `{}` and `{}`", name, other->second, key),
                        "a variable has one source; remove it from one of them");
    return added;
  };
  for (auto& [name, value] : text_table_of(reader.table(), "env"))
    if (claim(name, "env", reader.place("env"))) node.env.emplace_back(name, std::move(value));
  for (const auto& [name, place] : reader.literals("pass-env"))
    if (claim(name, "pass-env", place)) node.pass_env.push_back(name);
  for (const auto& [name, place] : reader.literals("secret-env"))
    if (claim(name, "secret-env", place)) node.secret_env.push_back(name);
  std::ranges::sort(node.env, {}, &std::pair<std::string, Text>::first);
  std::ranges::sort(node.pass_env);
  std::ranges::sort(node.secret_env);
}

// That the pool exists was checked when the pipeline was read. More weight than it has slots takes all of them.
void read_pool(Reader& reader) {
  Node& node = reader.node;
  node.weight = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(reader.integer_or("weight", 1), 1, 0xffffffff));
  const std::string name = literal_or(reader.table(), "pool", "");
  const std::vector<Pool>& pools = reader.context.pipeline.pools;
  const auto pool = std::ranges::find(pools, name, &Pool::name);
  if (name.empty() || pool == pools.end()) return;
  node.pool = static_cast<std::uint32_t>(pool - pools.begin());
}

// A program of the workspace is a source: one that another node makes needs an edge to it, as any input does.
void read_programs(Reader& reader) {
  Diagnostics& diagnostics = reader.context.diagnostics;
  for (const auto& [program, place] : reader.literals("programs")) {
    if (program.empty()) {
      diagnostics.error(place, "the name of a program is empty");
      continue;
    }
    if (!program.contains('/') || program.starts_with('/')) continue;
    const std::size_t errors = diagnostics.error_count();
    const std::string path = workspace_path(reader.node.dir, program, place, diagnostics);
    if (diagnostics.error_count() != errors) continue;
    const auto own = std::ranges::find_if(reader.node.outputs,
                                          [&](const OutputSpec& output) { return contains_path(output.path, path); });
    if (own != reader.node.outputs.end())
      diagnostics.error(place, fmt::format("the program `{}` is an output of the node itself", path))
          .notes.push_back({"the output is declared here", own->place});
    else if (!path.empty())
      reader.node.inputs.push_back({quote_pattern(path), false, place});
  }
}

void read_condition(Reader& reader) {
  const Config* when = reader.table().find("when");
  const Text* text = when == nullptr ? nullptr : when->text();
  if (text == nullptr) return;
  if (std::optional<Condition> condition = parse_condition(*text))
    reader.node.when.push_back(std::move(*condition));
  else
    reader.context.diagnostics.error(when->place, fmt::format("`{}` is no condition", to_source(*text)),
                                     "expected `${…} == \"…\"` or `${…} != \"…\"`");
}

// What a process that knows a secret writes may hold it, so it leaves the machine only when the user says so.
CachePolicy read_cache_policy(const ConfigTable& table, const Node& node) {
  const Config* value = table.find("cache");
  if (value == nullptr) return node.secret_env.empty() ? CachePolicy::shared : CachePolicy::local;
  if (value->text() != nullptr) return CachePolicy::local;
  const bool* flag = std::get_if<bool>(&value->data);
  return flag != nullptr && !*flag ? CachePolicy::none : CachePolicy::shared;
}

void read_dependencies(Reader& reader) {
  for (const auto& [label, place] : reader.literals("needs"))
    reader.node.dependencies.push_back({label, DependencyKind::needs, place});
  for (const auto& [label, place] : reader.literals("after"))
    reader.node.dependencies.push_back({label, DependencyKind::after, place});
  for (const ConfigEntry& entry : reader.table().entries) add_references(entry.value, reader.node);
}

// One edge of each kind to each node; of equal ones the first of the file stays, for messages.
void sort_dependencies(std::vector<Dependency>& dependencies) {
  const auto edge = [](const Dependency& d) { return std::pair<std::string_view, DependencyKind>(d.label, d.kind); };
  std::ranges::sort(dependencies, {}, [&](const Dependency& d) {
    return std::tuple(edge(d), d.place.source, d.place.line, d.place.column);
  });
  const auto repeated = std::ranges::unique(dependencies, {}, edge);
  dependencies.erase(repeated.begin(), repeated.end());
}

bool refers_to_nodes(const Config& value) {
  if (const Text* text = value.text()) return !text->is_literal();
  if (const ConfigArray* array = value.array()) return std::ranges::any_of(*array, refers_to_nodes);
  const ConfigTable* table = value.table();
  return table != nullptr &&
         std::ranges::any_of(table->entries, [](const ConfigEntry& e) { return refers_to_nodes(e.value); });
}

}  // namespace

Node plan_node(const Target& target, std::uint32_t target_index, PlanContext& context) {
  const std::span<const Rule* const> rules = registry();
  const auto rule = std::ranges::find(rules, std::string_view(target.rule), &Rule::name);
  assert(rule != rules.end() && "the loader reports unknown rules");

  Node node;
  node.label = target.label;
  node.rule = static_cast<std::uint32_t>(rule - rules.begin());
  node.target = target_index;
  node.place = target.place;
  node.description = literal_or(target.table, "description", "");
  Reader reader{target, context, node};
  node.dir = workspace_path("", literal_or(target.table, "dir", ""), reader.place("dir"), context.diagnostics);
  if (node.dir != context.inside_dir && stays_inside(context, node.dir, reader.place("dir")))
    context.inside_dir = node.dir;
  read_inputs(reader);
  read_outputs(reader);
  read_environment(reader);
  read_programs(reader);
  read_pool(reader);
  read_condition(reader);
  node.timeout_ms = parse_duration_ms(literal_or(target.table, "timeout", "0s")).value_or(0);
  node.retries = static_cast<std::uint32_t>(std::min<std::uint64_t>(reader.integer_or("retries", 0), 1000));
  node.cache = read_cache_policy(target.table, node);
  read_dependencies(reader);
  (*rule)->plan(target, context, node);
  sort_dependencies(node.dependencies);
  return node;
}

void release_planned_keys(Target& target) {
  constexpr std::array<std::string_view, 16> planned = {
      "description", "dir",  "inputs", "needs",  "after",   "env",     "pass-env", "secret-env",
      "when",        "pool", "weight", "matrix", "timeout", "retries", "cache",    "sandbox"};
  std::vector<ConfigEntry> kept;
  for (ConfigEntry& entry : target.table.entries)
    if (std::ranges::find(planned, entry.key) == planned.end() || refers_to_nodes(entry.value))
      kept.push_back(std::move(entry));
  kept.shrink_to_fit();
  target.table.entries = std::move(kept);
}

}  // namespace trilock
