#include "schemas/key_spec.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace trilock;

namespace {

constexpr std::array<std::string_view, 3> builders = {"auto", "docker", "buildah"};
constexpr KeySpec rule_keys[] = {
    {"dockerfile", KeyType::string, "", {}, true},
    {"kind", KeyType::literal, ""},
    {"packages", KeyType::strings, ""},
    {"names", KeyType::literals, ""},
    {"template", KeyType::string_or_list, ""},
    {"args", KeyType::string_table, ""},
    {"tools", KeyType::text_table, ""},
    {"push", KeyType::boolean, ""},
    {"builder", KeyType::choice, "", builders},
    {"config", KeyType::any_table, ""},
};
constexpr KeySpec size_keys[] = {{"most", KeyType::byte_size, ""}};

// The findings of `[image.dev]`, each as "line:column message (help)".
std::vector<std::string> findings(std::string text, const std::vector<std::span<const KeySpec>>& allowed) {
  SourceMap sources;
  Diagnostics diagnostics;
  const auto id = sources.add("t", std::move(text));
  const ConfigTable table = read_toml(id, sources, diagnostics);
  check_keys(table, "image.dev", {id, 99, 1, 1}, allowed, diagnostics);
  std::vector<std::string> found;
  for (const Diagnostic& each : diagnostics.all()) {
    std::string line = std::to_string(each.place.line) + ":" + std::to_string(each.place.column) + " " + each.message;
    if (!each.help.empty()) line += " (" + each.help + ")";
    found.push_back(std::move(line));
  }
  return found;
}

using Lines = std::vector<std::string>;
Lines of_rule(const std::string& text) {
  return findings("dockerfile = 'D'\n" + text, {rule_keys, common_keys()});
}
Lines of_node(const std::string& text) {
  return findings(text, {common_keys()});
}

Config config_with_reference() {
  Text text{"a", {{"image.base", {}, "digest", "", 0, {SourceId::none, 7, 8, 9}}}};
  return {std::move(text), {SourceId::none, 7, 1, 20}};
}

}  // namespace

TEST_CASE("what is right has no findings") {
  CHECK(of_rule(R"(
kind = "x"
packages = ["./...", "b"]
names = []
template = "t"
args = { A = "1", B = 2, C = 2.5, D = true }
tools = { gopls = "v0.16.1" }
push = false
builder = "buildah"
config = { any = [1, { x = 1979-05-27 }] }
description = "d"
inputs = ["**/*.go", "!vendor/**"]
outputs = { bin = "out/x" }
needs = ["go.test"]
after = []
env = { A = "1" }
pass-env = ["HOME"]
secret-env = ["TOKEN"]
when = "${var.x} == 'y'"
matrix = { go = ["1.21"] }
pool = "docker"
weight = 2
timeout = "1h30m"
retries = 0
cache = "local"
sandbox = false
dir = "sub"
)") == Lines{});
  CHECK(of_rule("template = ['a', 'b']\noutputs = ['x']\ncache = true") == Lines{});
}

TEST_CASE("unknown and missing keys") {
  CHECK(findings("dockerfiel = 'x'\nxyzzy = 1\ntimout = '1s'", {rule_keys, common_keys()}) ==
        Lines{"1:1 unknown key `dockerfiel` in [image.dev] (did you mean `dockerfile`?)",
              "2:1 unknown key `xyzzy` in [image.dev]",
              "3:1 unknown key `timout` in [image.dev] (did you mean `timeout`?)",
              "99:1 missing key `dockerfile` in [image.dev]"});
}

TEST_CASE("wrong types name the key and what was found") {
  CHECK(of_rule("kind = 1") == Lines{"2:8 `kind`: expected a string, found an integer"});
  CHECK(of_rule("kind = 1979-05-27") == Lines{"2:8 `kind`: expected a string, found a date or time"});
  CHECK(of_rule("packages = 'x'") == Lines{"2:12 `packages`: expected an array of strings, found a string"});
  CHECK(of_rule("packages = ['x', 1.5, [], true]") == Lines{"2:18 `packages`: expected a string, found a float",
                                                            "2:23 `packages`: expected a string, found an array",
                                                            "2:27 `packages`: expected a string, found a boolean"});
  CHECK(of_rule("names = {}") == Lines{"2:9 `names`: expected an array of strings, found a table"});
  CHECK(of_rule("template = 1") ==
        Lines{"2:12 `template`: expected a string or an array of strings, found an integer"});
  CHECK(of_rule("template = [1]") == Lines{"2:13 `template`: expected a string, found an integer"});
  CHECK(of_rule("args = []") == Lines{"2:8 `args`: expected a table, found an array"});
  CHECK(of_rule("args = { A = [], B = 07:32:00 }\nkind = 2") ==
        Lines{"2:14 `args.A`: expected a string, a number or a boolean, found an array",
              "2:22 `args.B`: expected a string, a number or a boolean, found a date or time",
              "3:8 `kind`: expected a string, found an integer"});
  CHECK(of_rule("push = 'no'") == Lines{"2:8 `push`: expected a boolean, found a string"});
  CHECK(of_rule("config = 'no'") == Lines{"2:10 `config`: expected a table, found a string"});
  CHECK(of_node("weight = 1.0") == Lines{"1:10 `weight`: expected an integer, found a float"});
  CHECK(of_node("retries = -1") == Lines{"1:11 `retries`: expected 0 or more, found `-1`"});
  CHECK(of_node("needs = 'a'") == Lines{"1:9 `needs`: expected an array of labels, found a string"});
  CHECK(of_node("outputs = 'a'") ==
        Lines{"1:11 `outputs`: expected an array of paths or a table of name = path, found a string"});
  CHECK(of_node("outputs = { a = 1 }") == Lines{"1:17 `outputs.a`: expected a string, found an integer"});
  CHECK(of_node("outputs = [1]") == Lines{"1:12 `outputs`: expected a string, found an integer"});
  CHECK(of_node("timeout = 10") == Lines{"1:11 `timeout`: expected a duration, found an integer"});
  CHECK(of_node("cache = 1") == Lines{"1:9 `cache`: expected `true`, `\"local\"` or `false`, found an integer"});
  CHECK(findings("most = 5", {size_keys}) == Lines{"1:8 `most`: expected a size, found an integer"});
  CHECK(of_rule("tools = { a = 'x', b = 1.10 }") ==
        Lines{"2:24 `tools.b`: expected a string, found a float (a number loses digits: write it in quotes)"});
  CHECK(of_rule("tools = ['a']") == Lines{"2:9 `tools`: expected a table, found an array"});
  CHECK(of_node("sandbox = true") ==
        Lines{"1:11 `sandbox = true`: this version of trilock has no sandbox (remove it: what a node reads is what it "
              "declares, but nothing hides the rest from it)"});
  CHECK(of_node("sandbox = 'strict'") == Lines{"1:11 `sandbox`: expected `false`, found a string"});
}

TEST_CASE("values that are not allowed") {
  CHECK(of_rule("builder = 'dokcer'") ==
        Lines{"2:11 `builder`: expected one of `auto`, `docker`, `buildah`, found `dokcer` (did you mean `docker`?)"});
  CHECK(of_rule("builder = 'kaniko'") ==
        Lines{"2:11 `builder`: expected one of `auto`, `docker`, `buildah`, found `kaniko`"});
  CHECK(of_node("timeout = '10 minutes'") == Lines{"1:11 `timeout`: expected a duration, found `10 minutes` "
                                                   "(a duration is written as `90s`, `10m`, `1h30m` or `250ms`)"});
  CHECK(of_node("cache = 'global'") ==
        Lines{"1:9 `cache`: expected `true`, `\"local\"` or `false`, found `\"global\"`"});
}

TEST_CASE("a reference to a node stands only where its value can wait") {
  for (const auto& [key, allowed] : std::vector<std::pair<std::string, bool>>{{"dockerfile", true},
                                                                              {"kind", false},
                                                                              {"builder", false},
                                                                              {"timeout", false},
                                                                              {"cache", false},
                                                                              {"template", true},
                                                                              {"when", true}}) {
    CAPTURE(key);
    ConfigTable table;
    table.entries.push_back({"dockerfile", {}, {Text{"x", {}}, {}}});
    if (key == "dockerfile") table.entries.clear();
    table.entries.push_back({key, {}, config_with_reference()});
    Diagnostics diagnostics;
    check_keys(table, "t", {}, std::vector<std::span<const KeySpec>>{rule_keys, common_keys()}, diagnostics);
    CHECK(diagnostics.error_count() == (allowed ? 0 : 1));
    if (allowed || diagnostics.all().empty()) continue;
    CHECK(diagnostics.all()[0].message == "`" + key + "`: a reference to a node cannot be used here");
    CHECK(diagnostics.all()[0].place == Place{SourceId::none, 7, 8, 9});
  }
  for (const auto& [key, allowed] : std::vector<std::pair<std::string, bool>>{
           {"packages", true}, {"names", false}, {"needs", false}, {"inputs", true}, {"outputs", false}}) {
    CAPTURE(key);
    ConfigTable table;
    table.entries.push_back({"dockerfile", {}, {Text{"x", {}}, {}}});
    table.entries.push_back({key, {}, {ConfigArray{config_with_reference()}, {}}});
    Diagnostics diagnostics;
    check_keys(table, "t", {}, std::vector<std::span<const KeySpec>>{rule_keys, common_keys()}, diagnostics);
    CHECK(diagnostics.error_count() == (allowed ? 0 : 1));
  }
}

TEST_CASE("the keys of every node") {
  Lines names;
  for (const KeySpec& spec : common_keys()) {
    names.emplace_back(spec.name);
    CHECK_FALSE(spec.description.empty());
    CHECK_FALSE(spec.description.ends_with('.'));
    CHECK_FALSE(spec.required);
  }
  CHECK(names == Lines{"description", "inputs", "outputs", "needs", "after", "env", "pass-env", "secret-env",
                       "programs", "when", "matrix", "pool", "weight", "timeout", "retries", "cache", "sandbox",
                       "dir"});
}

TEST_CASE("sizes") {
  CHECK(findings("most = '20GB'", {size_keys}) == Lines{});
  CHECK(findings("most = 'lots'", {size_keys}) ==
        Lines{"1:8 `most`: expected a size, found `lots` (a size is a number with B, K, M, G or T (`500M`, `1.5GiB`, "
              "`10GB`))"});
}

TEST_CASE("durations") {
  CHECK(parse_duration_ms("90s") == 90'000);
  CHECK(parse_duration_ms("10m") == 600'000);
  CHECK(parse_duration_ms("1h30m") == 5'400'000);
  CHECK(parse_duration_ms("250ms") == 250);
  CHECK(parse_duration_ms("1m30s500ms") == 90'500);
  CHECK(parse_duration_ms("1.5h") == 5'400'000);
  CHECK(parse_duration_ms("0.25s") == 250);
  CHECK(parse_duration_ms("1.0005s") == 1001);  // up: never shorter than written
  CHECK(parse_duration_ms("0.0001ms") == 1);
  CHECK(parse_duration_ms("0.0000000000001s") == 1);
  CHECK(parse_duration_ms("0.10000000000000000000000000s") == 100);
  CHECK(parse_duration_ms("0s") == 0);
  CHECK(parse_duration_ms("007s") == 7000);
  CHECK(parse_duration_ms("18446744073709551615ms") == 18446744073709551615ULL);
  for (const char* wrong :
       {"", "10", "s", "10x", "10 m", " 10m", "10m ", "-1s", "+1s", "1.s", ".5s", "1..5s", "1h30", "10M", "1e3s",
        "18446744073709551616ms", "99999999999999999h", "1d", "18446744073709551615ms1ms"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration_ms(wrong));
  }
}
