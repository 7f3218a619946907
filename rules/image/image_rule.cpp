#include "rules/image/image_rule.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rules/image/builder.hpp"
#include "rules/image/context.hpp"
#include "rules/image/dockerfile.hpp"
#include "rules/image/image_plan.hpp"
#include "rules/image/image_reference.hpp"
#include "rules/image/stages.hpp"
#include "rules/image/store.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

constexpr std::array<std::string_view, 4> builders = {"auto", "docker", "buildah", "podman"};

constexpr std::array image_keys = {
    KeySpec{
        .name = "dockerfile", .type = KeyType::string, .description = "The Dockerfile", .standard = "\"Dockerfile\""},
    KeySpec{.name = "context",
            .type = KeyType::string,
            .description = "The directory that COPY and ADD read from; `dir` when absent",
            .standard = "\".\""},
    KeySpec{.name = "target", .type = KeyType::string, .description = "The stage to build; the last one when absent"},
    KeySpec{.name = "platform", .type = KeyType::string, .description = "What to build for, such as `linux/arm64`"},
    KeySpec{.name = "args", .type = KeyType::string_table, .description = "Values for the ARG instructions"},
    KeySpec{.name = "contexts",
            .type = KeyType::text_table,
            .description =
                "Names that FROM, COPY --from and RUN --mount use for images of other nodes, each with its label"},
    KeySpec{.name = "labels", .type = KeyType::string_table, .description = "Labels for the image's configuration"},
    KeySpec{.name = "tags", .type = KeyType::strings, .description = "Names that the image gets in its store"},
    KeySpec{
        .name = "builder",
        .type = KeyType::choice,
        .description = "The program that builds; `auto` is docker where its daemon answers, else buildah, else podman",
        .choices = builders,
        .standard = "\"auto\""},
    KeySpec{.name = "push",
            .type = KeyType::boolean,
            .description = "Whether the tags are pushed to their registries",
            .standard = "false"},
    KeySpec{
        .name = "archive", .type = KeyType::literal, .description = "Writes the image as an OCI archive to this file"},
};
constexpr std::array<std::string_view, 3> image_values = {"digest", "manifest-digest", "ref"};

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto blank = std::min(text.find(' '), text.size());
    if (blank > 0) words.emplace_back(text.substr(0, blank));
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return words;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

const std::string* field_of(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &found->value;
}

// What `resolve` puts together.
class Resolver {
 public:
  Resolver(const Node& node, const Target& target, ResolveContext& context)
      : node_(node), target_(target), context_(context) {}

  Result<Action> run() {
    auto builder = choose_builder(literal_or(target_.table, "builder", "auto"), context_);
    if (!builder) return std::unexpected(std::move(builder.error()));
    builder_ = std::move(*builder);
    for (const auto step : {&Resolver::read_paths, &Resolver::read_request, &Resolver::read_dockerfile,
                            &Resolver::read_context, &Resolver::finish}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(std::move(done.error()));
    }
    return std::move(action_);
  }

 private:
  [[nodiscard]] std::string text(std::string_view key) {
    const Config* value = target_.table.find(key);
    const Text* found = value == nullptr ? nullptr : value->text();
    return found == nullptr ? "" : context_.fill(*found, node_.dir);
  }

  Result<std::string> path(std::string_view key, std::string_view fallback) {
    const std::string written = text(key);
    Diagnostics findings;
    std::string found = workspace_path(node_.dir, written.empty() ? fallback : written, {}, findings);
    if (!findings.has_errors()) return found;
    return fail(ErrorKind::invalid, findings.all().front().message, findings.all().front().help);
  }

  Status read_paths() {
    auto dockerfile = path("dockerfile", "Dockerfile");
    if (!dockerfile) return std::unexpected(dockerfile.error());
    auto directory = path("context", ".");
    if (!directory) return std::unexpected(directory.error());
    dockerfile_ = std::move(*dockerfile);
    directory_ = std::move(*directory);
    return {};
  }

  Status read_request() {
    request_.label = target_.label;
    request_.target = text("target");
    request_.platform = text("platform");
    for (const auto& [name, value] : text_table_of(target_.table, "args")) {
      request_.args.emplace_back(name, context_.fill(value, node_.dir));
    }
    for (const auto& [name, value] : text_table_of(target_.table, "labels")) {
      request_.labels.emplace_back(name, context_.fill(value, node_.dir));
    }
    // The order in the file means nothing to the build.
    std::ranges::sort(request_.args);
    std::ranges::sort(request_.labels);
    for (const Text& tag : texts_of(target_.table, "tags")) {
      request_.tags.push_back(context_.fill(tag, node_.dir));
      if (const auto wrong = check_image_name(request_.tags.back()); !wrong.empty()) {
        return fail(ErrorKind::invalid, fmt::format("`{}` is no name for an image: {}", request_.tags.back(), wrong));
      }
    }
    request_.push = boolean_or(target_.table, "push", false);
    request_.archive = archive_of(target_, node_);
    return {};
  }

  Status read_dockerfile() {
    const auto bytes = context_.tree().read(dockerfile_);
    if (!bytes) return std::unexpected(bytes.error());
    std::vector<DockerfileProblem> problems;
    const Dockerfile file = parse_dockerfile(*bytes, problems);
    std::vector<BuildArg> args;
    for (const auto& [name, value] : request_.args) args.push_back({name, value});
    const auto uses = problems.empty() ? image_uses(file, args, request_.platform, problems) : std::vector<ImageUse>{};
    if (!problems.empty()) {
      return fail(ErrorKind::invalid,
                  fmt::format("`{}:{}`: {}", dockerfile_, problems.front().line, problems.front().message),
                  problems.front().help);
    }
    const auto stage = target_stage(file, request_.target);
    if (!stage) return fail(ErrorKind::invalid, fmt::format("`{}` has no stage `{}`", dockerfile_, request_.target));
    if (auto done = check_instructions(file); !done) return done;
    const auto reached = reachable_stages(file, uses, *stage);
    std::vector<std::pair<FileSpan, std::string>> replacements;
    for (const ImageUse& use : uses) {
      if (!reached[use.in_stage] || use.image.empty()) continue;
      auto pinned = pin(use);
      if (!pinned) return std::unexpected(pinned.error());
      if (!pinned->empty()) replacements.emplace_back(use.span, std::move(*pinned));
    }
    const std::string copy = replace_spans(*bytes, file.escape, std::move(replacements));
    action_.writes.push_back({fmt::format("{}/Dockerfile", scratch_marker), copy});
    return add_file(context_.tree(), dockerfile_, action_);
  }

  Status check_instructions(const Dockerfile& file) {
    for (const DockerfileInstruction& instruction : file.instructions) {
      if (!instruction.heredocs.empty() && !knows_heredocs(builder_, file.syntax)) {
        return fail(ErrorKind::invalid,
                    fmt::format("{} {} does not read heredocs (`{}:{}`)", to_string(builder_.kind), builder_.version,
                                dockerfile_, instruction.line),
                    "write the lines as one `RUN` with `&&`, or use buildah 1.33, podman 4.9 or docker with buildx");
      }
      for (const DockerfileFlag& flag : instruction.flags) {
        // buildah's layer cache does not look at what is mounted.
        const bool mount = instruction.name == "RUN" && flag.name == "mount";
        const bool other = flag.value.text.find("type=") != std::string::npos &&
                           flag.value.text.find("type=bind") == std::string::npos;
        if (mount && !other) request_.layer_cache = false;
      }
    }
    return {};
  }

  // What to write in place of an image's name: "" to leave it.
  Result<std::string> pin(const ImageUse& use) {
    const std::string full = full_image_name(use.image);
    for (const auto& [name, kept] : node_.kept) {
      if (name == std::string(kept_text) + full) {
        const std::string value = context_.fill(kept, node_.dir);
        action_.fields.push_back({fmt::format("image {}", use.image), value});
        return is_image_id(value) ? pin_id(use.image, value) : value;
      }
      if (name != std::string(kept_base) + full) continue;
      const std::string* digest = context_.value(kept.literal, "digest");
      if (digest == nullptr || !is_image_id(*digest)) {
        return fail(ErrorKind::invalid,
                    fmt::format("`{}` has no image that `{}:{}` could build on", kept.literal, dockerfile_, use.line));
      }
      action_.fields.push_back({fmt::format("image {}", use.image), *digest});
      return pin_id(kept.literal, *digest);
    }
    return std::string();
  }

  std::string pin_id(const std::string& label, const std::string& digest) {
    const BaseImage base{label, digest};
    const bool known =
        std::ranges::any_of(request_.bases, [&](const BaseImage& each) { return each.digest == digest; });
    if (!known) request_.bases.push_back(base);
    const auto same = std::ranges::find(request_.bases, digest, &BaseImage::digest);
    return pinned_name(builder_.kind, *same);
  }

  Status read_context() {
    const auto rules = read_ignore_rules(context_.tree(), dockerfile_, directory_);
    if (!rules) return std::unexpected(rules.error());
    auto listing = list_context(context_.tree(), directory_, *rules, context_.foreign_outputs(), "context");
    if (!listing) return std::unexpected(std::move(listing.error()));
    action_.staged = std::move(listing->entries);
    action_.inputs.insert(action_.inputs.end(), listing->inputs.begin(), listing->inputs.end());
    // The context is what is left after ignoring, so the builder must not ignore again by rules of its own.
    const auto* ignore = builder_.kind == BuilderKind::docker ? "Dockerfile.dockerignore" : "ignore";
    action_.writes.push_back({fmt::format("{}/{}", scratch_marker, ignore), ""});
    return {};
  }

  Status finish() {
    action_.rule = "image";
    action_.cache = node_.cache;
    action_.outputs = node_.outputs;
    action_.tools.push_back(builder_.tool);
    for (const std::string& name : helper_tools(builder_, request_)) {
      auto tool = context_.tool(name);
      if (!tool) {
        const auto* const key = is_private_output(request_.archive) ? "[cache] images" : "archive";
        return fail(ErrorKind::tool_missing, fmt::format("`{}` is not in PATH; `{}` needs it", name, key),
                    fmt::format("install it: `apt-get install {}`", name));
      }
      action_.tools.push_back(std::move(*tool));
    }
    action_.env = builder_environment(builder_.kind, context_);
    action_.fields.push_back({"builder", std::string(to_string(builder_.kind))});
    if (builder_.kind != BuilderKind::docker) action_.leaves.push_back(action_.fields.back());
    action_.fields.push_back({"tags", joined(request_.tags)});
    if (request_.push) action_.fields.push_back({"push", "true"});
    std::ranges::sort(action_.fields, {}, &Field::name);
    const auto repeated = std::ranges::unique(action_.fields);
    action_.fields.erase(repeated.begin(), repeated.end());
    std::ranges::sort(action_.inputs);
    const auto twice = std::ranges::unique(action_.inputs);
    action_.inputs.erase(twice.begin(), twice.end());
    action_.processes = build_processes(builder_, request_);
    action_.collect = {"iid", "manifest", "metadata.json"};
    return {};
  }

  const Node& node_;
  const Target& target_;
  ResolveContext& context_;
  Builder builder_;
  BuildRequest request_;
  std::string dockerfile_;
  std::string directory_;
  Action action_;
};

// The config digest: of buildx from its metadata, since with docker's containerd store the iidfile has the manifest's.
std::string config_digest(const Run& run) {
  if (const auto metadata = run.files.find("metadata.json"); metadata != run.files.end()) {
    const auto json = parse_json(metadata->second);
    const Json* digest = json ? json->at("containerimage.config.digest") : nullptr;
    if (digest != nullptr && digest->string() != nullptr) return *digest->string();
  }
  const auto iid = run.files.find("iid");
  return iid == run.files.end() ? "" : std::string(trimmed(iid->second));
}

// Of a pushed image it is the registry's: from the last line of `docker push` ("latest: digest: sha256:… size: 529"),
// or from the file, which the containers tools write anew when they push. Otherwise it is that of the archive.
std::string manifest_digest(const Action& action, const Run& run) {
  for (std::size_t i = run.processes.size(); i-- > 0;) {
    if (i >= action.processes.size() || action.processes[i].argv.size() < 2 || action.processes[i].argv[1] != "push")
      continue;
    const std::string& out = run.processes[i].out;
    const auto at = out.rfind("digest: sha256:");
    if (at != std::string::npos) return out.substr(at + 8, 71);
  }
  const auto file = run.files.find("manifest");
  return file == run.files.end() ? "" : std::string(trimmed(file->second));
}

}  // namespace

std::string_view ImageRule::description() const {
  return "Builds a container image from a Dockerfile";
}

std::span<const KeySpec> ImageRule::keys() const {
  return image_keys;
}

std::span<const std::string_view> ImageRule::values() const {
  return image_values;
}

void ImageRule::plan(const Target& target, PlanContext& context, Node& node) const {
  plan_image(target, context, node);
}

Result<Action> ImageRule::resolve(const Node& node, const Target& target, ResolveContext& context) const {
  return Resolver(node, target, context).run();
}

Result<Collected> ImageRule::collect(const Node& node, const Action& action, const Run& run) const {
  const std::string digest = config_digest(run);
  if (!is_image_id(digest)) {
    return fail(ErrorKind::tool_failed, fmt::format("the build of `{}` gave no image id", node.label));
  }
  const std::string manifest = manifest_digest(action, run);
  const std::string* tags = field_of(action.fields, "tags");
  const std::string* builder = field_of(action.fields, "builder");
  const auto names = words_of(tags == nullptr ? "" : *tags);
  const bool pushed = field_of(action.fields, "push") != nullptr && !names.empty() && is_image_id(manifest);
  Collected collected;
  collected.values.push_back({"digest", digest});
  if (is_image_id(manifest)) collected.values.push_back({"manifest-digest", manifest});
  collected.values.push_back(
      {"ref", pushed ? fmt::format("{}@{}", repository_of(full_image_name(names.front())), manifest) : digest});
  collected.witness = {{"builder", builder == nullptr ? "" : *builder}, {"id", digest}, {"tags", joined(names)}};
  return collected;
}

Result<bool> ImageRule::probe(const Node&, const Target&, const ActionResult& result, ResolveContext& context) const {
  const std::string* kind = field_of(result.witness, "builder");
  const std::string* id = field_of(result.witness, "id");
  const std::string* tags = field_of(result.witness, "tags");
  if (kind == nullptr || id == nullptr) return false;
  const auto builder = builder_of(*kind, context);
  if (!builder) return std::unexpected(builder.error());
  const auto names = words_of(tags == nullptr ? "" : *tags);
  return image_in_store(*builder, *id, names, context);
}

// What the result says comes out of a cache, so it does not say which tags there are, and nothing of it reaches a
// command line that is not what it should be.
Result<std::vector<Process>> ImageRule::revive(const Node& node, const Target& target, const ActionResult& result,
                                               ResolveContext& context) const {
  const std::string* kind = field_of(result.witness, "builder");
  const std::string* id = field_of(result.witness, "id");
  if (kind == nullptr || id == nullptr || !is_image_id(*id)) return std::vector<Process>();
  StoredImage image;
  image.id = *id;
  for (const Text& tag : texts_of(target.table, "tags")) image.tags.push_back(context.fill(tag, node.dir));
  const std::string archive = archive_of(target, node);
  const auto written = std::ranges::find(result.outputs, archive, &OutputEntry::path);
  if (written != result.outputs.end() && written->type == EntryType::file) image.archive = archive;
  const std::string* manifest = field_of(result.values, "manifest-digest");
  if (boolean_or(target.table, "push", false) && !image.tags.empty() && manifest != nullptr && is_image_id(*manifest))
    image.pushed = fmt::format("{}@{}", repository_of(full_image_name(image.tags.front())), *manifest);
  const auto builder = builder_of(*kind, context);
  if (!builder) return std::unexpected(builder.error());
  return revival_processes(*builder, image);
}

Result<std::vector<Leftover>> ImageRule::leftovers(const Node&, const Target&, std::span<const Field> leaves,
                                                   std::int64_t at_ms, ResolveContext& context) const {
  std::vector<Leftover> left;
  if (leaves.empty()) return left;
  const auto builder = builder_of(leaves.front().value, context);
  if (!builder) return std::unexpected(builder.error());
  const auto names = working_containers(*builder, at_ms, context);
  if (!names) return std::unexpected(names.error());
  if (names->empty()) return left;
  const auto all = joined(*names);
  left.push_back({fmt::format("working containers of {}: {}", builder->command, all),
                  fmt::format("`{} rm {}` removes them", builder->command, all)});
  return left;
}

}  // namespace trilock
