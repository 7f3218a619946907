// What a node may write to, as far as the path alone says. What lies there is for engine/output_conflicts.hpp, and for
// the run.
#include <fmt/format.h>

#include "rules/rule.hpp"

namespace trilock {
namespace {

constexpr std::string_view special_in_patterns = "*?[{";

// The first component that no node may write to, nor below; "" when there is none.
std::string_view reserved_component(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (name == ".git" || name == ".trilock") return name;
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return {};
}

// The directory that a pattern would be looked for in: "out" of "out/*.txt".
std::string directory_of_pattern(std::string_view path) {
  const std::string_view before = path.substr(0, path.find_first_of(special_in_patterns));
  const std::size_t slash = before.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view() : before.substr(0, slash));
}

}  // namespace

std::string output_path(std::string_view what, std::string_view dir, std::string_view path, Place place,
                        Diagnostics& diagnostics) {
  if (path.find_first_of(special_in_patterns) != std::string_view::npos) {
    const std::string above = directory_of_pattern(path);
    diagnostics.error(place, fmt::format("{} `{}` is a pattern", what, path),
                      above.empty() ? "name each file, or a directory of its own that holds them: `outputs = [\"out\"]`"
                                    : fmt::format("name each file, or the directory that holds them: `{}`", above));
    return {};
  }
  const std::size_t errors = diagnostics.error_count();
  std::string cleaned = workspace_path(dir, path, place, diagnostics);
  if (diagnostics.error_count() != errors) return {};
  if (cleaned.empty()) {
    diagnostics.error(place, fmt::format("{} `{}` is the workspace itself", what, path),
                      "an output is replaced as a whole; name a file or a directory of its own");
    return {};
  }
  if (const std::string_view reserved = reserved_component(cleaned); !reserved.empty()) {
    diagnostics.error(place, fmt::format("{} `{}` is in `{}`, which is not for nodes", what, path, reserved));
    return {};
  }
  return cleaned;
}

}  // namespace trilock
