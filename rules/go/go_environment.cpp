#include "rules/go/go_environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/go/go_quiet.hpp"
#include "schemas/go_version.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

constexpr std::array<std::string_view, 30> deciding = {"AR",
                                                       "CC",
                                                       "CGO_CFLAGS",
                                                       "CGO_CPPFLAGS",
                                                       "CGO_CXXFLAGS",
                                                       "CGO_ENABLED",
                                                       "CGO_FFLAGS",
                                                       "CGO_LDFLAGS",
                                                       "CXX",
                                                       "FC",
                                                       "GCCGO",
                                                       "GO111MODULE",
                                                       "GO386",
                                                       "GOAMD64",
                                                       "GOARCH",
                                                       "GOARM",
                                                       "GOARM64",
                                                       "GOEXPERIMENT",
                                                       "GOFIPS140",
                                                       "GOFLAGS",
                                                       "GOMIPS",
                                                       "GOMIPS64",
                                                       "GOOS",
                                                       "GOPPC64",
                                                       "GORISCV64",
                                                       "GOTOOLCHAIN",
                                                       "GOWASM",
                                                       "GOWORK",
                                                       "GO_EXTLINK_ENABLED",
                                                       "PKG_CONFIG"};

constexpr std::array<std::string_view, 3> deciding_tests = {"GODEBUG", "GORACE", "GOTRACEBACK"};

constexpr std::array<std::string_view, 28> ambient = {
    "GIT_SSH_COMMAND", "GOAUTH",      "GOCACHE",       "GOENV",        "GOINSECURE",    "GOMODCACHE",
    "GONOPROXY",       "GONOSUMDB",   "GOPATH",        "GOPRIVATE",    "GOPROXY",       "GOROOT",
    "GOSUMDB",         "GOTELEMETRY", "GOTMPDIR",      "GOVCS",        "HTTPS_PROXY",   "HTTP_PROXY",
    "NETRC",           "NO_PROXY",    "SSH_AUTH_SOCK", "SSL_CERT_DIR", "SSL_CERT_FILE", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "http_proxy",  "https_proxy",   "no_proxy"};

bool declares(const Node& node, std::string_view name) {
  return std::ranges::find(node.env, name, &std::pair<std::string, Text>::first) != node.env.end() ||
         std::ranges::find(node.pass_env, name) != node.pass_env.end() ||
         std::ranges::find(node.secret_env, name) != node.secret_env.end();
}

void pass(std::span<const std::string_view> names, EnvClass kind, const Node& node, ResolveContext& context,
          std::vector<EnvVar>& to) {
  for (const std::string_view name : names) {
    if (declares(node, name)) continue;
    if (std::optional<std::string> value = context.environment(std::string(name)))
      to.push_back({std::string(name), *std::move(value), kind});
  }
}

void pass_own(std::span<const std::string> names, EnvClass kind, ResolveContext& context, std::vector<EnvVar>& to) {
  for (const std::string& name : names)
    if (std::optional<std::string> value = context.environment(name)) to.push_back({name, *std::move(value), kind});
}

// The file that `go env -w` writes: see `go help environment`, GOENV.
std::string settings_file(const GoEnvironment& environment, ResolveContext& context) {
  const auto value = [&](std::string_view name) {
    const std::string_view set = variable(environment, name);
    return set.empty() ? context.environment(std::string(name)).value_or("") : std::string(set);
  };
  if (const std::string file = value("GOENV"); !file.empty()) return file == "off" ? "" : file;
  if (const std::string config = value("XDG_CONFIG_HOME"); !config.empty()) return config + "/go/env";
  const std::string home = value("HOME");
  return home.empty() ? "" : home + "/.config/go/env";
}

}  // namespace

std::span<const std::string_view> go_deciding_variables() {
  return deciding;
}
std::span<const std::string_view> go_test_variables() {
  return deciding_tests;
}
std::span<const std::string_view> go_ambient_variables() {
  return ambient;
}

GoEnvironment go_environment(const Node& node, GoUse use, ResolveContext& context) {
  GoEnvironment environment;
  pass(deciding, EnvClass::passed, node, context, environment.action);
  if (use == GoUse::test) pass(deciding_tests, EnvClass::passed, node, context, environment.action);
  pass(ambient, EnvClass::ambient, node, context, environment.action);
  std::ranges::sort(environment.action, {}, &EnvVar::name);
  environment.question = environment.action;
  for (const auto& [name, value] : node.env)
    environment.question.push_back({name, context.fill(value, node.dir), EnvClass::declared});
  pass_own(node.pass_env, EnvClass::passed, context, environment.question);
  pass_own(node.secret_env, EnvClass::secret, context, environment.question);
  std::ranges::sort(environment.question, {}, &EnvVar::name);
  return environment;
}

std::string_view variable(const GoEnvironment& environment, std::string_view name) {
  const auto found = std::ranges::find(environment.question, name, &EnvVar::name);
  return found == environment.question.end() ? std::string_view() : std::string_view(found->value);
}

std::string_view GoSettings::value(std::string_view name) const {
  const auto found = std::ranges::find(values, name, &Field::name);
  return found == values.end() ? std::string_view() : std::string_view(found->value);
}

Result<std::string> ask_go(const Question& question, ResolveContext& context, bool* quiet) {
  Result<Answer> answer = context.ask(question);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (quiet != nullptr) *quiet = answer->quiet;
  if (answer->exit_code == 0) return std::move(answer->out);
  std::string message = answer->err.empty() ? std::move(answer->out) : std::move(answer->err);
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  if (message.empty()) message = fmt::format("exit code {}", answer->exit_code);
  if (answer->quiet && is_failure_of_quiet(message))
    return fail(ErrorKind::not_known, fmt::format("not known before a run: `go {}` says: {}", question.argv[1],
                                                  message.substr(0, message.find('\n'))));
  return fail(ErrorKind::tool_failed, fmt::format("`go {}` failed: {}", question.argv[1], message));
}

// With another toolchain than this one, which go.mod asks for and a run would take, answers would be others.
Status check_toolchain(const GoEnvironment& environment, const GoSettings& settings,
                       std::span<const std::string> module_files, ResolveContext& context) {
  const std::string_view here =
      std::string_view(settings.version).substr(std::min<std::size_t>(2, settings.version.size()));
  if (variable(environment, "GOTOOLCHAIN") == "local" || here.empty() || compare_go_versions(here, "1.21") < 0)
    return {};
  for (const std::string& file : module_files) {
    if (!file.ends_with("go.mod") && !file.ends_with("go.work")) continue;
    const Result<std::string> text = context.tree().read(file);
    const Result<std::string> wanted = text ? effective_go_version(*text) : std::unexpected(text.error());
    if (wanted && compare_go_versions(here, *wanted) < 0)
      return fail(ErrorKind::not_known,
                  fmt::format("not known before a run: `{}` asks for go {}, and this is {}", file, *wanted, here));
  }
  return {};
}

Result<GoSettings> ask_go_settings(const Node& node, const GoEnvironment& environment,
                                   std::span<const std::string> module_files, ResolveContext& context) {
  Question question{.argv = {"go", "env", "-json", "GOVERSION"}, .dir = node.dir, .env = environment.question};
  for (const std::string_view name : deciding) question.argv.emplace_back(name);
  question.content_of.assign(module_files.begin(), module_files.end());
  std::string file = settings_file(environment, context);
  if (!file.empty()) question.content_of.push_back(file);
  question.quiet = quiet_go_env(environment, std::move(file), context.tree());
  bool quiet = false;
  const Result<std::string> out = ask_go(question, context, &quiet);
  if (!out) return std::unexpected(out.error());
  const Result<Json> object = parse_json(*out);
  if (!object || object->object() == nullptr)
    return fail(ErrorKind::tool_failed, fmt::format("cannot read what `go env` wrote: `{}`", *out));
  GoSettings settings;
  settings.quiet = std::move(question.quiet);
  for (const auto& [name, value] : object->object()->members) {
    const std::string* text = value.string();
    if (text == nullptr || text->empty()) continue;
    if (name == "GOVERSION")
      settings.version = *text;
    else
      settings.values.push_back({name, *text});
  }
  std::ranges::sort(settings.values, {}, &Field::name);
  if (quiet)
    if (Status same = check_toolchain(environment, settings, module_files, context); !same)
      return std::unexpected(same.error());
  return settings;
}

}  // namespace trilock
