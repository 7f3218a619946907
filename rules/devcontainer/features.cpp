#include "rules/devcontainer/features.hpp"

#include <fmt/format.h>

namespace trilock {
namespace {

constexpr std::string_view folder = ".devcontainer";

std::string parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash));
}

// The `.devcontainer` folder that belongs to a configuration file; "" when the file lies where no tool looks for it.
std::string features_root(std::string_view config_file) {
  const auto dir = parent_of(config_file);
  if (config_file == ".devcontainer.json" || config_file.ends_with("/.devcontainer.json")) {
    return dir.empty() ? std::string(folder) : fmt::format("{}/{}", dir, folder);
  }
  const auto with_slashes = fmt::format("/{}/", dir);
  const auto found = with_slashes.find(fmt::format("/{}/", folder));
  return found == std::string::npos ? std::string() : dir.substr(0, found + folder.size());
}

bool is_below(std::string_view path, std::string_view dir) {
  return path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/';
}

}  // namespace

void check_local_features(const Document& document, const std::string& config_file, Place place, PlanContext& context) {
  const auto* top = document.object();
  const auto* value = top == nullptr ? nullptr : top->find("features");
  const auto* features = value == nullptr ? nullptr : value->object();
  if (features == nullptr) return;
  const auto root = features_root(config_file);
  for (const auto& [id, options] : features->members) {
    if (id.starts_with('/')) {
      context.diagnostics.error(place, fmt::format("feature `{}` is an absolute path", id),
                                "a local feature is named by its path from the configuration file: `./my-feature`");
    }
    if (!id.starts_with("./") && !id.starts_with("../")) continue;
    const auto errors = context.diagnostics.error_count();
    const auto path = workspace_path(parent_of(config_file), id, place, context.diagnostics);
    if (context.diagnostics.error_count() != errors) continue;
    if (!root.empty() && !is_below(path, root)) {
      context.diagnostics.error(place, fmt::format("feature `{}` lies in `{}`, outside of `{}`", id, path, root),
                                fmt::format("local features must be below `{}`", root));
    } else if (!context.tree.exists(path + "/devcontainer-feature.json")) {
      context.diagnostics.error(place, fmt::format("feature `{}` has no `{}/devcontainer-feature.json`", id, path),
                                fmt::format("its path is seen from `{}`", config_file));
    }
  }
}

}  // namespace trilock
