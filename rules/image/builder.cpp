#include "rules/image/builder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace trilock {
namespace {

constexpr std::array<std::string_view, 5> docker_variables = {"DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT",
                                                              "DOCKER_HOST", "DOCKER_TLS_VERIFY"};
constexpr std::array<std::string_view, 6> containers_variables = {
    "CONTAINERS_CONF", "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_STORAGE_CONF", "REGISTRY_AUTH_FILE", "STORAGE_DRIVER",
    "STORAGE_OPTS"};
constexpr std::array<std::string_view, 7> network_variables = {
    "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "XDG_RUNTIME_DIR", "http_proxy", "https_proxy", "no_proxy"};

constexpr std::string_view how_to_install = "install one: `apt-get install buildah` needs no daemon";

// The first number of "20.10.24+dfsg1" or "1.28.2", and the second: {20, 10}.
std::pair<int, int> version_numbers(std::string_view version) {
  std::pair<int, int> numbers{0, 0};
  const char* end = version.data() + version.size();
  auto [next, error] = std::from_chars(version.data(), end, numbers.first);
  if (error == std::errc{} && next != end && *next == '.') std::from_chars(next + 1, end, numbers.second);
  return numbers;
}

std::string first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  while (text.ends_with('\r') || text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

// "buildah version 1.28.2 (image-spec …)" and "podman version 4.3.1".
Result<Builder> containers_builder(BuilderKind kind, ResolveContext& context) {
  const std::string name(to_string(kind));
  auto tool = context.tool(name);
  if (!tool) {
    return fail(ErrorKind::tool_missing, fmt::format("`{}` is not in PATH", name),
                fmt::format("install it: `apt-get install {}`", name));
  }
  const auto answer = context.ask({.argv = {name, "--version"}});
  if (!answer) return std::unexpected(answer.error());
  Builder builder{.kind = kind, .command = name, .tool = std::move(*tool)};
  builder.tool.identity = first_line(answer->out);
  const std::string prefix = name + " version ";
  if (answer->exit_code != 0 || !builder.tool.identity.starts_with(prefix)) {
    return fail(ErrorKind::tool_failed, fmt::format("`{} --version` gave no version", builder.tool.path));
  }
  const auto version = builder.tool.identity.substr(prefix.size());
  builder.version = version.substr(0, version.find(' '));
  builder.tool.version = builder.version;
  return builder;
}

Question docker_question(std::vector<std::string> argv, ResolveContext& context) {
  return {.argv = std::move(argv), .env = builder_environment(BuilderKind::docker, context)};
}

// "" when the client has no buildx. `--help` lists the plugins and never fails, so its answer is remembered, which that
// of a failing `buildx version` would not be.
std::string buildx_version(const std::string& client, ResolveContext& context) {
  std::vector<std::string> plugins = {"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
                                      "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins"};
  if (const auto home = context.environment("HOME")) plugins.push_back(fmt::format("{}/.docker/cli-plugins", *home));
  auto question = docker_question({client, "--help"}, context);
  question.listing_of = plugins;
  const auto help = context.ask(question);
  if (!help || help->exit_code != 0 || help->out.find("\n  buildx") == std::string::npos) return {};
  question.argv = {client, "buildx", "version"};
  const auto answer = context.ask(question);
  return answer && answer->exit_code == 0 ? first_line(answer->out) : "";
}

// A client that can drive BuildKit: one with buildx, or one older than 23, which has its own.
Result<Builder> docker_client(ResolveContext& context) {
  const auto clients = context.find_executables("docker");
  for (std::size_t i = 0; i < clients.size(); ++i) {
    Builder builder{.kind = BuilderKind::docker, .command = i == 0 ? "docker" : clients[i]};
    builder.tool = {"docker", clients[i], {}, {}};
    // `--version` asks no daemon: "Docker version 20.10.24+dfsg1, build 5d6db84".
    const auto version = context.ask({.argv = {clients[i], "--version"}});
    if (!version || version->exit_code != 0 || !version->out.starts_with("Docker version ")) continue;
    builder.tool.identity = first_line(version->out);
    const auto text = builder.tool.identity.substr(15);
    builder.version = text.substr(0, text.find_first_of(", "));
    builder.tool.version = builder.version;
    if (const auto version_line = buildx_version(clients[i], context); !version_line.empty()) {
      builder.buildx = true;
      builder.tool.identity += fmt::format("; {}", version_line);
    }
    if (builder.buildx || version_numbers(builder.version).first < 23) return builder;
  }
  if (clients.empty()) {
    return fail(ErrorKind::tool_missing, "`docker` is not in PATH", "install it: `apt-get install docker.io`");
  }
  return fail(ErrorKind::tool_missing,
              fmt::format("no `docker` in PATH can use BuildKit (looked at `{}`)", fmt::join(clients, "`, `")),
              "install the buildx plugin of docker, or use `builder = \"buildah\"`");
}

// The daemon's version, as a part of what builds; fails when none answers.
Result<Builder> docker_builder(ResolveContext& context) {
  auto builder = docker_client(context);
  if (!builder) return builder;
  auto question = docker_question({builder->tool.path, "version", "--format", "{{.Server.Version}}"}, context);
  const std::string socket = docker_socket(context);
  if (socket.empty()) {
    question.every_run = true;
  } else {
    question.stat_of = {socket};  // made anew by each daemon
  }
  const auto server = context.ask(question);
  if (!server) return std::unexpected(server.error());
  if (server->exit_code != 0) {
    return fail(ErrorKind::tool_missing, fmt::format("docker's daemon does not answer: {}", first_line(server->err)),
                "start it, or use `builder = \"buildah\"`, which needs none");
  }
  builder->tool.identity += fmt::format("; server {}", first_line(server->out));
  return builder;
}

void add_variables(std::span<const std::string_view> names, ResolveContext& context, std::vector<EnvVar>& env) {
  for (const auto name : names) {
    if (auto value = context.environment(std::string(name))) {
      env.push_back({std::string(name), std::move(*value), EnvClass::ambient});
    }
  }
}

}  // namespace

std::string_view to_string(BuilderKind kind) {
  switch (kind) {
    case BuilderKind::docker:
      return "docker";
    case BuilderKind::buildah:
      return "buildah";
    case BuilderKind::podman:
      return "podman";
  }
  return "";
}

std::string docker_socket(ResolveContext& context) {
  const auto host = context.environment("DOCKER_HOST");
  if (host && !host->empty()) return host->starts_with("unix://") ? host->substr(7) : "";
  const auto chosen = context.environment("DOCKER_CONTEXT");
  return chosen && !chosen->empty() && *chosen != "default" ? "" : "/var/run/docker.sock";
}

Result<Builder> choose_builder(std::string_view wanted, ResolveContext& context) {
  if (wanted == "docker") return docker_builder(context);
  if (wanted == "buildah") return containers_builder(BuilderKind::buildah, context);
  if (wanted == "podman") return containers_builder(BuilderKind::podman, context);
  const std::string socket = docker_socket(context);
  const bool reachable = socket.empty() || context.tree().stat(socket).has_value();
  if (reachable && !context.find_executables("docker").empty()) {
    if (auto builder = docker_builder(context)) return builder;
  }
  for (const auto kind : {BuilderKind::buildah, BuilderKind::podman}) {
    if (!context.find_executables(std::string(to_string(kind))).empty()) return containers_builder(kind, context);
  }
  return fail(ErrorKind::tool_missing,
              "no program that builds images was found: no docker with a daemon, no buildah, no podman",
              std::string(how_to_install));
}

Result<Builder> builder_of(std::string_view kind, ResolveContext& context) {
  if (kind == "docker") return docker_client(context);
  return containers_builder(kind == "podman" ? BuilderKind::podman : BuilderKind::buildah, context);
}

std::vector<EnvVar> builder_environment(BuilderKind kind, ResolveContext& context) {
  std::vector<EnvVar> env;
  add_variables(network_variables, context, env);
  if (kind == BuilderKind::docker) {
    add_variables(docker_variables, context, env);
  } else {
    add_variables(containers_variables, context, env);
    // chroot needs neither namespaces that a container forbids nor a runtime; podman knows the variable too.
    const auto isolation = context.environment("BUILDAH_ISOLATION");
    env.push_back({"BUILDAH_ISOLATION", isolation.value_or("chroot"), EnvClass::ambient});
  }
  std::ranges::sort(env, {}, &EnvVar::name);
  return env;
}

bool knows_heredocs(const Builder& builder, std::string_view syntax) {
  const auto version = version_numbers(builder.version);
  switch (builder.kind) {
    case BuilderKind::docker:
      return builder.buildx || !syntax.empty();
    case BuilderKind::buildah:
      return version >= std::pair{1, 33};
    case BuilderKind::podman:
      return version >= std::pair{4, 9};
  }
  return false;
}

std::string pinned_name(BuilderKind kind, const BaseImage& base) {
  std::string id = base.digest.substr(base.digest.find(':') + 1);
  if (kind != BuilderKind::docker) return id;
  // BuildKit refuses an id in FROM. A tag made of the id means one content for ever, whoever sets it.
  std::string name;
  for (const char c : base.label) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter) {
      name += c;
    } else if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (name.ends_with('-')) name.pop_back();
  return fmt::format("localhost/trilock/{}:{}", name, id);
}

}  // namespace trilock
