// The JSON Schema as a value. Whether editors and the loader are of one mind is for tests/integration/20-schema.sh.
#include "schemas/editor_schema.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace trilock;

namespace {

constexpr std::array<std::string_view, 2> kinds = {"a", "b"};
constexpr std::array<std::string_view, 2> either = {"run", "script"};
constexpr KeySpec keys[] = {
    {"kind", KeyType::choice, "Which", kinds, true},
    {"run", KeyType::strings, "Words"},
    {"script", KeyType::string, "Lines", {}, false, "\"true\""},
    {"limit", KeyType::duration, "How long"},
};

// The part of the schema at a way of keys, on one line; "" when there is none.
std::string part(const std::vector<std::string_view>& way) {
  const RuleKeys rules[] = {{"tool", keys, {}, "Runs a tool", either}};
  const Json schema = editor_schema(rules);
  const Json* at = &schema;
  for (const std::string_view key : way) {
    at = at->at(key);
    if (at == nullptr) return {};
  }
  return write_json(*at);
}

}  // namespace

TEST_CASE("a rule's keys have descriptions, types and defaults, and refuse all others") {
  CHECK(part({"definitions", "tool", "additionalProperties"}) == "false");
  CHECK(part({"definitions", "tool", "properties", "script"}) ==
        R"({"description":"Lines","type":"string","default":"true"})");
  CHECK(part({"definitions", "tool", "properties", "run"}) ==
        R"({"description":"Words","type":"array","items":{"type":"string"}})");
}

TEST_CASE("where a word or a duration is wanted, a reference may stand for it") {
  CHECK(part({"definitions", "tool", "properties", "kind", "anyOf"}) ==
        R"([{"type":"string","enum":["a","b"]},{"type":"string","pattern":"\\$\\{"}])");
  CHECK(part({"definitions", "tool", "properties", "limit", "anyOf"}) ==
        R"([{"type":"string","pattern":"^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"},{"type":"string","pattern":"\\$\\{"}])");
}

TEST_CASE("common keys are written once, and every rule and [defaults] refer to them") {
  CHECK(part({"definitions", "tool", "properties", "timeout"}) ==
        R"({"$ref":"#/definitions/node/properties/timeout"})");
  CHECK(part({"properties", "defaults", "properties", "timeout"}) ==
        R"({"$ref":"#/definitions/node/properties/timeout"})");
  CHECK(part({"properties", "defaults", "properties", "tool"}) == R"({"$ref":"#/definitions/tool"})");
  for (const KeySpec& key : common_keys()) {
    CHECK(part({"definitions", "node", "properties", key.name, "description"}) == write_json(Json(key.description)));
    CHECK(!part({"definitions", "tool", "properties", key.name}).empty());
  }
}

TEST_CASE("nodes have names, and what they need may come from defaults or an included file") {
  CHECK(part({"properties", "tool"}) ==
        R"({"description":"Nodes: [tool.NAME]. Runs a tool","type":"object","patternProperties":)"
        R"({"^[A-Za-z0-9_-]+$":{"$ref":"#/definitions/tool"}},"additionalProperties":false})");
  CHECK(part({"definitions", "tool", "not"}) == R"({"required":["run","script"]})");
  CHECK(part({"definitions", "tool", "required"}).empty());
  const std::string demands = part({"allOf"});
  CHECK(demands.contains(R"("then":{"properties":{"tool":{"additionalProperties":{"required":["kind"]}}}})"));
  CHECK(demands.contains(R"("additionalProperties":{"anyOf":[{"required":["run"]},{"required":["script"]}]})"));
  CHECK(demands.contains(R"({"not":{"anyOf":[{"required":["include"]},)"));
}

TEST_CASE("a matrix has axes with values, and the sandbox is reserved") {
  CHECK(part({"definitions", "node", "properties", "matrix", "patternProperties", "^[A-Za-z0-9_-]+$"}) ==
        R"({"type":"array","items":{"type":["string","number","boolean"]},"minItems":1,"uniqueItems":true})");
  CHECK(part({"definitions", "node", "properties", "sandbox", "enum"}) == "[false]");
}

TEST_CASE("the version of the language is a number that is known") {
  CHECK(part({"properties", "pipeline", "properties", "version", "enum"}) == "[1]");
  CHECK(part({"$id"}) == "\"urn:trilock:pipeline:1\"");
}
