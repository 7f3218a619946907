#include "rules/go/go_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/go/go_environment.hpp"
#include "rules/go/go_inputs.hpp"
#include "rules/go/go_modules.hpp"

namespace trilock {
namespace {

constexpr std::array<std::string_view, 5> kinds = {"build", "test", "race", "vet", "verify"};

constexpr std::array go_keys = {
    KeySpec{.name = "kind",
            .type = KeyType::choice,
            .description = "`go build`, `go test`, `go test -race`, `go vet` or `go mod verify`",
            .choices = kinds,
            .required = true},
    KeySpec{.name = "packages",
            .type = KeyType::strings,
            .description = "Patterns of packages, as the go command takes them",
            .standard = "[\"./...\"]"},
    KeySpec{.name = "tags", .type = KeyType::literals, .description = "Build tags"},
    KeySpec{.name = "ldflags", .type = KeyType::string, .description = "Flags for the linker: `-s -w -X main.rev=…`"},
    KeySpec{.name = "flags", .type = KeyType::strings, .description = "More flags of the go command, one each"},
};

constexpr std::array<std::string_view, 1> go_values = {"version"};

constexpr std::string_view version_field = "go version";

enum class Kind : std::uint8_t { build, test, race, vet, verify };

Kind kind_of(const Target& target) {
  const auto found = std::ranges::find(kinds, literal_or(target.table, "kind", "build"));
  return found == kinds.end() ? Kind::build : static_cast<Kind>(found - kinds.begin());
}

std::vector<std::string> filled(const Target& target, std::string_view key, const Node& node, ResolveContext& context) {
  std::vector<std::string> words;
  for (const Text& text : texts_of(target.table, key)) words.push_back(context.fill(text, node.dir));
  return words;
}

std::string tags_flag(const Target& target) {
  std::string flag;
  for (const Text& tag : texts_of(target.table, "tags")) flag += (flag.empty() ? "-tags=" : ",") + tag.literal;
  return flag;
}

// The flags that decide what files a build has; `go list` takes them too, and no others.
std::vector<std::string> listing_flags(Kind kind, const std::string& tags, const std::vector<std::string>& flags) {
  std::vector<std::string> chosen;
  if (!tags.empty()) chosen.push_back(tags);
  if (kind == Kind::race) chosen.emplace_back("-race");
  for (std::size_t i = 0; i < flags.size(); ++i) {
    std::string_view name = flags[i];
    if (name.starts_with("--")) name.remove_prefix(1);
    const bool has_value = name.contains('=');
    name = name.substr(0, name.find('='));
    const bool takes_value = name == "-tags" || name == "-mod" || name == "-modfile" || name == "-overlay" ||
                             name == "-pgo" || name == "-compiler";
    const bool stands_alone = name == "-race" || name == "-msan" || name == "-asan";
    if (stands_alone || (takes_value && has_value)) {
      chosen.push_back(flags[i]);
    } else if (takes_value && i + 1 < flags.size()) {
      chosen.push_back(std::string(name) + "=" + flags[++i]);
    }
  }
  return chosen;
}

// Where `go build` writes to. Without outputs the packages are only compiled: left alone, go would put a program
// beside the sources. Of several outputs the first is named; what go writes beside it (the header of a C archive)
// are the others.
std::string build_output(const Node& node, const Target& target) {
  if (node.outputs.empty()) return "/dev/null";
  std::string path = relative_to(node.dir, node.outputs.front().path);
  const Config* outputs = target.table.find("outputs");
  const Text* written = nullptr;
  if (outputs != nullptr && outputs->array() != nullptr) written = outputs->array()->front().text();
  if (outputs != nullptr && outputs->table() != nullptr) written = outputs->table()->entries.front().value.text();
  if (written != nullptr && written->literal.ends_with('/')) path += '/';
  return path;
}

std::vector<std::string> command_line(Kind kind, const Node& node, const Target& target, const GoPackages& packages,
                                      const std::vector<std::string>& flags, ResolveContext& context) {
  if (kind == Kind::verify) return {"go", "mod", "verify"};
  std::vector<std::string> argv = {"go", kind == Kind::build ? "build" : kind == Kind::vet ? "vet" : "test"};
  if (kind == Kind::build) argv.emplace_back("-trimpath");
  argv.emplace_back("-buildvcs=false");
  if (kind == Kind::race) argv.emplace_back("-race");
  if (std::string tags = tags_flag(target); !tags.empty()) argv.push_back(std::move(tags));
  for (std::string& value : filled(target, "ldflags", node, context)) argv.push_back("-ldflags=" + std::move(value));
  argv.insert(argv.end(), flags.begin(), flags.end());
  if (kind == Kind::build) {
    argv.emplace_back("-o");
    argv.push_back(build_output(node, target));
  }
  argv.insert(argv.end(), packages.patterns.begin(), packages.patterns.end());
  return argv;
}

// The race detector is linked in by the C compiler. `go` says so only after it has compiled for a while, or not at all.
Status check_race(const GoEnvironment& environment, const GoSettings& settings, ResolveContext& context) {
  const std::string_view command = settings.value("CC");
  const std::string compiler(command.substr(0, command.find(' ')));
  const bool found = compiler.starts_with('/') ? context.tree().exists(compiler)
                                               : !compiler.empty() && !context.find_executables(compiler).empty();
  if (settings.value("CGO_ENABLED") != "1" && (found || !variable(environment, "CGO_ENABLED").empty()))
    return fail(ErrorKind::tool_failed, "the race detector needs cgo, and CGO_ENABLED is 0",
                "set `env = { CGO_ENABLED = \"1\" }` for this node");
  if (!found)
    return fail(ErrorKind::tool_missing,
                fmt::format("the race detector needs a C compiler, and `{}` is not in PATH",
                            compiler.empty() ? "gcc" : compiler),
                "install one (`apt-get install gcc libc6-dev`, `apk add gcc musl-dev`), or name it by CC");
  return {};
}

// GOWORK is a path of this machine; what it leads to counts as an input. GOTOOLCHAIN counts as the version that it
// leads to, and by its name when it is set in the environment.
void add_settings(const GoSettings& settings, Action& action) {
  action.fields.push_back({std::string(version_field), settings.version});
  for (const Field& value : settings.values) {
    const bool in_environment = std::ranges::find(action.env, value.name, &EnvVar::name) != action.env.end();
    if (!in_environment && value.name != "GOWORK" && value.name != "GOTOOLCHAIN")
      action.fields.push_back({"go env " + value.name, value.value});
  }
}

Result<Tool> find_go(ResolveContext& context) {
  Result<Tool> go = context.tool("go");
  if (!go && go.error().kind == ErrorKind::tool_missing)
    go.error().help = "install it with `apt-get install golang-go`, or unpack a release from https://go.dev/dl";
  return go;
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  const auto repeated = std::ranges::unique(values);
  values.erase(repeated.begin(), repeated.end());
}

}  // namespace

std::string_view GoRule::description() const {
  return "Builds, tests or checks packages of a Go module";
}

std::span<const KeySpec> GoRule::keys() const {
  return go_keys;
}

std::span<const std::string_view> GoRule::values() const {
  return go_values;
}

void GoRule::plan(const Target& target, PlanContext& context, Node& node) const {
  const Kind kind = kind_of(target);
  const auto reject = [&](std::string_view key) {
    if (const ConfigEntry* entry = target.table.entry(key))
      context.diagnostics.error(
          entry->place, fmt::format("`{}` has no meaning for kind `{}`", key, kinds[static_cast<std::size_t>(kind)]));
  };
  if (kind == Kind::vet || kind == Kind::verify) reject("ldflags");
  if (kind == Kind::verify) {
    for (const std::string_view key : {"packages", "tags", "flags"}) reject(key);
    // It says that the module cache of this machine is what go.sum wants, which is true of no other machine.
    if (node.cache == CachePolicy::shared || node.cache == CachePolicy::local) node.cache = CachePolicy::machine;
  }
  const Config* packages = target.table.find("packages");
  if (packages == nullptr || packages->array() == nullptr) return;
  if (packages->array()->empty())
    context.diagnostics.error(packages->place, "`packages` is empty", "leave it out for `./...`");
  for (const Config& element : *packages->array())
    if (const Text* text = element.text(); text != nullptr && text->literal.starts_with('-'))
      context.diagnostics.error(element.place, fmt::format("`{}` is a flag, no package", text->literal),
                                "flags belong into `flags`");
}

Result<Action> GoRule::resolve(const Node& node, const Target& target, ResolveContext& context) const {
  const Kind kind = kind_of(target);
  Result<Tool> go = find_go(context);
  if (!go) return std::unexpected(go.error());
  Action action{.rule = std::string(name()), .outputs = node.outputs, .tools = {*std::move(go)}, .cache = node.cache};

  const bool runs_tests = kind == Kind::test || kind == Kind::race;
  const GoEnvironment environment = go_environment(node, runs_tests ? GoUse::test : GoUse::build, context);
  action.env = environment.action;
  GoModules modules = find_go_modules(context.tree(), node.dir, variable(environment, "GOWORK"));
  const Result<GoSettings> settings = ask_go_settings(node, environment, modules.files, context);
  if (!settings) return std::unexpected(settings.error());
  // `go env -w GOWORK=…` is seen by go alone.
  const std::string_view gowork = settings->value("GOWORK");
  modules = find_go_modules(context.tree(), node.dir, gowork.empty() ? "off" : gowork);
  action.tools.front().version = settings->version;
  add_settings(*settings, action);
  if (kind == Kind::race)
    if (Status possible = check_race(environment, *settings, context); !possible)
      return std::unexpected(possible.error());

  const std::vector<std::string> flags = filled(target, "flags", node, context);
  GoPackages packages{.patterns = filled(target, "packages", node, context),
                      .flags = listing_flags(kind, tags_flag(target), flags),
                      .use = runs_tests || kind == Kind::vet ? GoUse::test : GoUse::build,
                      .reads_testdata = runs_tests};
  if (packages.patterns.empty()) packages.patterns = {"./..."};
  Process process{
      .name = kind == Kind::verify ? "go mod verify" : "go " + std::string(kinds[static_cast<std::size_t>(kind)]),
      .argv = command_line(kind, node, target, packages, flags, context),
      .dir = node.dir};
  if (Status added = add_module_files(modules, context.tree(), action); !added) return std::unexpected(added.error());
  if (kind != Kind::verify) {
    Result<std::vector<EnvVar>> env = add_go_inputs(node, packages, modules, environment, *settings, context, action);
    if (!env) return std::unexpected(env.error());
    process.env = *std::move(env);
  }
  sort_unique(action.inputs);
  action.processes.push_back(std::move(process));
  return action;
}

Result<Collected> GoRule::collect(const Node&, const Action& action, const Run&) const {
  const auto field = std::ranges::find(action.fields, version_field, &Field::name);
  std::string version = field == action.fields.end() ? "" : field->value;
  if (version.starts_with("go")) version.erase(0, 2);
  return Collected{.values = {{"version", std::move(version)}}, .witness = {}};
}

}  // namespace trilock
