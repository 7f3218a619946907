// The environment that trilock was started with, and the strict one that processes see. Const once built, but for the
// account of what was asked for. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schemas/action.hpp"

namespace trilock {

// Whether a person looks on: trilock's standard output is a terminal.
enum class Terminal : std::uint8_t { none, attached };

class Environment {
 public:
  static Environment of_process();
  explicit Environment(std::map<std::string, std::string> variables, Terminal terminal = Terminal::none)
      : variables_(std::move(variables)), terminal_(terminal) {}
  Environment(const Environment& other)
      : Environment(other.variables_, other.terminal_) {}  // with an account of its own
  Environment(Environment&&) noexcept = default;

  [[nodiscard]] std::optional<std::string> get(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, std::string>& all() const { return variables_; }
  [[nodiscard]] std::string path() const;  // PATH, or the usual directories when it is not set

  // What every process has, whatever its node declares: HOME, LANG=C.UTF-8, PATH, TERM where a terminal is attached,
  // TMPDIR; those that are not set stay away. Sorted by name.
  [[nodiscard]] std::vector<EnvVar> base() const;

  // The names that were given to get() so far, whether there is such a variable or not. Sorted.
  [[nodiscard]] std::vector<std::string> asked_for() const;

 private:
  struct Account {
    std::mutex mutex;
    std::set<std::string, std::less<>> names;  // guarded by mutex
  };
  std::unique_ptr<Account> account_ = std::make_unique<Account>();
  std::map<std::string, std::string> variables_;
  Terminal terminal_;
};

// "NAME=value" of all layers, later layers winning, sorted by name, markers replaced.
struct MarkerPaths {
  std::string workspace;
  std::string scratch;
  std::string state;
};
[[nodiscard]] std::vector<std::string> compose_environment(std::initializer_list<const std::vector<EnvVar>*> layers,
                                                           const MarkerPaths& paths);
[[nodiscard]] std::string replace_markers(std::string_view text, const MarkerPaths& paths);

}  // namespace trilock
