#include "engine/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace trilock {

Environment Environment::of_process() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return Environment(std::move(variables), ::isatty(STDOUT_FILENO) == 1 ? Terminal::attached : Terminal::none);
}

std::optional<std::string> Environment::get(const std::string& name) const {
  {
    const std::lock_guard lock(account_->mutex);
    if (!account_->names.contains(name)) account_->names.insert(name);
  }
  const auto found = variables_.find(name);
  if (found == variables_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Environment::asked_for() const {
  const std::lock_guard lock(account_->mutex);
  return {account_->names.begin(), account_->names.end()};
}

std::string Environment::path() const {
  return get("PATH").value_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

std::vector<EnvVar> Environment::base() const {
  std::vector<EnvVar> base;
  if (const auto home = get("HOME")) base.push_back({"HOME", *home, EnvClass::base});
  base.push_back({"LANG", "C.UTF-8", EnvClass::base});
  base.push_back({"PATH", path(), EnvClass::base});
  // Output of processes goes through a pipe, so TERM tells them of colors at most; it decides no result.
  if (const auto term = get("TERM"); term && terminal_ == Terminal::attached)
    base.push_back({"TERM", *term, EnvClass::base});
  if (const auto temporary = get("TMPDIR")) base.push_back({"TMPDIR", *temporary, EnvClass::base});
  return base;
}

std::string replace_markers(std::string_view text, const MarkerPaths& paths) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (text.starts_with(workspace_marker)) {
      result += paths.workspace;
      text.remove_prefix(workspace_marker.size());
    } else if (text.starts_with(scratch_marker)) {
      result += paths.scratch;
      text.remove_prefix(scratch_marker.size());
    } else if (text.starts_with(state_marker)) {
      result += paths.state;
      text.remove_prefix(state_marker.size());
    } else {
      const std::size_t next = text.find('\x1f', 1);
      result += text.substr(0, next);
      text.remove_prefix(std::min(next, text.size()));
    }
  }
  return result;
}

std::vector<std::string> compose_environment(std::initializer_list<const std::vector<EnvVar>*> layers,
                                             const MarkerPaths& paths) {
  std::map<std::string, std::string> merged;
  for (const std::vector<EnvVar>* layer : layers)
    for (const EnvVar& variable : *layer) merged[variable.name] = replace_markers(variable.value, paths);
  std::vector<std::string> result;
  result.reserve(merged.size());
  for (const auto& [name, value] : merged) result.push_back(name + "=" + value);
  return result;
}

}  // namespace trilock
