#include "schemas/editor_schema.hpp"

#include <fmt/format.h>

#include <limits>

#include "schemas/declarations.hpp"
#include "schemas/vars.hpp"

namespace trilock {
namespace {

// is_name, parse_duration_ms, parse_size and the start of a reference as regular expressions of ECMA 262.
constexpr std::string_view name_pattern = "^[A-Za-z0-9_-]+$";
constexpr std::string_view duration_pattern = "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$";
constexpr std::string_view byte_size_pattern = "^[0-9]+(\\.[0-9]+)? *(B|[KMGT]((iB)|B)?)?$";
constexpr std::string_view reference_pattern = "\\$\\{";

using Members = std::vector<JsonMember>;

JsonObject object_of(Members members) {
  return {std::move(members)};
}

JsonObject of_type(std::string_view type) {
  return object_of({{"type", type}});
}

JsonObject array_of(JsonObject items) {
  return object_of({{"type", "array"}, {"items", std::move(items)}});
}

// A table of any keys whose values are all alike.
JsonObject table_of(JsonObject values) {
  return object_of({{"type", "object"}, {"additionalProperties", std::move(values)}});
}

// A table whose keys are names: of nodes, variables, pools, axes.
JsonObject named(JsonObject values) {
  return object_of({{"type", "object"},
                    {"patternProperties", object_of({{std::string(name_pattern), std::move(values)}})},
                    {"additionalProperties", false}});
}

JsonObject closed_table(JsonObject properties) {
  return object_of({{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}});
}

JsonObject scalar() {
  return object_of({{"type", JsonArray{"string", "number", "boolean"}}});
}

JsonObject matching(std::string_view pattern) {
  return object_of({{"type", "string"}, {"pattern", pattern}});
}

template <class... Schemas>
JsonObject any_of(Schemas... schemas) {
  return object_of({{"anyOf", JsonArray{std::move(schemas)...}}});
}

template <class Names>
JsonArray texts(const Names& names) {
  JsonArray array;
  for (const auto& name : names) array.emplace_back(std::string_view(name));
  return array;
}

JsonObject requires_all(std::string_view key) {
  return object_of({{"required", JsonArray{key}}});
}

// Where a value is one of few words, a variable or a coordinate may stand for it all the same.
JsonObject or_reference(JsonObject schema) {
  return any_of(std::move(schema), matching(reference_pattern));
}

JsonObject type_schema(const KeySpec& spec) {
  switch (spec.type) {
    case KeyType::string:
    case KeyType::literal:
      return of_type("string");
    case KeyType::strings:
    case KeyType::literals:
    case KeyType::labels:
      return array_of(of_type("string"));
    case KeyType::string_or_list:
      return any_of(of_type("string"), array_of(of_type("string")));
    case KeyType::string_table:
      return table_of(scalar());
    case KeyType::text_table:
      return table_of(of_type("string"));
    case KeyType::boolean:
      return of_type("boolean");
    case KeyType::only_false:
      return object_of({{"type", "boolean"}, {"enum", JsonArray{false}}});
    case KeyType::integer:
      return object_of({{"type", "integer"}, {"minimum", 0}});
    case KeyType::duration:
      return or_reference(matching(duration_pattern));
    case KeyType::choice:
      return or_reference(object_of({{"type", "string"}, {"enum", texts(spec.choices)}}));
    case KeyType::outputs:
      return any_of(array_of(of_type("string")), table_of(of_type("string")));
    case KeyType::cache_policy:
      return or_reference(object_of({{"enum", JsonArray{true, "local", false}}}));
    case KeyType::byte_size:
      return or_reference(matching(byte_size_pattern));
    case KeyType::axes: {
      JsonObject values = array_of(scalar());
      values.set("minItems", 1);
      values.set("uniqueItems", true);
      return named(std::move(values));
    }
    case KeyType::any_table:
      return of_type("object");
  }
  return {};
}

JsonObject described(std::string_view description, JsonObject schema) {
  schema.members.insert(schema.members.begin(), {"description", description});
  return schema;
}

JsonObject key_schema(const KeySpec& spec) {
  JsonObject schema = described(spec.description, type_schema(spec));
  if (!spec.standard.empty()) schema.set("default", parse_json(spec.standard).value_or(Json()));
  return schema;
}

JsonObject properties_of(std::span<const KeySpec> keys) {
  JsonObject properties;
  for (const KeySpec& key : keys) properties.set(std::string(key.name), key_schema(key));
  return properties;
}

JsonObject reference_to(std::string_view definition) {
  return object_of({{"$ref", fmt::format("#/definitions/{}", definition)}});
}

// The common keys are written once; the tables of rules and [defaults] refer to them.
void add_common(JsonObject& properties) {
  for (const KeySpec& key : common_keys())
    properties.set(std::string(key.name), reference_to(fmt::format("node/properties/{}", key.name)));
}

// What every table of a rule has, [defaults.RULE] too: no key is required here.
JsonObject rule_schema(const RuleKeys& rule) {
  JsonObject properties = properties_of(rule.keys);
  add_common(properties);
  JsonObject schema = described(rule.description, closed_table(std::move(properties)));
  if (rule.one_of.size() > 1) schema.set("not", object_of({{"required", texts(rule.one_of)}}));
  return schema;
}

// One variable: a plain value, or a table with exactly one of the forms.
JsonObject variable_schema() {
  JsonArray choices;
  choices.emplace_back(object_of({{"type", JsonArray{"string", "integer", "boolean"}}}));
  for (const VariableForm& form : variable_forms()) {
    JsonObject value = of_type("string");
    if (form.key == "git") value = or_reference(object_of({{"type", "string"}, {"enum", texts(git_facts())}}));
    JsonObject properties;
    properties.set(std::string(form.key), described(form.description, std::move(value)));
    if (form.key == "env")
      properties.set(std::string(variable_default),
                     described("The value when the variable is not set",
                               object_of({{"type", JsonArray{"string", "integer", "boolean"}}})));
    JsonObject table = closed_table(std::move(properties));
    table.set("required", JsonArray{form.key});
    choices.emplace_back(std::move(table));
  }
  return object_of({{"anyOf", std::move(choices)}});
}

JsonObject defaults_schema(std::span<const RuleKeys> rules) {
  JsonObject properties;
  add_common(properties);
  for (const RuleKeys& rule : rules) properties.set(std::string(rule.rule), reference_to(rule.rule));
  return closed_table(std::move(properties));
}

JsonObject pipeline_schema() {
  JsonObject properties = properties_of(pipeline_keys());
  if (Json* version = properties.find("version"))
    std::get<JsonObject>(version->data).set("enum", JsonArray{Json(language_version)});
  return closed_table(std::move(properties));
}

JsonObject pools_schema() {
  return named(object_of({{"type", "integer"},
                          {"minimum", 1},
                          {"maximum", Json(std::uint64_t{std::numeric_limits<std::uint32_t>::max()})}}));
}

JsonObject fixed_schema(std::string_view name, std::span<const RuleKeys> rules) {
  if (name == "include") return array_of(of_type("string"));
  if (name == "pipeline") return pipeline_schema();
  if (name == "vars") return named(variable_schema());
  if (name == "defaults") return defaults_schema(rules);
  if (name == "pools") return pools_schema();
  return closed_table(properties_of(cache_keys()));
}

// `[defaults.RULE]` of this file has one of the keys.
JsonObject given_by_defaults(std::string_view rule, const JsonArray& any_of_these) {
  const auto inside = [](std::string_view key, JsonObject schema) {
    return object_of(
        {{"required", JsonArray{key}}, {"properties", object_of({{std::string(key), std::move(schema)}})}});
  };
  return inside("defaults", inside(rule, object_of({{"anyOf", any_of_these}})));
}

// A key that a node needs may come from [defaults.RULE], of an included file too.
JsonObject demand(std::string_view rule, std::span<const std::string_view> keys) {
  JsonArray present;
  for (const std::string_view key : keys) present.emplace_back(requires_all(key));
  JsonObject exempt = any_of(requires_all("include"), given_by_defaults(rule, present));
  JsonObject needed = keys.size() == 1 ? requires_all(keys.front()) : object_of({{"anyOf", std::move(present)}});
  JsonObject nodes = object_of({{"additionalProperties", std::move(needed)}});
  return object_of({{"if", object_of({{"not", std::move(exempt)}})},
                    {"then", object_of({{"properties", object_of({{std::string(rule), std::move(nodes)}})}})}});
}

JsonArray demands(std::span<const RuleKeys> rules) {
  JsonArray all;
  for (const RuleKeys& rule : rules) {
    for (const KeySpec& key : rule.keys)
      if (key.required) all.emplace_back(demand(rule.rule, {&key.name, 1}));
    if (!rule.one_of.empty()) all.emplace_back(demand(rule.rule, rule.one_of));
  }
  return all;
}

}  // namespace

Json editor_schema(std::span<const RuleKeys> rules) {
  JsonObject properties;
  for (const TopLevelKey& key : top_level_keys())
    properties.set(std::string(key.name), described(key.description, fixed_schema(key.name, rules)));
  JsonObject definitions;
  definitions.set("node", described("The keys of every node", closed_table(properties_of(common_keys()))));
  for (const RuleKeys& rule : rules) {
    properties.set(std::string(rule.rule), described(fmt::format("Nodes: [{}.NAME]. {}", rule.rule, rule.description),
                                                     named(reference_to(rule.rule))));
    definitions.set(std::string(rule.rule), rule_schema(rule));
  }
  return object_of({{"$schema", "http://json-schema.org/draft-07/schema#"},
                    {"$id", fmt::format("urn:trilock:pipeline:{}", language_version)},
                    {"title", "trilock pipeline"},
                    {"description", fmt::format("The pipeline language of trilock, version {}", language_version)},
                    {"type", "object"},
                    {"additionalProperties", false},
                    {"properties", std::move(properties)},
                    {"allOf", demands(rules)},
                    {"definitions", std::move(definitions)}});
}

}  // namespace trilock
