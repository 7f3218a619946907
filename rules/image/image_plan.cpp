#include "rules/image/image_plan.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cache/hash.hpp"
#include "rules/image/context.hpp"
#include "rules/image/dockerfile.hpp"
#include "rules/image/image_reference.hpp"
#include "rules/image/stages.hpp"

namespace trilock {
namespace {

struct Planner {
  const Target& target;
  PlanContext& context;
  Node& node;
  std::vector<std::string> labels = {};    // of all image nodes but this one
  std::vector<std::string> contexts = {};  // full names of the entries of `contexts`

  [[nodiscard]] Diagnostics& diagnostics() const { return context.diagnostics; }
  [[nodiscard]] Place place(std::string_view key) const { return place_of(target.table, key, target.place); }
  [[nodiscard]] const Text* text(std::string_view key) const {
    const Config* value = target.table.find(key);
    return value == nullptr ? nullptr : value->text();
  }
  void depend(const std::string& label, Place where) {
    node.dependencies.push_back({label, DependencyKind::reference, where});
  }
};

// Whether an `outputs`, `output` or `archive` of the pipeline is `path`, a directory above it, or in it.
bool is_declared_output(const Pipeline& pipeline, std::string_view path) {
  const auto covers = [&](std::string_view dir, const std::string& written) {
    Diagnostics ignored;
    const std::string output = workspace_path(dir, written, {}, ignored);
    return !output.empty() &&
           (path == output || path.starts_with(output + "/") || output.starts_with(fmt::format("{}/", path)));
  };
  return std::ranges::any_of(pipeline.targets, [&](const Target& other) {
    const std::string dir = literal_or(other.table, "dir", "");
    std::vector<Text> texts = texts_of(other.table, "outputs");
    for (auto& [name, text] : text_table_of(other.table, "outputs")) texts.push_back(std::move(text));
    for (const auto key : {"output", "archive"}) {
      if (const std::string one = literal_or(other.table, key, ""); !one.empty()) texts.push_back({.literal = one});
    }
    return std::ranges::any_of(texts, [&](const Text& text) { return covers(dir, text.literal); });
  });
}

// The one node that `wanted` means here; "" after a report.
std::string the_variant(Planner& planner, std::string_view wanted, std::vector<std::string> found, Place place) {
  if (found.size() == 1) return found.front();
  const std::string target = parse_label(wanted).target;
  std::vector<std::string> choices = std::move(found);
  if (choices.empty()) {
    std::ranges::copy_if(planner.labels, std::back_inserter(choices),
                         [&](const std::string& label) { return parse_label(label).target == target; });
  }
  if (choices.empty()) {
    std::vector<std::string_view> names(planner.labels.begin(), planner.labels.end());
    auto help = did_you_mean(wanted, names);
    if (help.empty()) help = "name an image node of the pipeline, such as `image.base`, or write `${…}`";
    planner.diagnostics().error(place, fmt::format("`{}` is no image of this pipeline", wanted), std::move(help));
    return {};
  }
  planner.diagnostics().error(place, fmt::format("`{}` does not say which variant is meant", wanted),
                              fmt::format("choose one of `{}`", fmt::join(choices, "`, `")));
  return {};
}

void plan_contexts(Planner& planner) {
  const Config* value = planner.target.table.find("contexts");
  const ConfigTable* table = value == nullptr ? nullptr : value->table();
  if (table == nullptr) return;
  for (const ConfigEntry& entry : table->entries) {
    const Text* text = entry.value.text();
    if (text == nullptr) continue;
    const std::string full = full_image_name(entry.key);
    planner.contexts.push_back(full);
    if (!text->is_literal()) {
      planner.node.kept.emplace_back(std::string(kept_text) + full, *text);
      continue;
    }
    const auto found = variants_of(text->literal, planner.labels, planner.target.coordinates);
    const std::string label = the_variant(planner, text->literal, found, entry.value.place);
    if (label.empty()) continue;
    planner.depend(label, entry.value.place);
    planner.node.kept.emplace_back(std::string(kept_base) + full, Text{.literal = label});
  }
}

// The image nodes that give a tag, by its full name.
std::vector<std::string> labels_tagged(const Planner& planner, const std::string& full) {
  std::vector<std::string> found;
  for (const Target& other : planner.context.pipeline.targets) {
    if (other.rule != "image" || other.label == planner.target.label) continue;
    const auto tags = texts_of(other.table, "tags");
    const bool has = std::ranges::any_of(
        tags, [&](const Text& tag) { return tag.is_literal() && full_image_name(tag.literal) == full; });
    if (has) found.push_back(other.label);
  }
  return found;
}

void plan_base(Planner& planner, const ImageUse& use, const std::string& dockerfile) {
  const std::string full = full_image_name(use.image);
  if (std::ranges::find(planner.contexts, full) != planner.contexts.end()) return;
  const std::string name = std::string(kept_base) + full;
  if (std::ranges::any_of(planner.node.kept, [&](const auto& kept) { return kept.first == name; })) return;
  auto tagged = labels_tagged(planner, full);
  if (tagged.empty()) return;
  if (tagged.size() > 1) {
    std::erase_if(tagged, [&](const std::string& label) {
      const std::string target = parse_label(label).target;
      return variants_of(target, std::vector{label}, planner.target.coordinates).empty();
    });
  }
  const Place place = planner.place("dockerfile");
  if (tagged.size() != 1) {
    planner.diagnostics().error(
        place, fmt::format("`{}:{}` builds on `{}`, a tag that several nodes give", dockerfile, use.line, use.image),
        "say which one by `contexts`, or give each its own tag");
    return;
  }
  planner.depend(tagged.front(), place);
  planner.node.kept.emplace_back(name, Text{.literal = tagged.front()});
}

std::vector<BuildArg> known_args(const Target& target) {
  std::vector<BuildArg> args;
  for (const auto& [name, text] : text_table_of(target.table, "args")) {
    args.push_back({name, text.is_literal() ? std::optional(text.literal) : std::nullopt});
  }
  return args;
}

void check_args(Planner& planner, const Dockerfile& file, const std::string& path) {
  const Config* value = planner.target.table.find("args");
  const ConfigTable* table = value == nullptr ? nullptr : value->table();
  if (table == nullptr) return;
  for (const ConfigEntry& entry : table->entries) {
    if (declares_arg(file, entry.key)) continue;
    std::vector<std::string> names;
    for (const DockerfileInstruction& instruction : file.instructions) {
      if (instruction.name != "ARG") continue;
      for (const Word& word : instruction.args) names.push_back(word.text.substr(0, word.text.find('=')));
    }
    planner.diagnostics().warning(entry.place, fmt::format("no `ARG` of `{}` declares `{}`", path, entry.key),
                                  did_you_mean(entry.key, {names.begin(), names.end()}));
  }
}

void check_stages(Planner& planner, const Dockerfile& file, const std::string& path) {
  const Config* value = planner.target.table.find("contexts");
  const ConfigTable* table = value == nullptr ? nullptr : value->table();
  if (table == nullptr) return;
  for (const ConfigEntry& entry : table->entries) {
    if (const auto stage = file.stage_named(entry.key)) {
      planner.diagnostics().error(
          entry.place,
          fmt::format("`{}` is also the name of a stage (`{}:{}`)", entry.key, path, file.stages[*stage].line),
          "rename one of them");
    }
  }
}

// Two builds that make the same intermediate image at the same time come out with other histories, and so with other
// digests, than one after the other (buildah 1.28; podman builds without such images). They share one only when they
// share the first step of a stage, so that is what one node at a time may use.
void plan_turns(Planner& planner, const Dockerfile& file, const std::vector<ImageUse>& uses,
                const std::vector<bool>& reached) {
  const std::string builder = literal_or(planner.target.table, "builder", "auto");
  if (builder == "docker" || builder == "podman") return;
  for (const ImageUse& use : uses) {
    if (use.kind != ImageUse::Kind::from || use.stage || !reached[use.in_stage]) continue;
    const auto first = std::ranges::find_if(file.instructions, [&](const DockerfileInstruction& each) {
      return each.stage == static_cast<int>(use.in_stage) && each.name != "FROM";
    });
    if (first == file.instructions.end()) continue;
    std::string turn =
        fmt::format("buildah FROM {} {}", use.image.empty() ? use.written : full_image_name(use.image), first->name);
    for (const Word& word : first->args) turn += fmt::format(" {}", word.text);
    if (std::ranges::find(planner.node.exclusive, turn) == planner.node.exclusive.end()) {
      planner.node.exclusive.push_back(std::move(turn));
    }
  }
}

void report(Planner& planner, const std::string& path, const std::vector<DockerfileProblem>& problems) {
  for (const DockerfileProblem& problem : problems) {
    planner.diagnostics().error(planner.place("dockerfile"),
                                fmt::format("`{}:{}`: {}", path, problem.line, problem.message), problem.help);
  }
}

void plan_dockerfile(Planner& planner, const std::string& path) {
  const Place place = planner.place("dockerfile");
  if (!stays_inside(planner.context, path, place)) return;
  const auto stat = planner.context.tree.stat_following(path);
  if (!stat) {
    if (is_declared_output(planner.context.pipeline, path)) return;
    planner.diagnostics().error(place, fmt::format("`{}` does not exist", path),
                                planner.text("dockerfile") == nullptr
                                    ? "write it, or name another file by `dockerfile`"
                                    : "a path is relative to the workspace, or to `dir` where that is set");
    return;
  }
  if (stat->type == FileType::directory) {
    planner.diagnostics().error(place, fmt::format("`{}` is a directory, expected a Dockerfile", path));
    return;
  }
  const auto bytes = planner.context.tree.read(path);
  if (!bytes) {
    planner.diagnostics().error(place, bytes.error().message, bytes.error().help);
    return;
  }
  std::vector<DockerfileProblem> problems;
  const Dockerfile file = parse_dockerfile(*bytes, problems);
  if (!problems.empty()) return report(planner, path, problems);
  check_args(planner, file, path);
  check_stages(planner, file, path);
  const auto uses =
      image_uses(file, known_args(planner.target), literal_or(planner.target.table, "platform", ""), problems);
  if (!problems.empty()) return report(planner, path, problems);
  const std::string wanted = literal_or(planner.target.table, "target", "");
  const auto stage = target_stage(file, wanted);
  if (!stage) {
    std::vector<std::string_view> names;
    for (const DockerfileStage& each : file.stages) names.push_back(each.name);
    planner.diagnostics().error(planner.place("target"), fmt::format("`{}` has no stage `{}`", path, wanted),
                                did_you_mean(wanted, names));
    return;
  }
  // A source, wherever the context is.
  planner.node.inputs.insert(planner.node.inputs.begin(), {quote_pattern(path), false, place});
  const auto reached = reachable_stages(file, uses, *stage);
  for (const ImageUse& use : uses) {
    if (reached[use.in_stage] && !use.image.empty()) plan_base(planner, use, path);
  }
  plan_turns(planner, file, uses, reached);
}

void plan_context(Planner& planner, const std::string& path, const std::string& dockerfile) {
  const Place place = planner.place("context");
  if (!stays_inside(planner.context, path, place)) return;
  const auto stat = planner.context.tree.stat_following(path);
  if (!stat) {
    if (is_declared_output(planner.context.pipeline, path)) return;
    planner.diagnostics().error(place, fmt::format("context `{}` does not exist", path),
                                "name a directory of the workspace by `context`");
  } else if (stat->type != FileType::directory) {
    planner.diagnostics().error(place, fmt::format("context `{}` is no directory", path));
  } else if (const auto rules = read_ignore_rules(planner.context.tree, dockerfile, path); !rules) {
    planner.diagnostics().error(place, rules.error().message, rules.error().help);
  }
}

void plan_tags(Planner& planner) {
  const Config* value = planner.target.table.find("tags");
  const ConfigArray* tags = value == nullptr ? nullptr : value->array();
  if ((tags == nullptr || tags->empty()) && boolean_or(planner.target.table, "push", false)) {
    planner.diagnostics().error(planner.place("push"), "`push` has no tag to push",
                                "add `tags = [\"registry.example/name:tag\"]`");
  }
  if (tags == nullptr) return;
  const std::string builder = literal_or(planner.target.table, "builder", "auto");
  for (const Config& tag : *tags) {
    if (tag.text() == nullptr || !tag.text()->is_literal()) continue;
    const std::string& name = tag.text()->literal;
    if (const auto wrong = check_image_name(name); !wrong.empty()) {
      planner.diagnostics().error(tag.place, fmt::format("`{}` is no name for an image: {}", name, wrong));
      continue;
    }
    for (const std::string& label : labels_tagged(planner, full_image_name(name))) {
      const Target* other = planner.context.pipeline.find(label);
      // Said once, at the later of the two.
      if (other == nullptr || other > &planner.target || literal_or(other->table, "builder", "auto") != builder)
        continue;
      planner.diagnostics()
          .error(tag.place, fmt::format("`{}` and `{}` both give the tag `{}`", label, planner.target.label, name),
                 "the tag would mean whichever was built last; give each its own")
          .notes.push_back({"the other one is here", place_of(other->table, "tags", other->place)});
    }
  }
}

// A file name that no other label has: what is not usual in names is written as %XX, since values on axes may hold `/`
// and `:`, which the containers tools take for the end of a path.
std::string private_archive(std::string_view label) {
  constexpr std::size_t longest = 160;  // file systems take 255
  std::string name;
  for (const char c : label) {
    const bool usual = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.,=").find(c) != std::string_view::npos;
    name += usual ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  if (name.size() > longest) name = fmt::format("{}%{}", name.substr(0, longest), strong_digest(label).hex());
  return fmt::format(".trilock/images/{}.oci.tar", name);
}

// A node whose results stay on this machine has its image there as well, and one that has no results needs none kept.
bool keeps_image(const Planner& planner) {
  return planner.context.pipeline.cache.images && planner.node.cache == CachePolicy::shared;
}

}  // namespace

std::string archive_of(const Target& target, const Node& node) {
  if (target.table.find("archive") != nullptr) return literal_path(target, "archive", "", node);
  const auto kept = std::ranges::find_if(node.outputs, is_private_output, &OutputSpec::path);
  return kept == node.outputs.end() ? "" : kept->path;
}

std::string literal_path(const Target& target, std::string_view key, std::string_view fallback, const Node& node) {
  const Config* value = target.table.find(key);
  const Text* text = value == nullptr ? nullptr : value->text();
  if (text != nullptr && !text->is_literal()) return {};
  Diagnostics ignored;
  return workspace_path(node.dir, text == nullptr ? fallback : text->literal, {}, ignored);
}

void plan_image(const Target& target, PlanContext& context, Node& node) {
  Planner planner{target, context, node};
  for (const Target& other : context.pipeline.targets) {
    if (other.rule == "image" && other.label != target.label) planner.labels.push_back(other.label);
  }
  const std::size_t errors = context.diagnostics.error_count();
  const auto path = [&](std::string_view key, std::string_view fallback) {
    const Text* text = planner.text(key);
    if (text != nullptr && !text->is_literal()) return std::string();
    return workspace_path(node.dir, text == nullptr ? fallback : text->literal, planner.place(key),
                          context.diagnostics);
  };
  const std::string dockerfile = path("dockerfile", "Dockerfile");
  const std::string directory = path("context", ".");
  plan_contexts(planner);
  plan_tags(planner);
  const Text* const archived = planner.text("archive");
  const std::string archive =
      archived == nullptr || !archived->is_literal()
          ? ""
          : output_path("archive", node.dir, archived->literal, planner.place("archive"), context.diagnostics);
  if (context.diagnostics.error_count() != errors) return;
  if (!archive.empty()) {
    node.outputs.push_back({"", archive, planner.place("archive")});
  } else if (keeps_image(planner)) {
    node.outputs.push_back({"", private_archive(target.label), target.place});
  }
  if (!dockerfile.empty()) plan_dockerfile(planner, dockerfile);
  const Text* written = planner.text("context");
  if (written == nullptr || written->is_literal()) plan_context(planner, directory, dockerfile);
}

}  // namespace trilock
