// The index files, measured with buildah 1.28 and docker 20.10:
//   containers/storage rewrites `<root>/<driver>-images/images.json` on every change of an image or a name;
//   docker rewrites `repositories.json` when a tag changes, and an image that goes takes its file out of
//   `imagedb/content/sha256`, which changes that directory.
// docker's containerd store has neither file; then every run asks.
#include "rules/image/store.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "rules/image/image_reference.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

bool all_exist(const std::vector<std::string>& paths, ResolveContext& context) {
  return std::ranges::all_of(paths, [&](const std::string& path) { return context.tree().stat(path).has_value(); });
}

// The files that say where a store is.
std::vector<std::string> storage_configuration(ResolveContext& context) {
  std::vector<std::string> files = {"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"};
  if (auto named = context.environment("CONTAINERS_STORAGE_CONF")) files.push_back(std::move(*named));
  if (const auto home = context.environment("HOME")) {
    files.push_back(fmt::format("{}/.config/containers/storage.conf", *home));
  }
  return files;
}

struct ContainersStore {
  std::string graph_root;  // "" when it is not known
  std::string run_root;
  std::string driver;
};

ContainersStore containers_store(const Builder& builder, ResolveContext& context) {
  Question question{.argv = {builder.command, "info"},
                    .env = builder_environment(builder.kind, context),
                    .content_of = storage_configuration(context)};
  const bool podman = builder.kind == BuilderKind::podman;
  if (podman) question.argv.insert(question.argv.end(), {"--format", "json"});
  const auto answer = context.ask(question);
  if (!answer || answer->exit_code != 0) return {};
  const auto info = parse_json(answer->out);
  const Json* store = info ? info->at("store") : nullptr;
  const auto text = [&](const char* key) -> std::string {
    const Json* value = store == nullptr ? nullptr : store->at(key);
    return value == nullptr || value->string() == nullptr ? "" : *value->string();
  };
  return {text(podman ? "graphRoot" : "GraphRoot"), text(podman ? "runRoot" : "RunRoot"),
          text(podman ? "graphDriverName" : "GraphDriverName")};
}

std::vector<std::string> containers_index(const Builder& builder, ResolveContext& context) {
  const ContainersStore store = containers_store(builder, context);
  if (store.graph_root.empty() || store.driver.empty()) return {};
  return {fmt::format("{}/{}-images/images.json", store.graph_root, store.driver)};
}

std::vector<std::string> docker_index(const Builder& builder, ResolveContext& context) {
  const std::string socket = docker_socket(context);
  if (socket.empty()) return {};
  const auto answer = context.ask({.argv = {builder.command, "info", "--format", "{{.Driver}} {{.DockerRootDir}}"},
                                   .env = builder_environment(builder.kind, context),
                                   .stat_of = {socket}});
  if (!answer || answer->exit_code != 0) return {};
  const std::string line = answer->out.substr(0, answer->out.find('\n'));
  const auto blank = line.find(' ');
  if (blank == std::string::npos) return {};
  const std::string root = fmt::format("{}/image/{}", line.substr(blank + 1), line.substr(0, blank));
  return {root + "/imagedb/content/sha256", root + "/repositories.json"};
}

Question list_question(const Builder& builder, ResolveContext& context) {
  Question question{.env = builder_environment(builder.kind, context)};
  switch (builder.kind) {
    case BuilderKind::docker:
      question.argv = {
          builder.command, "image", "ls", "-a", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"};
      question.stat_of = docker_index(builder, context);
      break;
    case BuilderKind::buildah:
      question.argv = {builder.command, "images", "-a", "--no-trunc", "-n", "--format", "{{.ID}} {{.Name}}:{{.Tag}}"};
      question.stat_of = containers_index(builder, context);
      break;
    case BuilderKind::podman:
      question.argv = {
          builder.command, "images", "-a", "--no-trunc", "-n", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"};
      question.stat_of = containers_index(builder, context);
      break;
  }
  if (question.stat_of.empty() || !all_exist(question.stat_of, context)) {
    question.stat_of.clear();
    question.every_run = true;
  }
  return question;
}

// "2026-11-24T06:40:54.607Z", also with "+01:00" at the end, in milliseconds since the epoch; 0 when it is neither.
std::int64_t time_of(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  std::int64_t time = std::int64_t{::timegm(&parts)} * 1000;
  if (*rest == '.') {
    std::int64_t unit = 100;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) time += (*rest - '0') * unit;
  }
  int hours = 0;
  int minutes = 0;
  char sign = 0;
  if (std::sscanf(rest, "%c%d:%d", &sign, &hours, &minutes) == 3)
    time -= (sign == '-' ? -60'000 : 60'000) * (std::int64_t{hours} * 60 + minutes);
  return time;
}

void add_containers(const Json& list, std::int64_t since_ms, std::vector<std::string>& names) {
  if (list.array() == nullptr) return;
  for (const Json& container : *list.array()) {
    const Json* created = container.at("created");
    const Json* name = container.at("names");
    if (created == nullptr || created->string() == nullptr || time_of(*created->string()) < since_ms) continue;
    if (name == nullptr || name->array() == nullptr || name->array()->empty()) continue;
    if (const std::string* first = name->array()->front().string()) names.push_back(*first);
  }
}

}  // namespace

// containers/storage keeps containers that need not outlive a boot in a file of their own since 1.42.
Result<std::vector<std::string>> working_containers(const Builder& builder, std::int64_t since_ms,
                                                    ResolveContext& context) {
  std::vector<std::string> names;
  const ContainersStore store = containers_store(builder, context);
  if (store.graph_root.empty()) {
    return fail(ErrorKind::tool_failed, fmt::format("`{} info` does not say where its store is", builder.command));
  }
  for (const std::string& path :
       {fmt::format("{}/{}-containers/containers.json", store.graph_root, store.driver),
        fmt::format("{}/{}-containers/volatile-containers.json", store.run_root, store.driver)}) {
    const auto text = context.tree().read(path);
    if (!text) continue;
    if (const auto list = parse_json(*text)) add_containers(*list, since_ms, names);
  }
  std::ranges::sort(names);
  return names;
}

Result<bool> image_in_store(const Builder& builder, const std::string& id, std::span<const std::string> tags,
                            ResolveContext& context) {
  const auto answer = context.ask(list_question(builder, context));
  if (!answer) return std::unexpected(answer.error());
  if (answer->exit_code != 0) {
    return fail(ErrorKind::tool_failed, fmt::format("`{}` cannot list its images", builder.command));
  }
  bool present = false;
  std::vector<bool> tagged(tags.size(), false);
  for (std::string_view rest = answer->out; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.starts_with(id)) continue;
    present = true;
    const auto name = line.substr(std::min(line.find_first_not_of(' ', id.size()), line.size()));
    if (name.empty() || name.starts_with('<')) continue;
    for (std::size_t i = 0; i < tags.size(); ++i) tagged[i] = tagged[i] || same_stored_name(name, tags[i]);
  }
  return present && std::ranges::find(tagged, false) == tagged.end();
}

}  // namespace trilock
