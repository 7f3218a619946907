#include "engine/outside.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace trilock {
namespace {

bool is_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || folder == "/" || path[folder.size()] == '/');
}

}  // namespace

bool is_outside(std::string_view path, std::string_view folder) {
  const std::filesystem::path plain = std::filesystem::path(path).lexically_normal();
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(plain, error);
  // A link that cannot be followed, since links lead in a circle, leads to no program.
  return !is_in(plain.native(), folder) && !is_in(real.native(), folder);
}

std::string path_outside(std::string_view path_variable, const std::vector<std::string>& folders) {
  std::string kept;
  while (!path_variable.empty()) {
    const std::string_view entry = path_variable.substr(0, path_variable.find(':'));
    path_variable.remove_prefix(std::min(entry.size() + 1, path_variable.size()));
    const auto outside = [&](const std::string& folder) { return is_outside(entry, folder); };
    if (!entry.starts_with('/') || !std::ranges::all_of(folders, outside)) continue;
    if (!kept.empty()) kept += ':';
    kept += entry;
  }
  return kept;
}

Result<PrivateDirectory> PrivateDirectory::make(const Environment& environment) {
  std::string path = environment.get("TMPDIR").value_or("/tmp") + "/trilock-ask.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return fail_errno(fmt::format("cannot make `{}`", path), errno);
  return PrivateDirectory(std::move(path));
}

// Not through a `Disk`: that of a revision changes nothing.
PrivateDirectory::~PrivateDirectory() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

}  // namespace trilock
