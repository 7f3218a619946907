// The variables that the go command looks at, and what it makes of them.
// Source: `go help environment`; which of them change what is built was measured.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/rule.hpp"

namespace trilock {

// What decides the result of a build: GOFLAGS, GOOS, CGO_ENABLED, CC. A rule passes them on, and they count.
[[nodiscard]] std::span<const std::string_view> go_deciding_variables();
// What more decides the result of a test run: GODEBUG, GORACE.
[[nodiscard]] std::span<const std::string_view> go_test_variables();
// Where things are kept and fetched from: GOPROXY, GOCACHE. Passed on; they do not count.
[[nodiscard]] std::span<const std::string_view> go_ambient_variables();

// The environment for the go command on top of the base one.
struct GoEnvironment {
  std::vector<EnvVar> action;    // what the rule adds to an action; none of the node's own variables; sorted by name
  std::vector<EnvVar> question;  // that and the node's own: what a question to the go command needs
};
enum class GoUse : std::uint8_t { build, test };
[[nodiscard]] GoEnvironment go_environment(const Node& node, GoUse use, ResolveContext& context);

// The value of `name` in the environment of a question; "" when it is not set.
[[nodiscard]] std::string_view variable(const GoEnvironment& environment, std::string_view name);

// What `go env` says, with the configuration file of `go env -w`, defaults of the toolchain, and the toolchain that
// go.mod asks for taken into account.
struct GoSettings {
  std::string version;        // "go1.19.8"
  std::vector<Field> values;  // the deciding variables, sorted by name; those without a value are left out
  [[nodiscard]] std::string_view value(std::string_view name) const;  // "" when absent
  Question::Quiet quiet = {};  // how go was asked, or would have been, by a command that runs nothing
};
// `module_files`: the files whose content decides which toolchain is used.
[[nodiscard]] Result<GoSettings> ask_go_settings(const Node& node, const GoEnvironment& environment,
                                                 std::span<const std::string> module_files, ResolveContext& context);

// The answer of a go command that must succeed; ErrorKind::tool_failed with its own message when it did not, or
// not_known when it may succeed in a run. `quiet` is set to whether it was asked so.
[[nodiscard]] Result<std::string> ask_go(const Question& question, ResolveContext& context, bool* quiet = nullptr);

}  // namespace trilock
