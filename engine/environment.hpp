// The environment that trilock was started with, and the strict one that processes see. Const once built.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schemas/action.hpp"

namespace trilock {

class Environment {
 public:
  static Environment of_process();
  explicit Environment(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {}

  [[nodiscard]] std::optional<std::string> get(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, std::string>& all() const { return variables_; }
  [[nodiscard]] std::string path() const;  // PATH, or the usual directories when it is not set

  // What every process has, whatever its node declares: PATH, HOME, TMPDIR, LANG=C.UTF-8.
  [[nodiscard]] std::vector<EnvVar> base() const;

 private:
  std::map<std::string, std::string> variables_;
};

// "NAME=value" of all layers, later layers winning, sorted by name, markers replaced.
struct MarkerPaths {
  std::string workspace;
  std::string scratch;
};
[[nodiscard]] std::vector<std::string> compose_environment(std::initializer_list<const std::vector<EnvVar>*> layers,
                                                           const MarkerPaths& paths);
[[nodiscard]] std::string replace_markers(std::string_view text, const MarkerPaths& paths);

// Replaces the values of secrets in what is shown or kept. Values shorter than four bytes are too common to replace.
class Redactor {
 public:
  explicit Redactor(const std::vector<EnvVar>& env);
  [[nodiscard]] std::string operator()(std::string text) const;
  [[nodiscard]] bool empty() const { return secrets_.empty(); }

 private:
  std::vector<std::string> secrets_;
};

}  // namespace trilock
