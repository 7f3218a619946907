// The index files, measured with buildah 1.28 and docker 20.10:
//   containers/storage rewrites `<root>/<driver>-images/images.json` on every change of an image or a name;
//   docker rewrites `repositories.json` when a tag changes, and an image that goes takes its file out of
//   `imagedb/content/sha256`, which changes that directory.
// docker's containerd store has neither file; then every run asks.
#include "rules/image/store.hpp"

#include <algorithm>

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

std::vector<std::string> containers_index(const Builder& builder, ResolveContext& context) {
  Question question{.argv = {builder.command, "info"},
                    .env = builder_environment(builder.kind, context),
                    .content_of = storage_configuration(context)};
  const bool podman = builder.kind == BuilderKind::podman;
  if (podman) question.argv.insert(question.argv.end(), {"--format", "json"});
  const auto answer = context.ask(question);
  if (!answer || answer->exit_code != 0) return {};
  const auto info = parse_json(answer->out);
  if (!info) return {};
  const Json* store = info->at("store");
  const Json* root = store == nullptr ? nullptr : store->at(podman ? "graphRoot" : "GraphRoot");
  const Json* driver = store == nullptr ? nullptr : store->at(podman ? "graphDriverName" : "GraphDriverName");
  if (root == nullptr || driver == nullptr || root->string() == nullptr || driver->string() == nullptr) return {};
  return {fmt::format("{}/{}-images/images.json", *root->string(), *driver->string())};
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

}  // namespace

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
