// What `trilock init` makes of Dockerfiles: a node for each, with the context that its COPY lines fit, its last stage
// as the target, and its build arguments.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cache/glob.hpp"
#include "rules/draft.hpp"
#include "rules/image/dockerfile.hpp"
#include "rules/image/image_rule.hpp"
#include "rules/image/stages.hpp"
#include "schemas/go_version.hpp"

namespace trilock {
namespace {

bool is_dockerfile(std::string_view name) {
  for (const std::string_view word : {"Dockerfile", "Containerfile"}) {
    if (name == word) return true;
    if (name.starts_with(word) && name[word.size()] == '.' && !name.ends_with("ignore")) return true;
    if (name.size() > word.size() + 1 && name.ends_with(word) && name[name.size() - word.size() - 1] == '.')
      return true;
  }
  return false;
}

// "docker/base.Dockerfile" -> "base", "services/api/Dockerfile" -> "api", or "services-api" with `whole_path`,
// "Dockerfile" -> the project.
std::string node_name(const std::string& path, const std::string& project, bool whole_path) {
  std::string name(file_name(path));
  for (const std::string_view word : {"Dockerfile", "Containerfile"}) {
    if (name == word) {
      const std::string dir = parent_path(path);
      return dir.empty() ? project : valid_name(whole_path ? dir : file_name(dir), project);
    }
    if (name.starts_with(word)) return valid_name(name.substr(word.size() + 1), project);
    if (name.ends_with(word)) return valid_name(name.substr(0, name.size() - word.size() - 1), project);
  }
  return project;
}

struct Argument {
  std::string name;
  std::string fallback;
  bool has_fallback = false;
};

// Every ARG once; one with a default anywhere has that default.
std::vector<Argument> arguments_of(const Dockerfile& file) {
  std::vector<Argument> found;
  for (const DockerfileInstruction& instruction : file.instructions) {
    if (instruction.name != "ARG") continue;
    for (const Word& word : instruction.args) {
      const std::size_t equals = word.text.find('=');
      Argument argument{word.text.substr(0, equals), {}, equals != std::string::npos};
      if (argument.has_fallback) argument.fallback = word.text.substr(equals + 1);
      // What the builder sets itself is not for the pipeline.
      if (argument.name.starts_with("TARGET") || argument.name.starts_with("BUILD") || argument.name.empty()) continue;
      const auto known = std::ranges::find(found, argument.name, &Argument::name);
      if (known == found.end())
        found.push_back(std::move(argument));
      else if (!known->has_fallback)
        *known = std::move(argument);
    }
  }
  return found;
}

// The files that COPY and ADD take from the context, as far as they are written out.
std::vector<std::string> copied_paths(const Dockerfile& file) {
  std::vector<std::string> paths;
  for (const DockerfileInstruction& instruction : file.instructions) {
    if (instruction.name != "COPY" && instruction.name != "ADD") continue;
    if (instruction.flag("from") != nullptr) continue;
    for (std::size_t i = 0; i + 1 < instruction.args.size(); ++i) {
      const std::string& word = instruction.args[i].text;
      if (word.contains('$') || word.contains("://") || word.starts_with("git@") || word.starts_with("<<")) continue;
      std::string path = std::filesystem::path("/" + word).lexically_normal().generic_string().substr(1);
      if (!is_literal_pattern(path)) path = std::string(literal_prefix(path));
      while (path.ends_with('/')) path.pop_back();
      if (path.size() > 1 && path.front() == '"') path = path.substr(1, path.size() - 2);
      if (!path.empty()) paths.push_back(std::move(path));
    }
  }
  return paths;
}

std::vector<std::string> missing_in(const Folder& folder, const std::string& context,
                                    const std::vector<std::string>& paths) {
  std::vector<std::string> missing;
  for (const std::string& path : paths) {
    const std::string full = context.empty() ? path : fmt::format("{}/{}", context, path);
    if (!folder.tree.exists(full)) missing.push_back(path);
  }
  return missing;
}

// The Go version can be given to what names a Go image by it, unless the default says more than a version.
bool takes_go_version(const Argument& argument) {
  std::string name = argument.name;
  for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (name != "GO_VERSION" && name != "GOLANG_VERSION" && name != "GOVERSION") return false;
  return argument.fallback.find_first_not_of("0123456789.") == std::string::npos;
}

class Drafter {
 public:
  Drafter(const Folder& folder, Draft& draft) : folder_(folder), draft_(draft) {}

  void run() {
    if (folder_.has("go.mod"))
      if (const auto text = folder_.read("go.mod")) has_go_version_ = effective_go_version(*text).has_value();
    for (const std::string& path : folder_.files)
      if (is_dockerfile(file_name(path))) add(path);
    connect();
  }

 private:
  // `FROM base`, where another Dockerfile here is called base: that image, and no registry's.
  void connect() {
    for (const auto& [label, names] : bases_) {
      std::vector<std::string> contexts;
      for (const std::string& name : names) {
        const DraftNode* base = draft_.node("image." + name);
        if (base != nullptr && base->switched_on && base->label() != label)
          contexts.push_back(fmt::format("{} = {}", toml_key(name), toml_text(base->label())));
      }
      if (contexts.empty()) continue;
      const auto node = std::ranges::find(draft_.nodes, label, &DraftNode::label);
      node->set("contexts", fmt::format("{{ {} }}", fmt::join(contexts, ", ")));
    }
  }

  void add(const std::string& path) {
    const auto text = folder_.read(path);
    if (!text) {
      draft_.left_out.push_back({path, text.error().message});
      return;
    }
    std::vector<DockerfileProblem> problems;
    const Dockerfile file = parse_dockerfile(*text, problems);
    if (!problems.empty()) {
      draft_.left_out.push_back({path, fmt::format("line {}: {}", problems.front().line, problems.front().message)});
      return;
    }
    const std::string name = node_name(path, draft_.project, false);
    const bool taken = draft_.node("image." + name) != nullptr;
    DraftNode& node = draft_.add("image", taken ? node_name(path, draft_.project, true) : name);
    node.set("description", toml_text(fmt::format("the image of {}", path)));
    if (path != "Dockerfile") node.set("dockerfile", toml_text(path));
    set_context(path, file, node);
    set_target(file, node);
    set_arguments(file, node);
    const std::string tag = lower_case(node.name);
    node.set("tags", toml_list({fmt::format("localhost/{}:dev", tag)}));
    node.suggest("push", "true", "with a registry in `tags`");
    std::set<std::string>& bases = bases_.emplace_back(node.label(), std::set<std::string>()).second;
    for (const ImageUse& use : image_uses(file, {}, "", problems))
      if (!use.stage && valid_name(use.image, "") == use.image) bases.insert(use.image);
    draft_.found.push_back({path, describe(file)});
  }

  static std::string lower_case(std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
  }

  static std::string describe(const Dockerfile& file) {
    std::vector<std::string> names;
    for (const DockerfileStage& stage : file.stages)
      names.push_back(stage.name.empty() ? fmt::format("{}", stage.index) : stage.name);
    return fmt::format("{} stage{}: {}", names.size(), names.size() == 1 ? "" : "s", fmt::join(names, ", "));
  }

  // The nearest folder, from that of the Dockerfile up, that has all that is copied. Where `docker build` is called
  // from is written nowhere.
  void set_context(const std::string& path, const Dockerfile& file, DraftNode& node) {
    const std::vector<std::string> copied = copied_paths(file);
    const std::string own = parent_path(path);
    for (std::string dir = own;; dir = parent_path(dir)) {
      if (missing_in(folder_, dir, copied).empty()) {
        if (!dir.empty()) node.set("context", toml_text(dir));
        return;
      }
      if (dir.empty()) break;
    }
    if (!own.empty()) node.set("context", toml_text(own));
    const std::vector<std::string> missing = missing_in(folder_, own, copied);
    node.comments.push_back(fmt::format("It copies what is not there: {}.", fmt::join(missing, ", ")));
    node.comments.emplace_back("Switch it on when that exists, or name the node that makes it in `needs`.");
    node.switched_on = false;
  }

  void set_target(const Dockerfile& file, DraftNode& node) {
    if (file.stages.size() < 2) return;
    std::vector<DockerfileProblem> ignored;
    const auto uses = image_uses(file, {}, "", ignored);
    std::set<std::uint32_t> used;
    for (const ImageUse& use : uses)
      if (use.stage) used.insert(*use.stage);
    std::vector<std::string> ends;  // named stages that no other stage builds on
    for (const DockerfileStage& stage : file.stages)
      if (!used.contains(stage.index) && !stage.name.empty()) ends.push_back(stage.name);
    if (file.stages.back().name.empty()) return;
    node.set("target", toml_text(file.stages.back().name), "the last stage");
    if (ends.size() < 2) return;
    node.comments.push_back(fmt::format("Stages that can be built: {}. For all of them: target = \"${{matrix.stage}}\"",
                                        fmt::join(ends, ", ")));
    node.comments.push_back(fmt::format("and matrix = {{ stage = {} }}.", toml_list(ends)));
  }

  void set_arguments(const Dockerfile& file, DraftNode& node) {
    std::vector<std::string> given;
    std::vector<std::string> others;
    std::vector<std::string> open;
    for (const Argument& argument : arguments_of(file)) {
      if (has_go_version_ && takes_go_version(argument)) {
        given.push_back(fmt::format("{} = \"${{var.go}}\"", toml_key(argument.name)));
        draft_.declare("go", "{ gomod = \"go.mod\" }");
        continue;
      }
      if (!argument.has_fallback) open.push_back(argument.name);
      others.push_back(fmt::format("{} = {}", toml_key(argument.name), toml_text(argument.fallback)));
    }
    std::vector<DockerfileProblem> problems;
    const std::vector<BuildArg> known = given.empty() ? std::vector<BuildArg>() : go_arguments(file);
    (void)image_uses(file, known, "", problems);
    if (!problems.empty()) {
      node.comments.push_back(fmt::format("Line {}: {}.", problems.front().line, problems.front().message));
      node.comments.emplace_back("Give the argument a value in `args`, then switch the node on.");
      node.switched_on = false;
    }
    if (!given.empty()) {
      node.set("args", fmt::format("{{ {} }}", fmt::join(given, ", ")));
      if (!others.empty()) node.comments.push_back(fmt::format("Other arguments: {}.", fmt::join(others, ", ")));
    } else if (!others.empty()) {
      node.suggest("args", fmt::format("{{ {} }}", fmt::join(others, ", ")),
                   open.empty() ? "the defaults" : fmt::format("without a default: {}", fmt::join(open, ", ")));
    }
  }

  static std::vector<BuildArg> go_arguments(const Dockerfile& file) {
    std::vector<BuildArg> known;
    for (const Argument& argument : arguments_of(file))
      if (takes_go_version(argument)) known.push_back({argument.name, std::nullopt});
    return known;
  }

  const Folder& folder_;
  Draft& draft_;
  // By label, the names of one word that FROM and COPY --from take images by.
  std::vector<std::pair<std::string, std::set<std::string>>> bases_;
  bool has_go_version_ = false;
};

}  // namespace

void ImageRule::draft(const Folder& folder, Draft& draft) const {
  Drafter(folder, draft).run();
}

}  // namespace trilock
